"""The service against a bare app: ``python -m benchmarks.serving [--leads N] [--requests N] [--rounds N]``.

A market is simulated, a model trained on it, and one store kept for both: `veraison serve` as a person starts it, and
the bare Starlette app of benchmarks.bare, which does the same look-up, hazard curve, model and ``pred_contrib`` and
nothing else (no keys, no limits, no prediction log, no texts). They take turns in one run, the first of a round being
last in the next; the load comes from a process of its own. CPU is that of the server with all its processes, a score;
of all rounds the median is taken, for the ratio that of the paired ratios.

Both are asked to agree on a score before anything is timed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import servers
from benchmarks.features import Result
from benchmarks.load import Answered, Load, send
from benchmarks.measure import EngineFailedError
from benchmarks.servers import Server
from data.journey import Status
from data.parse import judge
from data.simulator import simulate
from data.sources import open_source
from data.store import Store
from serving import keys, scorer
from serving.app import system_clock
from serving.models import FOLDER, POINTER, load_champion
from training.fit import fit, training_set
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

RESULTS = Path(__file__).parent / "results" / "serving.json"
PEER = "starlette"
CONCURRENCY, RATE, BULK, BATCH = 32, 100.0, 1_000, 100
TARGETS = {"score_by_id_c32": "at most 1.3 x", "score_at_100_per_s": "at most 10", "score_bulk_1000": "at least 2,500",
           "ingest_100": "at least 5,000"}  # fmt: skip
_SENDERS = 8
_LATER = 2**60
"""A moment after all that is simulated."""

console = Console()


@dataclass(frozen=True)
class Scene:
    """What both serve: a workspace, a key that may do everything, and the leads that have a score now."""

    workspace: Path
    key: str
    leads: list[str]

    def by_id(self, server: Server, requests: int, concurrency: int, rate: float | None = None, **more: bool) -> Load:
        """One lead a request, one after another."""
        bodies = [
            json.dumps({"lead_ids": [self.leads[number % len(self.leads)]], **more}) for number in range(requests)
        ]
        return Load(server.port, "/v1/score", self.key, bodies, concurrency, rate)


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=3_000, help="of the market")
    asked.add_argument("--requests", type=int, default=2_000, help="scores by id in a round")
    asked.add_argument("--rounds", type=int, default=5)
    given = asked.parse_args(arguments)
    if (load := os.getloadavg()[0]) > 0.5:
        console.print(f"[yellow]this machine is busy (load {load:.1f}): trust ratios, not latencies")
    with tempfile.TemporaryDirectory() as folder:
        scene = made(Path(folder), given.leads)
        with servers.ours(scene.workspace) as ours, servers.bare(scene.workspace) as peer:
            agree(scene, ours, peer)
            results = [
                *by_id(scene, ours, peer, given.requests, given.rounds),
                *latency(scene, ours, peer, given.requests),
                bulk(scene, ours, given.rounds),
                ingestion(scene, ours, given.requests * 20 // BATCH),
            ]
    show(results)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")
    return 0


def made(folder: Path, leads: int) -> Scene:
    """A workspace with a simulated market and a champion."""
    console.print(f"simulating {leads:,} leads and training", style="dim")
    workspace = Workspace(folder / "workspace")
    workspace.create()
    market = simulate(folder / "market.ndjson", leads=leads)
    workspace.playbook.write_text(market.playbook_path.read_text(encoding="utf-8"), encoding="utf-8")
    playbook = load_playbook(workspace.playbook)
    with Store(workspace.store_url, playbook.identity.keys, playbook.features.accounts) as store:
        store.append(judge(record, now=_LATER) for record in open_source(market.events_path))
        log = store.scan()
        bundle = fit(training_set(log, playbook, before=log.newest + 1), playbook, before=log.newest + 1, threads=1)
        bundle.save(workspace.root / FOLDER / bundle.version)
        (workspace.root / FOLDER / POINTER).write_text(bundle.version + "\n", encoding="utf-8")
        now = system_clock()
        status = scorer.score(load_champion(workspace), log, log.leads, [now] * len(log.leads)).status
        chosen = [lead for lead, one in zip(log.leads, status, strict=True) if one is Status.scored]
        return Scene(workspace.root, keys.create(store, "benchmark", ["admin"], now=now), chosen)


def agree(scene: Scene, ours: Server, peer: Server) -> None:
    """EngineFailedError unless both give the same scores, to what a day's moment more can change."""
    found = []
    for server in (ours, peer):
        first = answered(scene.by_id(server, 1, 1)).first
        found.append(json.loads(first)["scores"][0]["score"])
    if abs(found[0] - found[1]) > 0.01:
        raise EngineFailedError(f"the service says {found[0]}, the bare app {found[1]}")


