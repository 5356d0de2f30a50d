"""Commands around what sources cost: costs."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from veraison.cli.common import PlaybookOption, WorkspaceOption, errors, note, out, place
from veraison.errors import VeraisonError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(costs, name="costs")


costs = typer.Typer(help="What each source of leads costs.", no_args_is_help=True)


@costs.command(name="import")
def import_costs(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns source,month,cost or source,from,to,cost.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Periods that overlap stored ones take their place.")
    ] = False,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Keep what sources cost, from a CSV file; lines that are no cost are named, the others are kept.

    The same source and period again takes the place of the earlier amount, so a file can be imported twice.

    Examples: veraison costs import costs.csv   ·   veraison costs import corrected.csv --replace
    """
    from data.costs import keep, read_costs

    where = place(workspace, playbook)
    found, refused = read_costs(file, where.playbook().routing.currency)
    with where.store(existing=False) as store:
        done = keep(store, found, str(file), time.time_ns() // 1_000, replacing=replace)
    every = sorted([*refused, *done.refused], key=lambda one: one.line)
    for one in every:
        note(f"{file} line {one.line}: {one.why}")
    kept = f"{done.new:,} new, {done.changed:,} changed, {done.same:,} known already, {len(every):,} refused"
    if every and not (done.new or done.changed or done.same):
        raise VeraisonError(f"{file}: no line is a cost")
    errors.print(f"{file}: {kept}", soft_wrap=True, markup=False)


@costs.command(name="list")
def list_costs(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, amounts as numbers.")] = False,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """List what is stored, by source and period.

    Examples: veraison costs list   ·   veraison costs list --json
    """
    import json

    from data.costs import stored_costs

    where = place(workspace, playbook)
    currency = where.playbook().routing.currency
    with where.store() as store:
        found = stored_costs(store)
    if as_json:
        rows = [
            {"source": one.source, "from": str(one.first), "to": str(one.last), "cost": one.cost / 1e6}
            for one in found
        ]  # fmt: skip
        typer.echo(json.dumps({"currency": currency, "costs": rows}, ensure_ascii=False))
        return
    table = Table("source", "period", escape(f"cost ({currency})"))
    table.columns[-1].justify = "right"
    for one in found:
        table.add_row(escape(one.source), one.period, f"{one.cost / 1e6:,.2f}")
    out.print(table)


@costs.command(name="remove")
def remove(
    source: Annotated[str, typer.Argument(help="The source, as leads carry it.")], workspace: WorkspaceOption = None
) -> None:
    """Take all costs of a source out again.

    Example: veraison costs remove "Trade Fair"
    """
    from data.costs import forget

    with place(workspace).store() as store:
        gone = forget(store, source)
    if not gone:
        raise VeraisonError(f"no cost of {source!r} is stored; see: veraison costs list")
    errors.print(f"{gone:,} removed", soft_wrap=True, markup=False)
