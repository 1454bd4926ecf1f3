"""`safehold keys`: who wraps the vaults' keys, new ones, and copies of them that prove to work."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows

COLUMNS = {"vault": "VAULT", "site": "SITE", "key_object": "KEYS", "epoch": "EPOCH", "state": "STATE"}

kit_argument = click.argument("kit", metavar="KIT", type=click.File("r", encoding="utf-8", errors="replace"))
passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the kit's passphrase stands; else $SAFEHOLD_KIT_PASSPHRASE, else it is asked for.",
)


@click.group("keys")
def command() -> None:
    """Keep the vaults' keys: list, rewrap, renew, export, prove, recover.

    Three things are not the same. `rewrap` puts the keys under another wrapping key, `reepoch` gives new
    backups a new seal key; both rewrite nothing. If a seal key itself leaked, what it sealed stays readable
    to whoever has it: only a copy into a new vault, encrypted anew, cures that. There is no command for it
    yet.
    """


@command.command("list")
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """Show who wraps the vaults' keys, their newest seal keys' epochs, and whether an export was proved."""
    from safehold.cli.installation import opened
    from safehold.cli.rotating import list_keys

    with opened(data) as installation:
        provider, rows = list_keys(installation)
    if as_json:
        show_json({"provider": provider, "vaults": rows})
        return
    click.echo(f"keys are wrapped by {provider}")
    show_rows(rows, COLUMNS | {"is_export_proved": "EXPORT PROVED"}, empty="no vaults")


@command.command("rewrap")
@data_option
@click.option(
    "--to", "keys_url", metavar="URL", help="Who wraps them from now on; else the present one, anew."
)
@json_option
def rewrap(data: Path, keys_url: str | None, as_json: bool) -> None:
    """Wrap all vaults' keys anew, and nothing else: no backup is read or written.

    With --to the new provider is written into safehold.toml once every vault was opened with it; until then,
    and if this is cut off, the present one opens everything. Restart what runs; on other machines set
    `keys_url` too. Whoever has an old wrapping key and an old copy of the storage still has the keys.
    """
    from safehold.cli.installation import opened
    from safehold.cli.rotating import rewrap_vaults

    with opened(data) as installation:
        provider, rows = rewrap_vaults(installation, keys_url)
    _tell(rows, as_json, done=f"keys are wrapped by {provider}", provider=provider)


@command.command("reepoch")
@data_option
@click.option("--vault", metavar="NAME", help="Only this vault; else all of the installation.")
@json_option
def reepoch(data: Path, vault: str | None, as_json: bool) -> None:
    """Give new backups a new seal key; what is there stays as it is and opens as before.

    It does not help against somebody who has the old seal key for what that one has sealed. Jobs that run go
    on with the old one. Export the keys again afterwards: kits from before do not hold the new key.
    """
    from safehold.cli.installation import opened
    from safehold.cli.rotating import reepoch_vaults

    with opened(data) as installation:
        rows = reepoch_vaults(installation, vault)
    _tell(rows, as_json, done="new backups have a new seal key; export the keys again")


@command.command("rotate-root")
@data_option
@json_option
def rotate_root(data: Path, as_json: bool) -> None:
    """Make a new root key: vaults' keys are rewrapped, the catalog's secrets sealed anew.

    Nothing of the installation may run meanwhile. If it is cut off, run it again: it goes on where it was.
    The old root key stays beside the new one until you delete it.
    """
    from safehold.cli.root_rotation import rotate

    answer = rotate(data, told=(lambda step: None) if as_json else click.echo)
    if as_json:
        show_json(answer)
    else:
        click.echo(f"the old root key is kept in {answer['kept']}: delete it when all is well")


@command.command("export")
@data_option
@click.option("--vault", "vaults", metavar="NAME", multiple=True, help="Only this vault; repeatable.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="A new file; else it is printed."
)
@click.option("--plain", is_flag=True, help="Without a passphrase: whoever reads the page has the vaults.")
@passphrase_option
@json_option
def export(
    data: Path,
    vaults: tuple[str, ...],
    out: Path | None,
    plain: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a recovery kit: a page of text to print that opens the vaults when all else is lost.

    `keys prove` shows afterwards that what you keep opens them.
    """
    from safehold.cli.installation import opened
    from safehold.cli.kits import export_kit, new_passphrase, write_kit

    with opened(data) as installation:
        passphrase = None if plain else new_passphrase(passphrase_file)
        made = export_kit(installation, vaults, passphrase=passphrase)
    if out is not None:
        write_kit(out, made["kit"])
        made = made | {"out": str(out)}
    if as_json:
        show_json(made)
    elif out is None:
        click.echo(made["kit"], nl=False)
    else:
        click.echo(f"{out}: print it, keep it away from the vaults, then `safehold keys prove {out}`")


