"""Who gets in: keys for programs, names and passwords for people."""

import sys
import time
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from veraison.cli.common import WorkspaceOption, day, errors, out, parse_duration, parse_moment, place

SellerOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Sees only leads that carry this seller's name, or none.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(keys, name="keys")
    app.add_typer(people, name="people")


keys = typer.Typer(help="Make, list, rotate and revoke the keys of the API.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses the key, such as: site.")],
    scope: Annotated[list[str], typer.Option("--scope", help="ingest, read or admin; may be given twice.")],
    until: Annotated[str | None, typer.Option(metavar="T", help="Moment from which it is refused.")] = None,
    seller: SellerOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a key and show it, this once.

    Examples: veraison keys create site --scope ingest   ·   veraison keys create anne --scope read --seller Anne
    """
    from serving.keys import create as make

    end = None if until is None else parse_moment(until, "--until")
    with place(workspace).store() as store:
        key = make(store, name, scope, now=_now(), until=end, seller=seller)
    _show(key)


@keys.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    overlap: Annotated[str, typer.Option(metavar="TIME", help="How long the old one goes on, such as 24h.")] = "24h",
    workspace: WorkspaceOption = None,
) -> None:
    """Make the successor of a key and show it, this once; the old one is refused after the overlap.

    Example: veraison keys rotate site --overlap 24h
    """
    from serving.keys import rotate as succeed

    both = round(parse_duration(overlap, "--overlap", none=True) * 1_000_000)
    with place(workspace).store() as store:
        key = succeed(store, name, now=_now(), overlap=both)
    _show(key)


@keys.command(name="list")
def list_keys(workspace: WorkspaceOption = None) -> None:
    """List the keys that were ever made, with their scopes.

    Example: veraison keys list
    """
    from serving.keys import listed

    table = Table("name", "scopes", "seller", "made", "refused from")
    with place(workspace).store() as store:
        for key in listed(store):
            end = "" if key.revoked_at is None else day(key.revoked_at)
            table.add_row(
                escape(key.name), " ".join(sorted(key.scopes)), escape(key.seller or ""), day(key.created_at), end
            )
    out.print(table)


@keys.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Refuse a key from now on.

    Example: veraison keys revoke site
    """
    from serving.keys import revoke as refuse

    with place(workspace).store() as store:
        refuse(store, name, now=_now())
    out.print(f"the key {escape(repr(name))} is refused from now on")


people = typer.Typer(help="Who may log in to the pages.", no_args_is_help=True)


@people.command()
def add(
    name: Annotated[str, typer.Argument(help="Name or e-mail address, as it is typed at the login.")],
    seller: SellerOption = None,
    password: Annotated[
        bool, typer.Option("--password/--no-password", help="Ask for a password, or let OpenID Connect alone let in.")
    ] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Let a person log in; the password is asked for, or read from standard input.

    Examples: veraison people add anne@firm.example --seller Anne   ·   veraison people add luc --no-password
    """
    from serving.people import add as let_in

    with place(workspace).store() as store:
        let_in(store, name, _password() if password else None, now=_now(), seller=seller)
    out.print(f"{escape(repr(name))} may log in")


@people.command(name="list")
def list_people(workspace: WorkspaceOption = None) -> None:
    """List who may log in, and whose leads they see.

    Example: veraison people list
    """
    from serving.people import listed

    table = Table("name", "seller", "password", "since")
    with place(workspace).store() as store:
        for one in listed(store):
            table.add_row(
                escape(one.name), escape(one.seller or ""), "yes" if one.has_password else "no", day(one.created_at)
            )
    out.print(table)


@people.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Let a person log in no longer; who is logged in is out at once.

    Example: veraison people remove anne@firm.example
    """
    from serving.people import remove as shut_out

    with place(workspace).store() as store:
        shut_out(store, name)
    out.print(f"{escape(repr(name))} may log in no longer")


@people.command(name="password")
def change_password(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Give a person another password; who is logged in has to log in again.

    Example: veraison people password anne@firm.example
    """
    from serving.people import set_password

    with place(workspace).store() as store:
        set_password(store, name, _password())
    out.print(f"{escape(repr(name))} has another password")


def _password() -> str:
    """A password typed twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _show(key: str) -> None:
    errors.print("keep this key, it is not shown again:")
    out.print(key, soft_wrap=True)


def _now() -> int:
    return time.time_ns() // 1_000
