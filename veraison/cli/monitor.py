"""The command that asks whether the model still fits the world."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from veraison.cli.common import AsOfOption, Place, PlaybookOption, WorkspaceOption, errors, moment, place, say

if TYPE_CHECKING:
    from monitoring.report import Verdict

_COLOURS = {"none": "green", "hold": "yellow", "retrain": "magenta"}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(monitor)


def monitor(as_of: AsOfOption = None, workspace: WorkspaceOption = None, playbook: PlaybookOption = None) -> None:
    """Compare the newest leads with those the model learned from, decide, and renew the model if need be.

    The last line on standard output is the verdict as JSON; reports/drift.html shows every column.

    Examples: veraison monitor   ·   veraison monitor --as-of 2026-03-01 | tail -1
    """
    typer.echo(watched(place(workspace, playbook), as_of).to_json())


def watched(where: Place, as_of: str | None = None) -> "Verdict":
    """Run the monitor once and say for people what it found."""
    from monitoring.report import HTML, VERDICT  # noqa: PLC0415 (seconds to load)
    from monitoring.run import monitor as run_monitoring  # noqa: PLC0415
    from training.registry import Registry  # noqa: PLC0415

    book = where.playbook()
    with where.store() as store:
        now = moment(as_of, store)
        log = store.scan()
    registry = Registry(where.workspace)
    reports: Path = where.workspace.reports
    verdict = run_monitoring(log, registry, book, reports, as_of=now, threads=where.settings.threads, say=say)
    colour = _COLOURS[verdict.decision]
    errors.print(f"[bold {colour}]{verdict.decision}[/] {escape(verdict.message)}", soft_wrap=True)
    errors.print(f"reports: {reports / VERDICT}, {reports / HTML}", soft_wrap=True)
    return verdict
