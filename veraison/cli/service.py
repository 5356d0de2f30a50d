"""Commands around the service: serve, keys."""

import time
from typing import Annotated

import typer
from rich.table import Table

from veraison.cli.common import PlaybookOption, WorkspaceOption, day, errors, out, parse_moment, place


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.add_typer(keys, name="keys")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 3000,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Start the API and the pages; stop them with Ctrl-C.

    Example: veraison serve --port 3000
    """
    from serving.service import serve as run_service  # noqa: PLC0415 (BentoML takes seconds to load)

    where = place(workspace, playbook)
    run_service(where.workspace, where.playbook_path, host, port)


keys = typer.Typer(help="Make, list and revoke the keys of the API.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses the key, such as: site.")],
    scope: Annotated[list[str], typer.Option("--scope", help="ingest, read or admin; may be given twice.")],
    until: Annotated[str | None, typer.Option(metavar="T", help="Moment from which it is refused.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a key and show it, this once.

    Example: veraison keys create site --scope ingest
    """
    from serving.keys import create as make  # noqa: PLC0415

    end = None if until is None else parse_moment(until, "--until")
    with place(workspace).store() as store:
        key = make(store, name, scope, now=_now(), until=end)
    errors.print("keep this key, it is not shown again:")
    out.print(key, soft_wrap=True)


@keys.command(name="list")
def list_keys(workspace: WorkspaceOption = None) -> None:
    """List the keys that were ever made, with their scopes.

    Example: veraison keys list
    """
    from serving.keys import listed  # noqa: PLC0415

    table = Table("name", "scopes", "made", "refused from")
    with place(workspace).store() as store:
        for key in listed(store):
            end = "" if key.revoked_at is None else day(key.revoked_at)
            table.add_row(key.name, " ".join(sorted(key.scopes)), day(key.created_at), end)
    out.print(table)


@keys.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Refuse a key from now on.

    Example: veraison keys revoke site
    """
    from serving.keys import revoke as refuse  # noqa: PLC0415

    with place(workspace).store() as store:
        refuse(store, name, now=_now())
    out.print(f"the key {name!r} is refused from now on")


def _now() -> int:
    return time.time_ns() // 1_000