def by_id(scene: Scene, ours: Server, peer: Server, requests: int, rounds: int) -> list[Result]:
    """CPU milliseconds a score; the second case is the whole answer about one lead, which the peer has none of."""
    shapes = {"score_by_id_c32": {"details": False}, "score_by_id_c32_details": {}}
    found = []
    for case, more in shapes.items():
        costs: dict[str, list[float]] = {"ours": [], PEER: []}
        for number in range(-1, rounds):
            pair = [("ours", ours), (PEER, peer)]
            for name, server in pair if number % 2 else pair[::-1]:
                load = scene.by_id(server, requests, CONCURRENCY, **(more if name == "ours" else {}))
                with cpu_of(server) as spent:
                    answered(load)
                if number >= 0:  # the round before the first warms up
                    costs[name].append(spent[0] / requests * 1e3)
        ratio = statistics.median(mine / its for mine, its in zip(*costs.values(), strict=True))
        mine, its = (statistics.median(one) for one in costs.values())
        found.append(Result(case, "cpu", "ms", mine, {PEER: its}, ratio))
    return found


def latency(scene: Scene, ours: Server, peer: Server, requests: int) -> list[Result]:
    """Milliseconds from the moment a request was due, 100 a second."""
    both = [answered(scene.by_id(server, requests, CONCURRENCY, RATE, details=False)) for server in (ours, peer)]
    return [
        Result.of(
            "score_at_100_per_s", name, "ms", both[0].quantile(level) * 1e3, {PEER: both[1].quantile(level) * 1e3}
        )
        for name, level in (("p50", 0.5), ("p99", 0.99))
    ]


def bulk(scene: Scene, ours: Server, rounds: int) -> Result:
    """Explained leads a CPU second, 1,000 a request."""
    some = [scene.leads[number % len(scene.leads)] for number in range(BULK)]
    load = Load(ours.port, "/v1/score", scene.key, [json.dumps({"lead_ids": some})], 1)
    answered(load)
    rates = []
    for _ in range(rounds):
        with cpu_of(ours) as spent:
            answered(load)
        rates.append(BULK / spent[0])
    return Result("score_bulk_1000", "leads_per_second_and_core", "leads/s", statistics.median(rates))


def ingestion(scene: Scene, ours: Server, batches: int) -> Result:
    """Events a second that are durable when they are answered, batches of 100 from a few senders at once."""
    bodies = [json.dumps({"batch": [_event(batch * BATCH + one) for one in range(BATCH)]}) for batch in range(batches)]
    found = answered(Load(ours.port, "/v1/batch", scene.key, bodies, _SENDERS))
    return Result("ingest_100", "durable_events_per_second", "events/s", batches * BATCH / found.wall)


def answered(load: Load) -> Answered:
    """The answers, all of which must be 200."""
    found = send(load)
    if set(found.statuses) != {"200"}:
        raise EngineFailedError(f"{load.path} answered {found.statuses}: {found.first[:200]}")
    return found


@contextmanager
def cpu_of(server: Server) -> Iterator[list[float]]:
    """CPU seconds of a server within the block, in a list that is filled at its end."""
    spent: list[float] = []
    before = server.cpu()
    yield spent
    spent.append(server.cpu() - before)


def _event(number: int) -> dict[str, object]:
    return {
        "type": "track",
        "messageId": f"bench-{number}",
        "userId": f"B{number % 5_000}",
        "event": "Pricing Page Viewed",
        "timestamp": "2026-03-01T09:12:00Z",
        "properties": {"value": number % 100, "channel": "site", "page": f"/pricing/{number % 17}"},
    }


def show(results: list[Result]) -> None:
    table = Table(title="The service beside a bare Starlette app")
    for heading in ("case", "metric", "unit", "ours", PEER, "ratio", "target"):
        table.add_column(heading, justify="left" if heading in ("case", "metric", "unit", "target") else "right")
    for one in results:
        ratio = "" if one.ratio_to_best_peer is None else f"{one.ratio_to_best_peer:.2f}"
        peer = f"{one.peers[PEER]:,.3g}" if PEER in one.peers else ""
        table.add_row(
            one.case, one.metric, one.unit, f"{one.ours:,.4g}", peer, ratio,
            "" if one.metric == "p50" else TARGETS.get(one.case, ""),
        )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
