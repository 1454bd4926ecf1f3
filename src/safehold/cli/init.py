"""`safehold init`: a new installation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json


@click.command("init")
@data_option
@click.option("--region", default="us-east-1", show_default=True, help="Name of the first site.")
@click.option("--port", type=click.IntRange(1, 65535), help="The API's port, written into safehold.toml.")
@click.option("--profile", metavar="NAME", help="Also write an aws profile of that name.")
@click.option("--catalog-url", default="", help="PostgreSQL URL of the catalog; else a file in the folder.")
@click.option("--jobs-url", default="", help="PostgreSQL URL of the job engine; else a file in the folder.")
@click.option(
    "--storage-url",
    default="",
    help="Where vaults live: file:///FOLDER or s3://BUCKET/PREFIX; else in the data folder.",
)
@click.option(
    "--cold-storage-url",
    default="",
    help="Where points go that are moved to cold storage: file:///FOLDER or s3://BUCKET/PREFIX.",
)
@click.option("--keys-url", default="", help="Who wraps the vaults' keys; else the new root key file.")
@json_option
def command(
    data: Path,
    region: str,
    port: int | None,
    profile: str | None,
    catalog_url: str,
    jobs_url: str,
    storage_url: str,
    cold_storage_url: str,
    keys_url: str,
    as_json: bool,
) -> None:
    """Make a data folder: keys, the account, the vault Default and the default role.

    Prints the access key, which is shown only now. `--profile NAME` makes `aws --profile NAME backup ...`
    work as soon as the server runs. A profile of that name that is not of this data folder stays as it is.
    """
    from safehold.api.server import endpoint
    from safehold.cli import aws_profile
    from safehold.cli.making import make
    from safehold.core.config import Settings
    from safehold.core.errors import ConfigError

    settings = Settings(
        region=region,
        catalog_url=catalog_url,
        jobs_url=jobs_url,
        storage_url=storage_url,
        cold_storage_url=cold_storage_url,
        keys_url=keys_url,
    )
    if port is not None:
        settings = replace(settings, port=port)
    made = make(data, settings)
    url = endpoint("127.0.0.1", settings.port)
    answer = {
        "account_id": made.account_id,
        "region": made.region,
        "access_key_id": made.access_key_id,
        "secret_access_key": made.secret_access_key,
        "endpoint_url": url,
        "data": str(data),
    }
    trouble = None
    try:
        if profile is not None:
            aws_profile.write(
                profile,
                endpoint=url,
                region=made.region,
                access_key_id=made.access_key_id,
                secret_access_key=made.secret_access_key,
                data=data,
            )
            answer["profile"] = profile
    except ConfigError as error:
        trouble = error
    finally:
        _show(answer, as_json)  # whatever happened: this secret is told only now
    if trouble is not None:
        _warn(trouble, url)


def _show(answer: dict[str, str], as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    for name, value in answer.items():
        click.echo(f"{name:18} {value}")
    root_key = Path(answer["data"]) / "root.key"
    click.echo(f"Keep {root_key} safe; after the first backup, `safehold keys export` makes a recovery kit.")


def _warn(trouble: Exception, url: str) -> None:
    click.echo(f"warning: no aws profile was written: {trouble}", err=True)
    click.echo(
        "hint: Make one of another name with the key above: `aws configure --profile NAME`, then "
        f"`aws configure set endpoint_url {url} --profile NAME`.",
        err=True,
    )
