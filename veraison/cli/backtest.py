"""The command that looks back: how good would the model have been, and would another have been better?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich import box
from rich.table import Table

from veraison.cli.common import (
    AsOfOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    misused,
    out,
    parse_moment,
    place,
    say,
    writing,
)
from veraison.cli.journeys import Which, WhichOption, models_of, past_of

if TYPE_CHECKING:
    from training.backtest import Backtest

_ACROSS = {
    "auc": "AUC", "pr_auc": "PR-AUC", "log_loss": "log-loss", "brier_skill": "skill", "ece": "ECE",
    "predicted_to_observed": "pred/obs", "top_decile_lift": "lift",
}  # fmt: skip
_OF_TIME = {
    "concordance": "concordance", "integrated_brier": "int. Brier", "interval_coverage": "80 % covers",
    "timing_error_days": "days off", "constant_error_days": "constant's", "timing_error_to_constant": "ratio",
}  # fmt: skip
_INTERVALS = ("auc", "log_loss")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="backtest")(backtest_command)


def backtest_command(
    out_path: Annotated[
        Path | None, typer.Option("--out", help="Also write every figure here (.parquet or .csv).")
    ] = None,
    peers: Annotated[
        str,
        typer.Option(
            metavar="all|fast|NAME,...",
            help="What stands beside the model: the fast ones, all, or some by name (such as Cox,'XGBoost AFT').",
        ),
    ] = "fast",
    folds: Annotated[
        int, typer.Option(help="So many moments are chosen where no --origin is given.", min=1, max=20)
    ] = 3,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="T", help="Moment(s) to stand at, instead of those chosen."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Bootstrap draws behind each interval.", min=20)] = 200,
    as_of: AsOfOption = None,
    journey: WhichOption = Which.first,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Stand at moments of the past, train on what was known, and judge on the leads that came after.

    Prints the figures beside those of other models, and writes a page with plots to reports/backtest in the workspace.

    Examples: veraison backtest   ·   veraison backtest --peers all   ·
    veraison backtest --origin 2011-11-14 --peers "Cox,logistic regression" --out figures.parquet
    """
    from training.peers import FAST, PEERS

    if out_path is not None and out_path.suffix not in (".parquet", ".csv"):
        misused(f"--out {out_path}: write to a .parquet or .csv file")
    origins = [parse_moment(text, "--origin") for text in origin or ()]
    chosen = chosen_peers(peers, FAST, tuple(PEERS))
    where = place(workspace, playbook)
    book, log, before = past_of(journey, where, as_of)

    from training.backtest import backtest
    from training.report import folder_name, write_report

    found = backtest(
        log,
        book,
        before=before,
        origins=origins,
        folds=folds,
        peers=chosen,
        threads=where.settings.threads,
        draws=draws,
        say=say,
    )
    show(found)
    folder = models_of(journey, where).reports / "backtest" / folder_name(found)
    with writing(folder / "index.html"):
        page = write_report(found, folder)
    out.print(f"plots, slices and every figure: {page}", soft_wrap=True, markup=False)
    if out_path is not None:
        figures = pl.concat([found.figures, found.by_day])
        with writing(out_path):
            figures.write_csv(out_path) if out_path.suffix == ".csv" else figures.write_parquet(out_path)
        errors.print(f"figures: {out_path}", soft_wrap=True, markup=False)


