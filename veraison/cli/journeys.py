"""Which journey a command speaks of: that of leads until they are won, or that of customers after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from data.after_sale import customers, rules, view
from data.log import EventLog
from veraison.cli.common import Place, past
from veraison.errors import ModelError, TrainingError
from veraison.playbook import Playbook
from veraison.settings import Workspace

if TYPE_CHECKING:
    from training.bundle import Bundle


class Which(StrEnum):
    """A journey by name."""

    first = "first"
    customers = "customers"


WhichOption = Annotated[
    Which, typer.Option("--journey", help="Of leads until they are won, or of customers: [after_sale].")
]


def past_of(which: Which, where: Place, as_of: str | None) -> tuple[Playbook, EventLog, int]:
    """What a model of a journey can be learned from: its playbook, its log, and the moment before which it counts."""
    book, log, before = past(where, as_of)
    if which is Which.customers:
        log, book = customers(log, book)
    return book, log, before


def models_of(which: Which, where: Place) -> Workspace:
    """Where the models of a journey are."""
    return where.workspace if which is Which.first else where.workspace.customers


def seen_as(which: Which, log: EventLog, where: Place) -> EventLog:
    """A log as a journey sees it."""
    return log if which is Which.first else view(log, where.playbook())


@contextmanager
def learning(which: Which) -> Iterator[None]:
    """What prevents a model of customers is said in the words of their journey."""
    try:
        yield
    except TrainingError as problem:
        if which is Which.first:
            raise
        said = str(problem).replace("training.min_conversions", "after_sale.min_conversions")
        raise TrainingError(f"after the sale: {said}") from problem


def champion_of(which: Which, where: Place) -> "Bundle":
    """The model that serves a journey; ModelError where there is none, or it was made by other definitions."""
    from serving.models import NO_MODEL, load_champion

    if which is Which.first:
        return load_champion(where.workspace)
    wanted = rules(where.playbook())
    try:
        found = load_champion(where.workspace.customers)
    except ModelError as problem:
        if str(problem) != NO_MODEL:
            raise
        raise ModelError("no model of customers yet; train one with: veraison train --journey customers") from None
    if found.playbook.journey != wanted.journey:
        raise ModelError(
            "the model of customers was trained with another [journey] or [after_sale]; train again with: "
            "veraison train --journey customers"
        )
    return found
