"""Commands that make models and keep them: train, models."""

import logging
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.markup import escape
from rich.table import Column, Table

from training.checks import check_names
from veraison.cli.common import (
    AsOfOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    moment,
    out,
    place,
    say,
)
from veraison.errors import ModelError
from veraison.settings import Workspace

if TYPE_CHECKING:
    from training.registry import Registry

_NO_MODEL = "no model yet; train one with: veraison train"
_SHOWN = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "concordance": "concordance",
    "interval_coverage": "80 % interval covers",
    "timing_error_days": "timing error (days)",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(train)
    app.add_typer(models, name="models")


def train(
    as_of: AsOfOption = None,
    challenger: Annotated[bool, typer.Option("--challenger", help="Register without making it the champion.")] = False,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Learn from what was known before a moment, measure, register, and make it the champion.

    Example: veraison train --as-of 2026-01-01
    """
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        before = moment(as_of, store)
        for warning in check_names(book, store.kinds()):
            note(warning)
        log = store.scan()

    from training.jobs import train as run_training  # noqa: PLC0415 (seconds to load: mistakes are told before)
    from training.registry import CHALLENGER, CHAMPION, Registry  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.ERROR)
    registry = Registry(where.workspace)
    trained = run_training(
        log,
        book,
        registry,
        before=before,
        reports=where.workspace.reports,
        alias=CHALLENGER if challenger else CHAMPION,
        base_odds=inherited_base(where.workspace),
        threads=where.settings.threads,
        say=say,
    )
    if len(trained.figures):
        out.print(figures_table(trained.figures, "On leads the model had not seen"))
    fidelity = trained.bundle.facts["fidelity"]
    out.print(
        f"model {trained.bundle.version} is version {trained.registered.number} in the registry, "
        f"{'challenger' if challenger else 'champion'}; explanation R2 {fidelity['r2']:.3f}\n"
        f"plots and figures: {where.workspace.reports / 'train' / trained.bundle.version}",
        soft_wrap=True,
        markup=False,
    )


models = typer.Typer(invoke_without_command=True)


@models.callback()
def list_models(context: typer.Context, workspace: WorkspaceOption = None) -> None:
    """List the registered models, newest first, and promote one of them.

    Examples: veraison models   ·   veraison models promote 3
    """
    if context.invoked_subcommand is not None:
        return
    registry = existing_registry(place(workspace).workspace)
    names = (Column(name, overflow="fold") for name in ("version", "model", "alias"))  # a name cut short is no name
    table = Table(*names, "AUC", "log-loss", title="Registered models")
    for one in registry.versions():
        figures = registry.metrics(one.number)
        primary = sorted((name for name in figures if name.startswith("auc_")), key=lambda n: int(n[4:-1]))
        days = primary[-1].removeprefix("auc_") if primary else ""
        shown = [f"{figures[f'{metric}_{days}']:.3f} ({days})" if primary else "" for metric in ("auc", "log_loss")]
        table.add_row(str(one.number), one.version, ", ".join(one.aliases), *shown)
    if not table.row_count:
        raise ModelError(_NO_MODEL)
    out.print(table)


@models.command()
def promote(
    version: Annotated[int, typer.Argument(help="Number of the version in the registry.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Make a version the champion; going back to an older one works the same way.

    Example: veraison models promote 3
    """
    from training.registry import CHAMPION  # noqa: PLC0415

    registry = existing_registry(place(workspace).workspace)
    registry.assign(CHAMPION, version)
    out.print(f"version {version} is the champion")


def existing_registry(workspace: Workspace) -> "Registry":
    """The registry of a workspace that has one; looking for models makes nothing."""
    if workspace.tracking_uri_override is None and not workspace.tracking.exists():
        raise ModelError(_NO_MODEL)
    from training.registry import Registry  # noqa: PLC0415

    return Registry(workspace)


def inherited_base(workspace: Workspace) -> float | None:
    """The champion's base odds, so that a score of 50 means the same from version to version; None for the first."""
    from serving.models import FOLDER, POINTER, load_champion  # noqa: PLC0415

    if not (workspace.root / FOLDER / POINTER).exists():
        return None
    try:
        return load_champion(workspace).base_odds
    except ModelError as problem:
        note(f"{problem}; the new model cannot inherit its scale, a score of 50 is the typical lead of this training")
        return None


def note(text: str) -> None:
    """A line that asks for attention, on standard error."""
    errors.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)


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
