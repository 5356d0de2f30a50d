"""Reports for people: one page of HTML each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    day,
    misused,
    moment,
    note,
    out,
    place,
    writing,
)
from veraison.errors import StoreError, VeraisonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.journey_report import JourneyReport
    from data.log import EventLog
    from features.catalogue import FeatureSet
    from features.words import Language
    from serving.monthly import Month
    from serving.translations import Words
    from veraison.playbook import Playbook


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(report, name="report")


report = typer.Typer(help="Write reports for people, one page of HTML each.", no_args_is_help=True)


@report.callback()  # so that the one report there is remains a word of its own
def reports() -> None:
    """Write reports for people, one page of HTML each."""


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

    language = _language(lang)
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


@report.command()
def journey(
    as_of: AsOfOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/journey.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """How leads go from stage to stage: where the funnel leaks, who goes on, how long a stage takes, what comes in.

    Of now, without --as-of, the service shows the same at /journey.

    Examples: veraison report journey   ·   veraison report journey --lang fr --out october.html   ·
    veraison report journey --as-of 2026-10-01 --json
    """
    from data.journey_report import write
    from monitoring.journey import journey as measured
    from serving.page_journey import alone
    from serving.translations import Words

    language = _language(lang)
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        found = measured(store.scan(), book, at)
    for line in found.notes:
        note(line)
    reports = where.workspace.reports
    path = out_file or reports / ("journey.html" if as_of is None else f"journey-{day(at)}.html")
    with writing(path):
        if as_of is None:
            write(reports, found)
        path.write_text(alone(found, Words(language)), encoding="utf-8")
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _told(found, Words(language))
    out.print(str(path), soft_wrap=True, markup=False)


def _told(found: "JourneyReport", words: "Words") -> None:
    """The report in short: the sentence on the leak, and a line a stage."""
    from rich.markup import escape
    from rich.table import Table

    from serving.journey_words import leak_sentence, stage_row, time_row

    out.print(leak_sentence(found, words), soft_wrap=True, markup=False)
    on = words("Go on within %(days)s", days=words.days(found.days))
    head = words("Stage"), words("In it now"), words("Came to it"), on, words("Half have left it after")
    table = Table(*map(escape, head), words("Does it change?"))
    for one in found.stages:
        row, time = stage_row(one, words), time_row(one, words)
        last = one is found.stages[-1]
        cells = (
            row["name"],
            row["now"],
            row["came"],
            row["on"],
            *(("", "") if last else (time["median"], time["trend"])),
        )
        table.add_row(*map(escape, cells))
    out.print(table)


def _language(lang: str) -> "Language":
    from features.words import LANGUAGES

    found = next((one for one in LANGUAGES if one == lang), None)
    if found is None:
        misused(f"--lang {lang}: there are {', '.join(LANGUAGES)}")
    return found


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
