"""Commands around those who are told when scores change, or monitoring decides: subscriptions."""

import asyncio
import time
from typing import Annotated

import typer
from rich.table import Table

from veraison.cli.common import Place, WorkspaceOption, day, errors, out, place
from veraison.errors import VeraisonError

NameArgument = Annotated[str, typer.Argument(help="Name of the subscription.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(subscriptions, name="subscriptions")


subscriptions = typer.Typer(help="Say who is told when scores change, and how that goes.", no_args_is_help=True)


@subscriptions.command()
def add(
    name: Annotated[str, typer.Argument(help="Who is told, such as: crm.")],
    url: Annotated[str, typer.Argument(help="Where messages are posted to.")],
    points: Annotated[float, typer.Option(help="Tell scores that moved by more than this.")] = 10.0,
    shape: Annotated[str, typer.Option(help="cloudevents, dynamics or crm.")] = "cloudevents",
    grade: Annotated[
        list[str] | None, typer.Option("--grade", help="Tell of this grade only when it is crossed; again for more.")
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="Leads never told before: best (grade), all or none (all, but of cloudevents).")
    ] = None,
    about: Annotated[list[str] | None, typer.Option(help="scores, monitoring or contract; again for several.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Tell a URL when scores change, or monitoring decides; shows the secret that signs the messages, this once.

    Examples: veraison subscriptions add crm https://crm.example/hooks/scores --points 10
    ·   veraison subscriptions add pager https://ops.example/hook --about monitoring
    """
    from data.subscriptions import Subscription, new_secret
    from data.subscriptions import add as keep

    where = place(workspace)
    _check(where, url)
    with where.store() as store:
        new = Subscription(
            name=name.strip(),
            url=url,
            secret=new_secret(),
            shape=shape,  # type: ignore[arg-type]  # `keep` says what is allowed
            min_points=points,
            grades=tuple(grade or ()),
            first=first or ("best" if shape == "cloudevents" else "all"),  # type: ignore[arg-type]
            created_at=_now(),
            about=tuple(about or ("scores",)),  # type: ignore[arg-type]
        )
        unknown = sorted(set(new.grades) - set(_grades(where)))
        if unknown:
            raise VeraisonError(f"grade {unknown[0]!r}: the playbook's are {', '.join(_grades(where))}")
        keep(store, new)
    errors.print("keep this secret, it is not shown again; with it the receiver checks what it gets:")
    out.print(new.secret, soft_wrap=True, markup=False)


@subscriptions.command(name="list")
def list_subscriptions(workspace: WorkspaceOption = None) -> None:
    """List who is told, and how many messages wait, have arrived, or were given up (dead).

    Example: veraison subscriptions list
    """
    from data.subscriptions import standings

    table = Table("name", "url", "about", "shape", "points", "since", "waiting", "arrived", "dead", "state")
    with place(workspace).store() as store:
        for one in standings(store):
            to = one.subscription
            state = "off" if to.disabled_at is not None else "dead messages" if one.dead else "on"
            state += f": {one.error}" if one.error else ""
            counts = (str(one.waiting), str(one.delivered), str(one.dead))
            cells = (
                to.name,
                to.url,
                ", ".join(to.about),
                to.shape,
                f"{to.min_points:g}",
                day(to.created_at),
                *counts,
                state,
            )
            table.add_row(*(_plain(cell) for cell in cells))
    out.print(table)


@subscriptions.command()
def remove(name: NameArgument, workspace: WorkspaceOption = None) -> None:
    """Tell somebody nothing more; messages that wait are dropped.

    Example: veraison subscriptions remove crm
    """
    from data.subscriptions import remove as drop

    with place(workspace).store() as store:
        drop(store, name)
    out.print(f"{name!r} is told nothing more", markup=False)


@subscriptions.command()
def test(name: NameArgument, workspace: WorkspaceOption = None) -> None:
    """Send a message that says nothing of any lead, once and now.

    Example: veraison subscriptions test crm
    """
    import secrets

    from data.subscriptions import named
    from serving.push.courier import Outcome, Sender
    from serving.push.shapes import trial_body

    where = place(workspace)
    with where.store() as store:
        to = named(store, name)
    message_id, now = f"msg_{secrets.token_hex(16)}", _now()

    async def attempt() -> Outcome:
        sender = Sender(private=where.settings.push_private)
        try:
            return await sender.send(to, message_id, trial_body(to.shape, message_id, now).encode(), now)
        finally:
            await sender.close()

    outcome = asyncio.run(attempt())
    if outcome.error is not None:
        raise VeraisonError(f"{to.url} did not take the test message: {outcome.error}")
    out.print(f"{to.url} took the test message {message_id}", soft_wrap=True, markup=False)


@subscriptions.command()
def retry(name: NameArgument, workspace: WorkspaceOption = None) -> None:
    """Try again at once whatever has not arrived, given up or not, and turn the subscription on.

    Example: veraison subscriptions retry crm
    """
    from data.subscriptions import revive

    with place(workspace).store() as store:
        count = revive(store, name, now=_now())
    out.print(f"{count:,} messages to {name!r} are tried again by the running service", markup=False)


def _check(where: Place, url: str) -> None:
    from serving.push.addresses import resolve, target

    try:
        asyncio.run(target(url, resolve, private=where.settings.push_private))
    except OSError as error:
        raise VeraisonError(f"{url}: its name leads nowhere ({error.strerror or error})") from None


def _grades(where: Place) -> list[str]:
    return list(where.playbook().scoring.grades)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _now() -> int:
    return time.time_ns() // 1_000
