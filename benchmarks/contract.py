"""Does a computed threshold keep the contract, and what is a call worth? ``python -m benchmarks.contract [--seeds N]``.

Simulated markets of two years. The model learns from the first; in the second one leads are handed over by the bound of
each week (monitoring.contract_weeks), under two contracts. Told are the promised and the reached volume and precision,
and how many of 100 leads handed over are won within 30 days. Beside it:

every_mql   : each lead once, when it is created;
points      : a marketing team's table of points (`POINTS`, `FIT`), summed over 90 days, at the same midnights, each
              lead once; its bound is set on the first year, so that as many leads come as the contract promises;
grades      : the playbook's grade B and above, as without a contract, each lead once.

The prior and half-lives of the bound, and what the contracts promise, were chosen on a market of seed 300.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.watched import Watched, watched
from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.log import EventLog, Floats, Ints
from data.said import said
from data.simulator.market import CORE_INDUSTRIES, DECIDING_ROLES, MID
from monitoring.contract_bound import FLOW_WEEKS, WARM_UP
from monitoring.contract_scores import Scores, scores
from monitoring.contract_weeks import Handed, Weeks, succeeded, weeks
from monitoring.weeks import WEEK
from training.landmarks import landmarks
from veraison.playbook import Playbook
from veraison.playbook_contract import Contract

RESULTS = Path(__file__).parent / "results" / "contract.json"
LEADS, JUDGED, AFTER = 20_000, 52, 5
"""New leads a year, weeks that are judged, and weeks in which their outcomes still come."""
CONTRACTS = {
    "60 a week, 15 %": Contract(sellers=6, leads_per_week=10, precision=0.15),
    "30 a week, 20 %": Contract(sellers=6, leads_per_week=5, precision=0.2),
}
GRADE_B = 50.0
POINT_DAYS = 90
POINTS = {
    "Pricing": 10, "Product": 3, "Email Clicked": 3, "White Paper Downloaded": 5, "Webinar Registered": 5,
    "Webinar Attended": 8, "Form Submitted": 8, "Trial Started": 15, "Trial Used": 8, "Call Received": 15,
    "Demo Requested": 25, "Quote Requested": 30, "Email Opened": 1, "Careers": -10,
}  # fmt: skip
FIT = {
    "industry": dict.fromkeys(CORE_INDUSTRIES, 10),
    "role": dict.fromkeys(DECIDING_ROLES, 15) | {"Student": -20},
    "source": {"Referral": 15, "Webinar": 5, "Bought List": -10},
}
MID_SIZE = 10

console = Console(width=None if sys.stdout.isatty() else 140)


def points(log: EventLog, at: Scores) -> Floats:
    """(n,) what the table gives a lead at each moment."""
    worth = np.array([POINTS.get(kind, 0) for kind in log.kinds], dtype=np.float64)[log.kind]
    found = _sum(log.offsets, log.known, worth, at.lead, at.as_of)
    found -= _sum(log.offsets, log.known, worth, at.lead, at.as_of - POINT_DAYS * MICROS_PER_DAY)
    fit = np.zeros(len(log.trait_known))
    for name, table in FIT.items():
        mine = log.trait_name == log.trait_names.index(name)
        fit[mine] = np.array([table.get(text, 0) for text in log.trait_texts])[log.trait_text[mine]]
    size = (log.trait_name == log.trait_names.index("employees")) & (log.trait_number >= MID[0])
    fit[size & (log.trait_number <= MID[1])] = MID_SIZE
    return found + _sum(log.trait_offsets, log.trait_known, fit, at.lead, at.as_of)


def _sum(offsets: Ints, known: Ints, worth: Floats, lead: Ints, before: Ints) -> Floats:
    """(n,) the worth of a lead's rows that were known before a moment, a whole second."""
    span = 10**11
    keys = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)) * span + known // MICROS_PER_SECOND
    place = np.searchsorted(keys, lead * span + before // MICROS_PER_SECOND, side="left")
    total = np.concatenate([[0.0], np.cumsum(worth)])
    found: Floats = total[place] - total[offsets[lead]]
    return found


def passages(at: Scores, height: Floats, bound: float) -> Ints:
    """Places of the moments at which each lead first stands at a bound or above."""
    there = np.flatnonzero(height >= bound)
    _, first = np.unique(at.lead[there], return_index=True)
    found: Ints = there[first]
    return found


def by_hand(at: Scores, height: Floats, a_week: int, until: int) -> float:
    """The bound in whole points at which nearest to `a_week` leads passed it in each of the last 26 weeks."""
    early = at[at.as_of < until]
    tried = np.arange(5.0, 150.0)
    counts = []
    for bound in tried:
        when = early.as_of[passages(early, height[at.as_of < until], bound)]
        counts.append(int((when >= until - 26 * WEEK).sum()) / 26)
    return float(tried[int(np.argmin(np.abs(np.array(counts) - a_week)))])


def judged(market: Watched, seed: int) -> list[Result]:
    """One market, every contract."""
    end, after = market.week(JUDGED), market.week(JUDGED + AFTER)
    log, heard = market.log, said(market.log, market.book, before=end)
    since = market.snapshot - (26 + WARM_UP + FLOW_WEEKS) * WEEK
    seen = scores(log, market.champion, _with(market.book, None), heard, since=since, until=end)
    born = landmarks(log, market.book, before=end, days=(0,))
    new = born.as_of >= market.snapshot
    mql = Handed(born.lead[new], born.as_of[new], born.as_of[new], np.zeros(int(new.sum())))
    height, found = points(log, seen), []
    for name, contract in CONTRACTS.items():
        book = _with(market.book, contract)
        ours = weeks(
            log, book, heard, {}, market.champion, {}, first=market.snapshot, as_of=end - 1, scored=seen
        )  # fmt: skip
        capacity = contract.capacity(book.routing)
        peers = {
            "points": _of(seen, passages(seen, height, by_hand(seen, height, capacity, market.snapshot)), market),
            "grades": _of(seen, passages(seen, seen.score, GRADE_B), market),
            "every_mql": mql,
        }
        found += _kept(f"{name}, seed {seed}", ours, log, book, contract, after)
        wins = {peer: _won(log, book, one, after) for peer, one in peers.items()}
        found.append(
            Result(f"{name}, seed {seed}", "wins_per_100_calls", "wins", _won(log, book, ours.handed, after), wins)
        )
        volume = {peer: len(one) / JUDGED for peer, one in peers.items()}
        found.append(
            Result(f"{name}, seed {seed}", "leads_a_week", "leads", len(ours.handed) / JUDGED, volume)
        )  # fmt: skip
    return found


def _kept(case: str, ours: Weeks, log: EventLog, book: Playbook, contract: Contract, after: int) -> list[Result]:
    """Promises beside what came, over the year."""
    promised = sum(one.promised for one in ours.bounds)
    reached = _won(log, book, ours.handed, after)
    told = [(one.precision or 0.0, one.leads) for one in ours.bounds]
    expected = 100 * sum(share * leads for share, leads in told) / sum(leads for _, leads in told)
    each = np.array([int((ours.handed.week == one.start).sum()) for one in ours.bounds])
    return [
        Result(case, "volume_off", "%", 100 * (len(ours.handed) / promised - 1)),
        Result(case, "precision_off", "points", reached - 100 * contract.precision),
        Result(case, "precision_off_expected", "points", reached - expected),
        Result(case, "weeks_bound_by_precision", "weeks", float(sum(one.binds == "precision" for one in ours.bounds))),
        Result(case, "volume_of_a_week_sd", "leads", float(each.std())),
    ]


def _with(book: Playbook, contract: Contract | None) -> Playbook:
    return book.model_copy(update={"contract": contract or next(iter(CONTRACTS.values()))})


def _of(at: Scores, places: Ints, market: Watched) -> Handed:
    """Of first passages those in the judged year."""
    mine = at[places]
    mine = mine[mine.as_of >= market.snapshot]
    return Handed(mine.lead, mine.as_of, mine.as_of, mine.chance)


def _won(log: EventLog, book: Playbook, handed: Handed, after: int) -> float:
    return 100 * float(succeeded(log, book, handed, after).mean())


def together(results: list[Result]) -> list[Result]:
    """The mean of all seeds, line by line."""
    found = []
    for case, metric in dict.fromkeys((one.case.rpartition(", seed")[0], one.metric) for one in results):
        same = [one for one in results if one.case.rpartition(", seed")[0] == case and one.metric == metric]
        peers = {peer: float(np.mean([one.peers[peer] for one in same])) for peer in same[0].peers}
        ours = float(np.mean([one.ours or 0.0 for one in same]))
        ratio = ours / max(peers.values()) if metric.startswith("wins") else None
        found.append(Result(f"{case}, {len(same)} markets", metric, same[0].unit, ours, peers, ratio))
    return found


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.contract", description=__doc__.partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=3, help="simulated markets, from --first on")
    asked.add_argument("--first", type=int, default=1, help="seed of the first market")
    asked.add_argument("--leads", type=int, default=LEADS, help="new leads a year of each")
    asked.add_argument("--keep", type=Path, help="folder in which markets stay, and are used again")
    given = asked.parse_args(arguments)
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(given.first, given.first + given.seeds):
            folder = (given.keep or Path(temporary)) / str(seed)
            folder.mkdir(parents=True, exist_ok=True)
            market = watched(folder, seed=seed, weeks=JUDGED + AFTER, leads_a_year=given.leads)
            results += judged(market, seed)
            print(f"market {seed}: judged", file=sys.stderr)
    results += together(results) if given.seeds > 1 else []
    table = Table(title="The contract over a year: promises beside what came, and wins per 100 calls")
    for heading in ("case", "metric", "ours", "points", "grades", "every MQL"):
        table.add_column(heading, justify="left" if heading in ("case", "metric") else "right")
    for one in results:
        told = [f"{one.peers[name]:.1f}" if name in one.peers else "" for name in ("points", "grades", "every_mql")]
        table.add_row(one.case, f"{one.metric} ({one.unit})", f"{one.ours:.1f}", *told)
    console.print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
