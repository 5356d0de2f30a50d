"""The command that looks for better settings of the model."""

from typing import Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    out,
    parse_duration,
    past,
    place,
    say,
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(tune)


def tune(
    budget: Annotated[str, typer.Option(metavar="TIME", help="How long to search, such as 90s, 5m or 2h.")] = "5m",
    trials: Annotated[int | None, typer.Option(help="So many trials in all at most.", min=1)] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Search for settings that do better on what came later than the shipped ones; broken off, it goes on.

    Prints the lines for the playbook where there are any, and how sure one can be of them. Trials are in MLflow.

    Examples: veraison tune   ·   veraison tune --budget 30m
    """
    seconds = parse_duration(budget, "--budget")
    where = place(workspace, playbook)
    book, log, before = past(where, as_of)

    from training.registry import Registry
    from training.tuning import tune as search

    registry = Registry(where.workspace)
    with registry.trials("tuning") as record:
        found = search(
            log, book, before=before, budget=seconds, trials=trials, storage=where.workspace.root / "tuning.db",
            threads=where.settings.threads, record=record, say=say,
        )  # fmt: skip
    gap, low, high = found.difference
    errors.print(
        f"{found.trials} trials; log-loss {found.loss:.5f}, as shipped {found.shipped:.5f}; the difference is "
        f"{gap:+.5f} (95 %: {low:+.5f} to {high:+.5f}), on leads that "
        + ("took no part in the search" if found.apart else "also chose it, hence rosier than the truth"),
        soft_wrap=True,
    )
    if not found.better:
        errors.print(
            "No settings can be told from the shipped ones: leave [training.model] as it is.",
            soft_wrap=True,
            markup=False,
        )
        return
    errors.print("For the playbook; then look at them with: veraison backtest", soft_wrap=True)
    out.print(found.toml(), end="", markup=False)
