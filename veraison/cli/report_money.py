"""The report of sources and money."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    language_of,
    moment,
    note,
    out,
    place,
    progress,
)
from veraison.cli.report_files import put

if TYPE_CHECKING:
    from data.money_report import MoneyReport
    from serving.translations import Words
    from training.bundle import Bundle


def money(
    as_of: AsOfOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/money.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """What each source costs and brings, what open leads are expected to bring, and what touched sales.

    Costs are those of `veraison costs import`; what the model says is said by the champion. Of now, without --as-of,
    the service shows the same at /money.

    Examples: veraison report money   ·   veraison report money --lang fr --out october.html   ·
    veraison report money --as-of 2026-10-01 --json
    """
    from data.costs import stored_costs
    from monitoring.money import money as measured
    from serving.page_money import MONEY
    from serving.translations import Words

    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        log, costs = store.scan(), stored_costs(store)
    with progress() as bar:
        task = bar.add_task("asking the model about touches", total=1.0)
        found = measured(
            log, book, costs, _champion(where), at, threads=where.settings.threads,
            step=lambda done: bar.update(task, completed=done),
        )  # fmt: skip
    for line in found.notes:
        note(line)
    path = put(where, MONEY, found, words, of_now=as_of is None, out_file=out_file)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _told(found, words)
    out.print(str(path), soft_wrap=True, markup=False)


def _champion(where: Place) -> "Bundle | None":
    """The model that serves, None where none was ever made; one that cannot be read is a mistake."""
    from serving.models import FOLDER, POINTER, load_champion

    if not (where.workspace.root / FOLDER / POINTER).exists():
        note("no model yet, so nothing is said of open leads; train one with: veraison train")
        return None
    return load_champion(where.workspace)


def _told(found: "MoneyReport", words: "Words") -> None:
    """The report in short: what stands out, and a line a source."""
    from rich.markup import escape
    from rich.table import Table

    from serving.money_words import headline, outlook, shown

    for text in (headline(found, words), outlook(found, words)):
        if text:
            out.print(text, soft_wrap=True, markup=False)
    known = shown(found, words)
    keys = ("cost", "leads", "won", "revenue", "per_won", "expected")
    heads = (
        words("Cost"), words("Leads"), words("Won"), words("Revenue"), words("Cost for each sale"),
        words("Revenue expected"),
    )  # fmt: skip
    table = Table(words("Source"))
    for head in heads:
        table.add_column(escape(head), justify="right")
    for row in known["sources"]:
        table.add_row(escape(row["name"]), *(row[key] for key in keys))
    table.add_section()
    table.add_row(words("All"), *(known["whole"][key] for key in keys))
    out.print(table)
