"""Whom to call to qualify."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    PlaybookOption,
    WorkspaceOption,
    clock,
    errors,
    language_of,
    misused,
    moment,
    out,
    place,
    writing,
)

if TYPE_CHECKING:
    from serving.qualify import Ask
    from serving.translations import Words


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(qualify)


def qualify(
    limit: Annotated[int, typer.Option(help="How many leads at most.", min=1, max=100)] = 20,
    as_of: AsOfOption = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="Write them here (.json or .csv).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Whom to call to qualify: the leads of which one answer would change most what is done with them.

    Looked at are the 100 leads nearest to the bound of the list that may be called; worth is the chance that the answer
    takes one over it, or below it, times probability and expected amount.

    Examples: veraison qualify   ·   veraison qualify --limit 10 --out calls.csv
    """
    import polars as pl

    from serving.leads import Leads
    from serving.models import ModelHolder
    from serving.qualify import to_qualify
    from serving.translations import Words

    if out_path is not None and out_path.suffix not in (".json", ".csv"):
        misused(f"--out {out_path}: write to a .json or .csv file")
    words, where = Words(language_of(lang)), place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        leads = Leads(store, ModelHolder(where.workspace), book, clock, where.workspace.reports)
        found = to_qualify(leads, leads.ranking(moment(as_of, store)), limit)
    rows = [one.to_dict() for one in found]
    if out_path is not None:
        with writing(out_path):
            if out_path.suffix == ".json":
                out_path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            else:
                pl.DataFrame(rows, infer_schema_length=None).write_csv(out_path)
        errors.print(f"{len(rows):,} rows: {out_path}", soft_wrap=True, markup=False)
    elif as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        _show(found, words)


def _show(found: "list[Ask]", words: "Words") -> None:
    from rich.markup import escape
    from rich.table import Table

    if not found:
        out.print(words("Nobody: no answer would change what is done with a lead."), soft_wrap=True, markup=False)
        return
    table = Table(title=words("Call to qualify"), title_justify="left")
    table.add_column(words("Lead"), overflow="fold")
    for name in (words("Score"), words("On the list"), words("Ask"), words("Chance to change it"), words("Worth")):
        table.add_column(name, justify="right", overflow="fold")
    for one in found:
        table.add_row(
            escape(one.row.lead_id),
            words.number(round(one.row.score or 0.0)),
            words("yes") if one.listed else words("no"),
            escape(one.trait),
            words.percent(one.chance),
            words.decimal(one.worth, 3) if one.worth < 10 else words.number(round(one.worth)),
        )
    out.print(table)
