"""The command that looks for what can only have been written with the outcome in view."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.markup import escape
from rich.table import Table

from veraison.cli.common import (
    AsOfOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    misused,
    out,
    place,
    say,
    writing,
)
from veraison.cli.journeys import Which, WhichOption, past_of

if TYPE_CHECKING:
    from training.audit.finding import Finding

_FIELDS = ("column", "finding", "severity", "allowed", "evidence", "figure")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(audit)


def audit(
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="F", help="A table without dates instead (.csv, .csv.gz, .parquet)."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of --table: whether the lead converted.")
    ] = None,
    id_: Annotated[
        list[str] | None, typer.Option("--id", metavar="COLUMN", help="Of --table: columns that name rows.")
    ] = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="Also write the findings here (.json or .csv).")
    ] = None,
    as_of: AsOfOption = None,
    journey: WhichOption = Which.first,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Look for leaks: what tells the outcome because it was written with or after it. `train` asks the same.

    Exit code 1 where a leak is found that the playbook does not allow (training.allow_leaks); notices are printed only.

    Examples: veraison audit   ·   veraison audit --as-of 2026-01-01 --out findings.json
    ·   veraison audit --table leads.csv.gz --target Converted --id "Prospect ID"
    """
    if out_path is not None and out_path.suffix not in (".json", ".csv"):
        misused(f"--out {out_path}: write to a .json or .csv file")
    if table is None:
        if target is not None or id_:
            misused("--target and --id are of a --table")
        findings, allowed = _of_store(journey, as_of, workspace, playbook)
    else:
        if target is None:
            misused("--table needs --target, the column that says whether the lead converted")
        if as_of is not None or workspace is not None or playbook is not None:
            misused("--table has no dates and no playbook; leave --as-of, --workspace and --playbook out")
        if target in (id_ or ()):
            misused(f"--id {target}: that is the --target")
        findings, allowed = _of_table(table, target, tuple(id_ or ())), ()
    from training.audit.finding import leaks

    stopping = leaks(findings, allowed)
    if findings:
        out.print(findings_table(findings, stopping))
    if out_path is not None:
        save(findings, stopping, out_path)
    names = list(dict.fromkeys(one.column for one in stopping))
    told = ", ".join(names) if names else "no leak found"
    notices = sum(one.severity == "notice" for one in findings)
    out.print(
        f"{'leaks in ' if names else ''}{told}; {notices} notice{'' if notices == 1 else 's'}",
        soft_wrap=True,
        markup=False,
    )
    if stopping:
        raise typer.Exit(1)


def _of_store(
    journey: Which, as_of: str | None, workspace: Path | None, playbook: Path | None
) -> tuple[list["Finding"], tuple[str, ...]]:
    from training.audit.histories import audit_log
    from training.fit import training_set

    where = place(workspace, playbook)
    book, log, before = past_of(journey, where, as_of)
    data = training_set(log, book, before=before)
    say(f"{len(data.every):,} landmarks, {data.converted:,} conversions, {len(data.feature_set.names)} features")
    return audit_log(log, book, data, before=before), book.training.allow_leaks


def _of_table(path: Path, target: str, ids: tuple[str, ...]) -> list["Finding"]:
    from training.audit.table import audit_table, read_table

    frame = read_table(path)
    say(f"{len(frame):,} rows, {len(frame.columns)} columns")
    return audit_table(frame, target, ids)


def findings_table(findings: list["Finding"], stopping: list["Finding"]) -> Table:
    """Findings for people, leaks first."""
    table = Table(title="What the audit found", title_justify="left")
    table.add_column("column", overflow="fold")
    table.add_column("finding")
    table.add_column("evidence", overflow="fold")
    table.add_column("severity")
    for one in findings:
        colour = "red" if one in stopping else "yellow"
        word = one.severity.value if one in stopping or one.severity == "notice" else "allowed"
        table.add_row(escape(one.column), one.sign.value, escape(one.evidence), f"[{colour}]{word}[/]")
    return table


def save(findings: list["Finding"], stopping: list["Finding"], path: Path) -> None:
    """Write findings as a JSON list, or as CSV, with the same fields."""
    rows = [
        (
            one.column,
            one.sign.value,
            one.severity.value,
            one.severity == "leak" and one not in stopping,
            one.evidence,
            one.figure,
        )
        for one in findings
    ]
    with writing(path):
        if path.suffix == ".json":
            text = json.dumps([dict(zip(_FIELDS, row, strict=True)) for row in rows], ensure_ascii=False, indent=2)
            path.write_text(text + "\n", encoding="utf-8")
        else:
            kinds = (pl.String, pl.String, pl.String, pl.Boolean, pl.String, pl.Float64)
            pl.DataFrame(rows, schema=dict(zip(_FIELDS, kinds, strict=True)), orient="row").write_csv(path)
    errors.print(f"findings: {path}", soft_wrap=True, markup=False)
