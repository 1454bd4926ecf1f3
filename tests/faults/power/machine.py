"""A small machine of its own: User-Mode Linux, a kernel that is a process, with this checkout to read.

It has what the kernel here may lack: the device mapper and its dm-log-writes. Debian's package
`user-mode-linux` (tools/servers installs it). Nothing of the host can be written from inside but its disks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[3]
KERNEL = Path("/usr/bin/linux.uml")
MODULES = Path("/usr/lib/uml/modules")
ANSWER = "ANSWER "
MEMORY = "768M"

INIT = """#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH={checkout}/src:{checkout} HOME=/mnt TMPDIR=/mnt
export PYTHONDONTWRITEBYTECODE=1 DM_DISABLE_UDEV=1
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run; mount -t tmpfs mnt /mnt
cd {checkout}
{python} -m tests.faults.power.inside {arguments} 2>&1
echo o >/proc/sysrq-trigger
sleep 20
"""


def run(folder: Path, *arguments: str, disks: Sequence[Path], timeout_seconds: float) -> dict[str, Any]:
    """What `inside.py` answers to those arguments; `disks` are /dev/ubda, /dev/ubdb, ... there."""
    init = folder / "init"
    python = Path(sys.executable)
    init.write_text(INIT.format(checkout=CHECKOUT, python=python, arguments=" ".join(arguments)))
    init.chmod(0o755)
    command = [
        *(str(KERNEL), "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", f"mem={MEMORY}"),
        *("con=null", "con0=fd:0,fd:1", "quiet"),
        *(f"ubd{number}={disk}" for number, disk in enumerate(disks)),
    ]
    ended = _run(command, folder, timeout_seconds)
    answers = [line for line in ended.splitlines() if line.startswith(ANSWER)]
    assert len(answers) == 1, ended[-4000:]
    found: dict[str, Any] = json.loads(answers[0].removeprefix(ANSWER))
    return found


def _run(command: Sequence[str], folder: Path, timeout_seconds: float) -> str:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.environ["PATH"]},
        start_new_session=True,  # it is several processes, which end together
    )
    try:
        return process.communicate(timeout=timeout_seconds)[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
