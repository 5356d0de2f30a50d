"""The report of the families."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    language_of,
    misused,
    moment,
    note,
    out,
    place,
    say,
    writing,
)
from veraison.cli.report_files import put

if TYPE_CHECKING:
    from data.families import Families, Heard
    from data.families_report import FamiliesReport
    from data.log import EventLog, Floats
    from serving.translations import Words
    from veraison.playbook import Playbook

COLUMNS = (
    "lead_id", "family", "next", "untouched_since", "idle_days", "untouched", "returned", "score", "probability",
    "seller",
)  # fmt: skip
"""Of the file of leads."""


def families(
    as_of: AsOfOption = None,
    leads: Annotated[
        Path | None,
        typer.Option("--leads", metavar="F", help="Write every open lead that may be contacted here (.csv or .json)."),
    ] = None,
    untouched: Annotated[
        int | None, typer.Option("--untouched", metavar="D", min=1, help="In --leads only those untouched for D days.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/families.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """In which family each open lead is, what to do with it, and who is forgotten.

    Of now, without --as-of, the service shows the same at /families.

    Examples: veraison report families   ·   veraison report families --leads leads.csv   ·
    veraison report families --leads forgotten.csv --untouched 30
    """
    from data.consent import absent
    from monitoring.families import families as measured
    from serving.bounds import Bounds
    from serving.families import chances
    from serving.families import families as found_of
    from serving.models import load_champion
    from serving.page_families import FAMILIES
    from serving.scorer import score
    from serving.translations import Words
    from veraison.errors import ModelError

    if leads is not None and leads.suffix not in (".csv", ".json"):
        misused(f"--leads {leads}: write to a .csv or .json file")
    if untouched is not None and leads is None:
        misused("--untouched says which leads go to the file of --leads; give that too")
    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    try:
        bundle = load_champion(where.workspace)
    except ModelError as problem:
        bundle = None
        note(f"no model says who is hot: {problem}")
    with where.store() as store:
        at, log = moment(as_of, store), store.scan()
        ids, scores = log.leads, None
        if bundle is not None:
            say(f"scoring {len(ids):,} leads")
            scores = score(bundle, log, ids, [at] * len(ids), threads=where.settings.threads)
        found, heard = found_of(store, log, book, ids, at, scores, Bounds(where.workspace.reports, book).least(at))
    told = None if scores is None else chances(scores)
    for line in absent(log, book.consent, at):
        note(line)
    report = measured(log, book, found, None if told is None else told[1])
    path = put(where, FAMILIES, report, words, of_now=as_of is None, out_file=out_file)
    if leads is not None:
        rows = _rows(log, book, found, heard, told, untouched, words)
        _write(rows, leads)
        errors.print(f"{len(rows):,} leads: {leads}", soft_wrap=True, markup=False)
    if as_json:
        typer.echo(report.model_dump_json())
        return
    _told(report, words)
    out.print(str(path), soft_wrap=True, markup=False)


def _rows(
    log: "EventLog",
    book: "Playbook",
    found: "Families",
    heard: "dict[int, Heard]",
    told: "tuple[Floats, Floats] | None",
    untouched: int | None,
    words: "Words",
) -> list[dict[str, Any]]:
    """Every open lead that may be contacted, in the order of the families, the longest untouched first."""
    import numpy as np

    from data.consent import may_contact
    from data.events import isoformat
    from data.families import NOTHING, NOWHERE
    from serving.families_words import next_step
    from serving.owners import newest_texts

    owner = newest_texts(log, book.pages.seller, found.as_of)
    listed = np.flatnonzero((found.place != NOWHERE) & may_contact(log, book.consent, found.as_of))
    rows = []
    for at in listed[np.lexsort((listed, found.since[listed], found.place[listed]))].tolist():
        days, reason, name = found.idle_days(at), heard.get(at, NOTHING).reason, found.name(at) or ""
        if untouched is not None and days <= untouched:
            continue
        points, chance = (np.nan, np.nan) if told is None else (float(one[at]) for one in told)
        rows.append(
            {
                "lead_id": log.leads[at],
                "family": name,
                "next": next_step(name, book, words, reason),
                "untouched_since": isoformat(int(found.since[at])),
                "idle_days": round(days, 2),
                "untouched": bool(found.untouched[at]),
                "returned": reason,
                "score": None if np.isnan(points) else points,
                "probability": None if np.isnan(chance) else chance,
                "seller": owner[at],
            }
        )
    return rows


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    import polars as pl

    with writing(path):
        if path.suffix == ".json":
            path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        else:
            pl.DataFrame(rows, schema=list(COLUMNS), infer_schema_length=None).write_csv(path)


def _told(found: "FamiliesReport", words: "Words") -> None:
    """The report in short: the sentence, and a line a family."""
    from rich.markup import escape
    from rich.table import Table

    from serving.families_words import headline, row

    out.print(headline(found, words), soft_wrap=True, markup=False)
    head = words("Family"), words("Leads"), words("Forgotten"), words("Half untouched for"), words("Next step")
    table = Table(*map(escape, head))
    for one in found.families:
        told = row(one, words)
        table.add_row(*(escape(told[name]) for name in ("name", "leads", "untouched", "half", "next")))
    out.print(table)
