"""Monitoring of a large firm: ``python -m benchmarks.scored [--leads N] [--scores N] [--workspace FOLDER]``.

A market of two years is simulated and told several times over, each time of other leads; a model of 60 features learns
from the first year, and the prediction log is filled with what it said of the open leads, twice a week, with their
feature vectors. Copies make chance look surer than it is, so such a market alarms; no renewal begins (`[monitoring]`).
Then `veraison monitor` runs in a fresh process, as a person or a timer would start it. Wall, CPU and the most resident
memory are of that process alone, with all that it starts; steps are told by what the command prints.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from rich.console import Console

from benchmarks.train import Training, commanded, keep, show
from data import scorelog
from data.events import MICROS_PER_DAY
from data.journey import Status, standing
from data.log import EventLog
from data.parse import judge
from data.schema import events, scores, traits
from data.simulator import simulate
from data.simulator.market import START
from data.sources import open_source
from data.store import Store
from features import compute
from training.bundle import Bundle
from training.fit import fit, training_set
from training.registry import CHAMPION, Registry
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

RESULTS = Path(__file__).parent / "results" / "scored.json"
LEADS, SCORES, COPIES, DAYS = 50_000, 1_000_000, 10, 728
WALL, PEAK = 60.0, 2e9
"""Targets at so many scores: seconds, and bytes of resident memory."""
_LATER = 2**60
_APART = 7 * MICROS_PER_DAY // 2
_SMALL = """
[features]
windows_days = [7, 30]
half_lives_days = []
max_kinds = 6
without = ["rhythm", "stage", "sequences", "rates", "account", "people"]
outbound = ["Email Sent", "Call Made", "Meeting Scheduled", "Proposal Sent"]

[features.traits]
source = "category"
country = "category"
employees = "number"

[monitoring]
recalibrate = false
min_outcomes = 1000000000
"""
"""Sixty features and one; the leads of a copy have the addresses of another's, so nothing is merged by them."""


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.scored", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=LEADS, help="how many leads the market has, all copies together")
    asked.add_argument("--scores", type=int, default=SCORES, help="how many scores are in the prediction log")
    asked.add_argument("--workspace", type=Path, help="is made here, or used where it is there already")
    given = asked.parse_args(arguments)
    console = Console(width=110)
    if (load := os.getloadavg()[0]) > 0.5:
        console.print(f"[yellow]this machine is busy (load {load:.1f}): trust CPU seconds, not wall time")
    with tempfile.TemporaryDirectory() as made:
        workspace = given.workspace or Path(made) / "workspace"
        if not (workspace / "playbook.toml").exists():
            filled(workspace, given.leads, given.scores)
        found, verdict = monitored(workspace)
        size = _size(workspace)
    show(console, found, f"veraison monitor, {size}")
    console.print(
        f"wall {found.wall:.1f} s (target {WALL:.0f}), CPU {found.cpu:.1f} s, peak {found.peak / 1e6:,.0f} MB "
        f"(target {PEAK / 1e6:,.0f}), targets at {SCORES:,} scores and 2 cores; decision: {verdict['decision']}"
    )
    keep(RESULTS, "monitor", found)
    return 0


def filled(folder: Path, leads: int, scores_: int) -> None:
    """A workspace with a market, its champion and a prediction log."""
    folder.mkdir(parents=True)
    told = folder / "market.ndjson"
    simulate(told, leads=leads // COPIES, days=DAYS, seed=7)
    text = told.with_suffix(".playbook.toml").read_text(encoding="utf-8")
    own = folder / "draft.toml"
    own.write_text(text.partition("[features]")[0] + _SMALL, encoding="utf-8")
    book, workspace = load_playbook(own), Workspace(folder)
    with Store(workspace.store_url) as store:
        store.append(judge(record, now=_LATER) for record in open_source(told))
        log, snapshot = store.scan(), START + DAYS // 2 * MICROS_PER_DAY
        bundle = fit(training_set(log, book, before=snapshot), book, before=snapshot)
        Registry(workspace).register(bundle, alias=CHAMPION)
        served = _served(log, book, bundle, snapshot)
        while batch := list(islice(served, 10_000)):
            scorelog.append(store, batch)
            if scorelog.count(store) * COPIES >= scores_:
                break
        _copied(store)
    told.unlink()
    own.rename(folder / "playbook.toml")  # last: what has a playbook is whole


def monitored(workspace: Path) -> tuple[Training, dict[str, Any]]:
    """What a run of the monitor cost, and its verdict."""
    with tempfile.TemporaryFile("w+") as said:
        found = commanded("monitor", workspace, out=said)
        said.seek(0)
        return found, json.loads(said.read().splitlines()[-1])


def _served(log: EventLog, book: Playbook, bundle: Bundle, since: int) -> Iterator[scorelog.LoggedScore]:
    """Scores of the open leads twice a week since a moment, the newest first."""
    end = int(log.known.max()) + 1
    everyone = np.arange(len(log.leads), dtype=np.int64)
    for as_of in range(end, since, -_APART):
        then = standing(log, book.journey, everyone, np.full(len(everyone), as_of))
        lead = everyone[then.status == Status.scored]
        features = compute.batch(log, bundle.feature_set, lead, np.full(len(lead), as_of), then.started[lead])
        chance = bundle.predict(features).probability
        score = bundle.score_of(chance[:, bundle.primary])
        for place, one in enumerate(lead.tolist()):
            answer = dict(zip(bundle.horizon_names, chance[place].tolist(), strict=True))
            yield scorelog.LoggedScore(
                log.leads[one], as_of, as_of, "scored", float(score[place]), float(chance[place, bundle.primary]),
                bundle.version, bundle.feature_set.fingerprint, features[place], answer,
            )  # fmt: skip


def _copied(store: Store) -> None:
    """All rows again for other leads, `COPIES` times in all."""
    with store.writing() as connection:
        for table in (events, traits, scores):
            names = [column.name for column in table.c if column.name != "score_id"]
            connection.execute(sa.text(f"CREATE TEMP TABLE told AS SELECT {', '.join(names)} FROM {table.name}"))
            for copy in range(1, COPIES):
                chosen = ", ".join(f"{one} || '~{copy}'" if one.endswith("_id") else one for one in names)
                connection.execute(sa.text(f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {chosen} FROM told"))
            connection.execute(sa.text("DROP TABLE told"))


def _size(workspace: Path) -> str:
    with Store(Workspace(workspace).store_url) as store:
        found = store.counts()
        logged = scorelog.count(store)
        with store.reading() as connection:
            width = connection.execute(sa.select(sa.func.max(sa.func.length(scores.c.vector)))).scalar_one() // 8
    return f"{logged:,} scores of {width} features, {found['events']:,} events"


if __name__ == "__main__":
    sys.exit(main())