def chosen_peers(text: str, fast: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The peers that ``--peers`` means; the base rate is always among them, as skill is measured against it."""
    if text in ("all", "fast"):
        return known if text == "all" else fast
    by_name = {name.casefold(): name for name in known}
    asked = [name.strip().casefold() for name in text.split(",") if name.strip()]
    for name in asked:
        if name not in by_name:
            misused(f"--peers: no peer is called {name!r}; allowed: all, fast, or some of {', '.join(known)}")
    return tuple(name for name in known if name.casefold() in asked or name == "base rate")


def show(found: "Backtest") -> None:
    """Figures fold by fold, then what all folds say together."""
    for fold in found.folds:
        moment_ = found.figures.filter(pl.col("origin").dt.epoch("us") == fold.origin)
        leads = moment_["leads"][0]
        out.print(
            f"\n[bold]Origin {moment_['origin'][0]:%Y-%m-%d}: {len(fold.pairs):,} landmarks of {leads:,} later leads[/]"
        )
        for days in fold.horizons:
            out.print(models_table(moment_.filter(horizon=days), f"within {days} days"))
        out.print(time_table(moment_.filter(horizon=0)))
        by_day = found.by_day.filter(pl.col("origin").dt.epoch("us") == fold.origin)
        out.print(days_table(by_day.filter(model=moment_["model"][0])))
    if len(found.comparison):
        out.print(comparison_table(found.comparison))
    poor = found.slices.filter("poor")
    for row in poor.iter_rows(named=True):
        out.print(
            f"[yellow]poor calibration:[/] {row['slice']} = {row['group']}: {row['predicted']:.1%} predicted, "
            f"{row['observed']:.1%} observed, {row['leads']:,} leads",
            soft_wrap=True,
        )
    if not len(poor):
        out.print("no kind of lead for which calibration is poor")
    for note in found.notes:
        out.print(note, soft_wrap=True, markup=False)


def models_table(figures: pl.DataFrame, title: str) -> Table:
    """One row a model, one column a measure; intervals where they decide, all of them in the report."""
    table = _plain_table(title)
    table.add_column("model", min_width=20)
    there = [name for name in _ACROSS if name in set(figures["metric"])]
    for name in there:
        table.add_column(_ACROSS[name], justify="right")
    for (model,), rows in figures.group_by("model", maintain_order=True):
        cells = {row["metric"]: _with_interval(row) for row in rows.iter_rows(named=True)}
        table.add_row(str(model), *(cells.get(name, "") for name in there))
    return table


def time_table(figures: pl.DataFrame) -> Table:
    """Measures of curves and of times, one column a model that has one."""
    table = _plain_table("of curves and times")
    table.add_column("model", min_width=20)
    there = [name for name in _OF_TIME if name in set(figures["metric"])]
    for name in there:
        table.add_column(_OF_TIME[name], justify="right")
    for (model,), rows in figures.group_by("model", maintain_order=True):
        cells = {row["metric"]: f"{row['value']:.3f}" for row in rows.iter_rows(named=True)}
        table.add_row(str(model), *(cells.get(name, "") for name in there))
    return table


def days_table(figures: pl.DataFrame) -> Table:
    """AUC and calibration of this model on each landmark day."""
    table = _plain_table("this model by day after creation: AUC, and predicted / observed")
    for name in ("day", "rows"):
        table.add_column(name, justify="right")
    horizons = figures["horizon"].unique(maintain_order=True).to_list()
    for days in horizons:
        table.add_column(f"{days} d", justify="right")
    for (day,), rows in figures.group_by("landmark_day", maintain_order=True):
        values = {(row["horizon"], row["metric"]): row["value"] for row in rows.iter_rows(named=True)}
        cells = [f"{values[days, 'auc']:.3f}  {values[days, 'predicted_to_observed']:.2f}" for days in horizons]
        table.add_row(str(day), f"{rows['pairs'][0]:,}", *cells)
    return table


def comparison_table(comparison: pl.DataFrame) -> Table:
    """Ours minus each peer's, mean over the folds, with what is left of it after Holm's correction."""
    table = _plain_table("ours minus theirs, mean over folds; p and verdict after Holm's correction")
    table.add_column("against", min_width=20)
    for name in ("within", "measure", "difference", "p"):
        table.add_column(name, justify="right")
    table.add_column("verdict", no_wrap=True)
    colours = {"better": "green", "worse": "red"}
    for row in comparison.iter_rows(named=True):
        colour = colours.get(row["verdict"], "dim")
        table.add_row(
            row["peer"], f"{row['horizon']} d", _ACROSS[row["metric"]], f"{row['difference']:+.4f}",
            f"{row['p']:.3f}", f"[{colour}]{row['verdict']}[/]",
        )  # fmt: skip
    return table


def _plain_table(title: str) -> Table:
    """Without lines between columns: eight of them have to fit into a terminal."""
    return Table(title=title, title_justify="left", title_style="italic", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _with_interval(row: dict[str, float | str]) -> str:
    if row["metric"] not in _INTERVALS:
        return f"{row['value']:.3f}"
    low, high = (f"{row[end]:.2f}".removeprefix("0") for end in ("low", "high"))
    return f"{row['value']:.3f}\n[dim]{low}–{high}[/dim]"
