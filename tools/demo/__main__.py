"""Runs the demonstration; exit status 0 only if everything came back as it was and stayed where it should."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from tools.demo import tree
from tools.demo.screen import Screen
from tools.demo.service import PROFILE, Service, ServiceError
from tools.demo.story import Story
from tools.mortal import let_go

INTERRUPTED = 130
SHOWN_DIFFERENCES = 20


def main(*, keeps: bool) -> int:
    """The whole demonstration; `keeps` leaves the service and its data as they are at the end."""
    screen = Screen()
    scratch = Path(tempfile.mkdtemp(prefix="safehold-demo-"))
    service = Service(scratch)
    kept = False
    try:
        code = _demonstrate(screen, scratch, service)
        kept = keeps
    except ServiceError as error:
        screen.say(f"The demonstration failed: {error}", style="bold red")
        code = 1
    except KeyboardInterrupt:
        screen.say("Stopped.")
        code = INTERRUPTED
    finally:
        if not kept:
            service.stop()
            let_go(service.data)
            shutil.rmtree(scratch, ignore_errors=True)
    if kept:
        _tell_how_to_go_on(screen, service, scratch)
    return code


def _demonstrate(screen: Screen, scratch: Path, service: Service) -> int:
    with screen.progress("Copying a real tree") as show:
        show(0, "")
        tree.make(scratch / "library")
        show(100, f"{tree.file_count(scratch / 'library'):,} files")
    service.start()
    screen.say(f"Safehold serves {service.endpoint}, data in {service.data}")
    story = Story(service, screen, scratch)
    story.tell()
    screen.table(story.rows)
    if not story.differing:
        screen.say("Everything came back as it was, and nobody could delete it.", style="bold green")
        return 0
    for sentence in story.differing[:SHOWN_DIFFERENCES]:
        screen.say(sentence)
    screen.say(f"{len(story.differing)} things did not come back as they were.", style="bold red")
    return 1


def _tell_how_to_go_on(screen: Screen, service: Service, scratch: Path) -> None:
    assert service.process is not None
    exports = " ".join(f"{name}={value}" for name, value in service.environment.items())
    screen.say(
        f"\nIt goes on running at {service.endpoint}. In this shell:\n\n"
        f"  export {exports}\n"
        f"  aws --profile {PROFILE} backup list-backup-jobs\n"
        f"  .venv/bin/safehold status --data {service.data}\n\n"
        f"To end it: kill {service.process.pid}; {_unlock(service)}rm -r {scratch}"
    )


def _unlock(service: Service) -> str:
    """Where root keeps a locked vault in a folder, its files are immutable, and root takes that away."""
    return f"chattr -R -f -i {service.data}/vaults; " if os.geteuid() == 0 else ""


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(keeps=os.environ.get("KEEP", "") not in ("", "0")))