@command.command("prove")
@kit_argument
@data_option
@passphrase_option
@json_option
def prove(kit: TextIO, data: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Show that a kit opens its vaults, best as it was typed in from paper. KIT `-` is standard input.

    Vaults that were proved may be locked; a new seal key (`reepoch`) asks for a new kit and a new proof.
    """
    from safehold.cli.installation import opened
    from safehold.cli.kits import open_kit, prove_kit

    keys = open_kit(kit.read(), passphrase_file)
    with opened(data) as installation:
        rows = prove_kit(installation, keys)
    _tell(rows, as_json, done="this kit opens all its vaults", is_well=all(row["is_well"] for row in rows))


@command.command("import")
@kit_argument
@data_option
@passphrase_option
@json_option
def import_(kit: TextIO, data: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Let this installation open a kit's vaults, which must lie where its sites keep vaults.

    For a vault whose keys/ are gone, or whose root key or key service is. Writes one new key object for each.
    """
    from safehold.cli.installation import opened
    from safehold.cli.kits import import_kit, open_kit

    keys = open_kit(kit.read(), passphrase_file)
    with opened(data) as installation:
        rows = import_kit(installation, keys)
    _tell(rows, as_json, done="the vaults open", is_well=all(row["is_well"] for row in rows))


@command.command("recover")
@kit_argument
@click.argument("place", metavar="VAULT")
@click.option("--point", metavar="ID", help="Restore this recovery point; else they are listed.")
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="The folder to restore into.")
@click.option("--item", "items", multiple=True, metavar="PATH", help="Only this file or folder; repeatable.")
@passphrase_option
@json_option
def recover(
    kit: TextIO,
    place: str,
    point: str | None,
    to: Path | None,
    items: tuple[str, ...],
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """List or restore recovery points with a kit and the vault alone: no installation, no catalog.

    VAULT is the vault's folder, or the URL of the storage that it lies in.
    """
    from safehold.cli.kits import open_kit
    from safehold.cli.recovering import find_vault, list_points, restore_point

    if (point is None) != (to is None):
        raise click.UsageError("--point and --to go together")
    store = find_vault(open_kit(kit.read(), passphrase_file), place)
    if point is None or to is None:
        rows = list_points(store)
        if as_json:
            show_json(rows)
        else:
            columns = {"id": "POINT", "created_at": "CREATED", "resource": "RESOURCE", "name": "NAME"}
            show_rows(rows, columns | {"state": "STATE"}, empty="no recovery points")
        return
    done = restore_point(store, point, to.absolute(), items)
    if as_json:
        show_json(done)
    else:
        click.echo(f"{done['files']} files restored into {to}")
        for trouble in done["troubles"]:
            click.echo(f"  {trouble}", err=True)
    if done["troubles"]:
        raise click.exceptions.Exit(1)


def _tell(
    rows: list[dict[str, object]], as_json: bool, *, done: str, is_well: bool = True, **facts: object
) -> None:
    if as_json:
        show_json({"is_well": is_well, **facts, "vaults": rows})
    else:
        show_rows(rows, COLUMNS, empty="no vault has keys yet")
        if is_well:
            click.echo(done)
    if not is_well:
        raise click.exceptions.Exit(1)
