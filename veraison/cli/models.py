"""The command that makes a model: train."""

import logging
from typing import Annotated

import polars as pl
import typer
from rich.table import Table

from veraison.cli.common import (
    AsOfOption,
    PlaybookOption,
    WorkspaceOption,
    note,
    out,
    place,
    say,
)
from veraison.cli.journeys import Which, WhichOption, learning, models_of, past_of
from veraison.errors import ModelError
from veraison.settings import Workspace

_SHOWN = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "brier_skill": "Brier skill",
    "ece": "ECE",
    "predicted_to_observed": "predicted / observed",
    "top_decile_lift": "lift of the top tenth",
    "concordance": "concordance",
    "integrated_brier": "integrated Brier",
    "interval_coverage": "80 % interval covers",
    "timing_error_days": "timing error (days)",
    "constant_error_days": "a constant's (days)",
    "timing_error_to_constant": "timing error / constant's",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(train)


def train(
    as_of: AsOfOption = None,
    challenger: Annotated[bool, typer.Option("--challenger", help="Register without making it the champion.")] = False,
    journey: WhichOption = Which.first,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Learn from what was known before a moment, measure, register, and make it the champion.

    Examples: veraison train --as-of 2026-01-01   ·   veraison train --journey customers
    """
    where = place(workspace, playbook)
    book, log, before = past_of(journey, where, as_of)
    models = models_of(journey, where)

    from training.jobs import train as run_training
    from training.registry import CHALLENGER, CHAMPION, Registry

    logging.getLogger("alembic").setLevel(logging.ERROR)
    registry = Registry(models)
    with learning(journey):
        trained = run_training(
            log,
            book,
            registry,
            before=before,
            reports=models.reports,
            alias=CHALLENGER if challenger else CHAMPION,
            base_odds=inherited_base(models),
            threads=where.settings.threads,
            say=say,
        )
    if len(trained.figures):
        out.print(figures_table(trained.figures, "On leads the model had not seen"))
    fidelity = trained.bundle.facts["fidelity"]
    out.print(
        f"model {trained.bundle.version} is version {trained.registered.number} in the registry, "
        f"{'challenger' if challenger else 'champion'}; explanation R2 {fidelity['r2']:.3f}\n"
        f"plots and figures: {models.reports / 'train' / trained.bundle.version}",
        soft_wrap=True,
        markup=False,
    )


def inherited_base(workspace: Workspace) -> float | None:
    """The champion's base odds, so that a score of 50 means the same from version to version; None for the first."""
    from serving.models import FOLDER, POINTER, load_champion

    if not (workspace.root / FOLDER / POINTER).exists():
        return None
    try:
        return load_champion(workspace).base_odds
    except ModelError as problem:
        note(f"{problem}; the new model cannot inherit its scale, a score of 50 is the typical lead of this training")
        return None


def figures_table(figures: pl.DataFrame, title: str) -> Table:
    """Figures with their intervals, one row a metric and horizon, one column a model."""
    names = figures["model"].unique(maintain_order=True).to_list()
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    table.add_column("within", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    for (metric, horizon), rows in figures.group_by("metric", "horizon", maintain_order=True):
        cells = {row["model"]: _with_interval(row) for row in rows.iter_rows(named=True)}
        within = f"{horizon} d" if horizon else ""
        table.add_row(_SHOWN.get(str(metric), str(metric)), within, *(cells.get(name, "") for name in names))
    return table


def _with_interval(row: dict[str, float]) -> str:
    low, high = (f"{row[end]:.2f}".removeprefix("0") for end in ("low", "high"))
    return f"{row['value']:.3f} [dim]{low}–{high}[/dim]"
