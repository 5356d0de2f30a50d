"""The whole job in one command: simulate a market, ingest, train, score, explain, watch."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.rule import Rule

from data.events import isoformat
from veraison.cli import data, models, monitor, scores
from veraison.cli.common import WorkspaceOption, out, place
from veraison.errors import VeraisonError

MARKER = "demo.txt"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    leads: Annotated[int, typer.Option(help="How many leads the market has.", min=300)] = 1500,
    days: Annotated[int, typer.Option(help="How long it is watched, in days.", min=120)] = 365,
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 7,
    workspace: WorkspaceOption = None,
) -> None:
    """Show the whole job on a simulated firm: events in, a trained model, explained scores, a drift report.

    Example: veraison demo --workspace workspace
    """
    where = place(workspace)
    root = where.workspace.root
    if root.is_dir() and any(root.iterdir()) and not (root / MARKER).exists():
        raise VeraisonError(f"{root} holds something else than a demo; choose another folder with --workspace")
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).write_text("Made by: veraison demo\n", encoding="utf-8")

    _step(1, f"a market of {leads:,} leads over {days} days")
    market = data.simulate_with_progress(root / "market.ndjson", leads=leads, days=days, seed=seed)
    shutil.copyfile(market.playbook_path, root / "playbook.toml")
    out.print(f"{market.events:,} messages, {market.wins:,} deals won")

    _step(2, "events in")
    data.ingest_command([market.events_path], workspace=root)

    _step(3, "a model, beside what anybody could do")
    models.train(workspace=root)

    _step(4, "every lead scored")
    scores.score_command(workspace=root, top=10, out_path=None, at=None)

    _step(5, "one lead in words")
    best = best_lead(root)
    scores.explain(best, workspace=root)
    scores.explain(best, lang="fr", workspace=root)

    _step(6, "has the world changed?")
    monitor.watched(place(root))

    _step(7, "and now")
    with where.store() as store:
        end = isoformat((store.newest() or 0) + 1)  # at today's clock all leads of this market would be stale
    name = "" if root == Path("workspace") else f" --workspace {root}"
    out.print(
        f"the page and the API : veraison serve{name}   then open http://127.0.0.1:3000/today?as_of={end}\n"
        f"one lead             : veraison explain {best}{name}\n"
        f"reports              : {root / 'reports'}\n"
        f"experiments          : mlflow ui --backend-store-uri {where.workspace.tracking_uri}",
        soft_wrap=True,
    )


def best_lead(root: Path) -> str:
    """The lead with the highest score in the workspace's prediction log."""
    from data import scorelog

    with place(root).store() as store:
        logged = [one for one in scorelog.read(store) if one.score is not None]
    return max(logged, key=lambda one: (one.as_of, one.score or 0.0)).lead_id


def _step(number: int, text: str) -> None:
    out.print(Rule(f"[bold]{number}[/] · {text}", align="left", style="dim"))
