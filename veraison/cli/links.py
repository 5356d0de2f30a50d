"""The command for links to the cards of leads, which a CRM frames."""

import time
from typing import Annotated

import typer

from veraison.cli.common import WorkspaceOption, misused, out, place


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(card)


def card(
    lead: Annotated[str | None, typer.Argument(help="Any id of the lead.")] = None,
    days: Annotated[int, typer.Option(help="Days until the link ends.", min=1, max=365)] = 30,
    seller: Annotated[str | None, typer.Option(metavar="NAME", help="Shows what this seller sees.")] = None,
    rotate: Annotated[bool, typer.Option("--rotate", help="Sign with a new secret; older links hold on.")] = False,
    end_all: Annotated[bool, typer.Option("--end-all", help="End all links that were ever made.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Make a signed link to the card of a lead, for a frame in a CRM; whoever has it sees the card, until it ends.

    Examples: veraison card L00042 --days 7   ·   veraison card --rotate
    """
    from data.events import MICROS_PER_DAY
    from serving.card import address
    from serving.card_links import CardLinks, Link
    from serving.settings import ServiceSettings
    from veraison.errors import UnknownLeadError
    from veraison.settings import from_environment

    if lead is None and not (rotate or end_all):
        misused("name a lead, as in: veraison card L00042")
    now = time.time_ns() // 1_000
    with place(workspace).store() as store:
        links = CardLinks(store)
        if rotate or end_all:
            links.rotate(end_all=end_all)
            out.print("all links have ended" if end_all else "links are signed with a new secret", markup=False)
        if lead is not None:
            if int(store.history([lead]).codes([lead])[0]) < 0:
                raise UnknownLeadError(f"lead {lead!r}: no event of it is known")
            base = from_environment(ServiceSettings).public_url or "http://127.0.0.1:3000"
            out.file.write(base + address(Link(lead, seller, now + days * MICROS_PER_DAY), links) + "\n")
