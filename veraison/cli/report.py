"""Reports for people: one page of HTML each."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli import report_all
from veraison.cli.common import (
    LanguageOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    language_of,
    misused,
    out,
    place,
    writing,
)
from veraison.cli.report_contract import contract
from veraison.cli.report_families import families
from veraison.cli.report_forecast import forecast
from veraison.cli.report_journey import journey
from veraison.cli.report_maturity import maturity
from veraison.cli.report_money import money
from veraison.errors import StoreError, VeraisonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.log import EventLog
    from features.catalogue import FeatureSet
    from serving.monthly import Month
    from veraison.playbook import Playbook


MEASURED: dict[str, Callable[..., None]] = {
    "contract": contract,
    "journey": journey,
    "maturity": maturity,
    "families": families,
    "forecast": forecast,
    "money": money,
}
"""What is measured of all leads; the contract first, as the list of the week goes by its bound."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, command in MEASURED.items():
        report.command(name)(command)
    report_all.register(report, MEASURED)
    app.add_typer(report, name="report")


report = typer.Typer(help="Write reports for people, one page of HTML each.", no_args_is_help=True)


@report.command()
def model(
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="The month (the last one that is over in the store).")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/model-YYYY-MM.html in the workspace).")
    ] = None,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """A month of the model for a manager: what it promised, what happened, what changed.

    Examples: veraison report model   ·   veraison report model --month 2026-10 --lang fr --out october.html
    """
    from data.events import MICROS_PER_DAY
    from data.record import served
    from serving.monthly import Known, monthly
    from serving.translations import Words
    from serving.verdicts import Journal

    language = language_of(lang)
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        log = store.scan()
        chosen = _chosen(month, log)
        at, days = min(chosen.after, log.newest + 1), book.horizons.primary
        record = served(store, book.journey, days, at, since=chosen.first - days * MICROS_PER_DAY).whole
    known = Known(
        month=chosen,
        at=at,
        days=days,
        lines=Journal(where.workspace.reports).lines(),
        promised=_promised(where),
        record=record,
        wins=_wins(log, book, chosen, at),
        columns=_columns(where),
    )
    path = out_file or where.workspace.reports / f"model-{chosen.name}.html"
    with writing(path):
        path.write_text(monthly(known, Words(language)), encoding="utf-8")
    out.print(str(path), soft_wrap=True, markup=False)


def _chosen(text: str | None, log: "EventLog") -> "Month":
    """The month that is asked for, else the last one that is over; VeraisonError where nothing is known of it."""
    from serving.monthly import Month

    if not len(log.known):
        raise StoreError("the store is empty; fill it with: veraison ingest FILE")
    first, newest = Month.of(int(log.known.min())), Month.of(log.newest)
    if text is None:
        return max(first, newest.before, key=lambda one: one.first)
    try:
        found = Month.parse(text)
    except ValueError as problem:
        misused(f"--month {problem}")
    if not first.first <= found.first <= newest.first:
        raise VeraisonError(f"nothing is known of {found.name}; the store holds {first.name} to {newest.name}")
    return found


def _promised(where: Place) -> "Mapping[str, Mapping[str, float]]":
    """By version, the figures logged with each registered model; empty where no registry was ever made."""
    from training.registry import Registry

    if not (where.workspace.tracking_uri_override or where.workspace.tracking.exists()):
        return {}
    registry = Registry(where.workspace)
    return {one.version: registry.metrics(one.number) for one in registry.versions()}


def _columns(where: Place) -> "FeatureSet | None":
    """What the columns of the model that serves mean; None where none serves."""
    from serving.models import load_champion
    from veraison.errors import ModelError

    try:
        return load_champion(where.workspace).feature_set
    except ModelError:
        return None


def _wins(log: "EventLog", book: "Playbook", month: "Month", at: int) -> int:
    """Leads that were won in the month, a person once, as known at its end."""
    import numpy as np

    from data.journey import won_at

    leads = np.arange(len(log.leads), dtype=np.int64)
    when = won_at(log, book.journey, leads, at)
    inside = (when >= month.first) & (when < month.after)
    return len(np.unique(log.persons(at)[leads[inside]]))
