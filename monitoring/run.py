"""One run of monitoring, readable from top to bottom: compare, measure, decide, and on a positive decision renew."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.log import EventLog
from data.quarantine import Refused
from data.record import Record
from features.learning import learn
from monitoring import (
    estimate,
    expected,
    guard,
    loop,
    performance,
    policy,
    progress,
    recalibration,
    renewal,
    report,
    slices,
    volumes,
)  # fmt: skip
from monitoring.causes import Cause
from monitoring.inputs import gather, look
from monitoring.journal import JOURNAL, Journal
from monitoring.progress import GoOn, Work
from monitoring.quality import NOTHING
from monitoring.report import Verdict
from monitoring.shadow import Served, nothing_served
from training.bundle import Bundle
from training.landmarks import landmarks
from training.propensity import moments
from training.registry import CHAMPION, Registered, Registry
from veraison.errors import ModelError, RegistryError
from veraison.playbook import Playbook

Say = Callable[[str], None]

NO_MODEL = "no model yet; train one with: veraison train"


def monitor(
    store_log: EventLog,
    registry: Registry,
    playbook: Playbook,
    reports: Path,
    *,
    as_of: int,
    served: Served = nothing_served,
    refused: Refused = NOTHING,
    record: Callable[[EventLog], Record] | None = None,
    threads: int = 2,
    drawn: bool = True,
    say: Say = lambda _: None,
    go_on: GoOn = lambda _: None,
) -> Verdict:
    """Decide once whether the champion still fits the world, renew it if not, and write down both.

    as_of   : microseconds UTC; only what was known before it counts
    reports : folder of ``drift.html``, ``monitor.json``, the journal and the records of challengers
    served  : what models served, from the prediction log; what a challenger scores in the shadow
    refused : what could become no event before that moment (data.quarantine)
    record  : what became of the scores that were served, as known at `as_of`
    drawn   : whether Evidently draws every column; most of the time of a run on a small market
    go_on   : called before each step that changes anything; raises where the process is to end between two steps
    Returns : the verdict, the same for the same log, champion, moment and journal before it
    Raises  : ModelError where there is no champion, or one that cannot be held against this playbook and moment
    """
    work = Work(store_log, registry, playbook, reports, Journal(reports / JOURNAL), served, threads, say, go_on)
    back = guard.keep_serving(work, as_of)
    registered, champion, snapshot = _champion(work, as_of)
    rules, primary = playbook.monitoring, playbook.horizons.primary
    since = as_of - rules.recent_days * MICROS_PER_DAY
    pairs = landmarks(store_log, playbook, before=as_of)

    say(f"comparing the leads since {isoformat(since)} with those {champion.version} learned from")
    html = reports / report.HTML
    watched = gather(
        store_log, playbook, champion, pairs, snapshot=snapshot, at=as_of, since=since, threads=threads, refused=refused
    )  # fmt: skip
    with _replaced(html) as fresh:
        seen = look(watched, as_of, fresh if drawn else None, threads=threads)

    say("measuring the champion where outcomes have matured")
    judged = moments(store_log, playbook, before=as_of)
    at_this_level = judged[judged.as_of >= champion.known_until] if champion.levels else judged
    new = performance.matured(store_log, playbook, at_this_level, born_after=snapshot, at=as_of)
    figures, truth = _performance(store_log, champion, new, playbook, as_of, threads)
    promised = _promised(registry, registered, primary)

    say("counting the conversions of each week against those expected")
    weeks = expected.conversions(store_log, champion, playbook, snapshot=snapshot, as_of=as_of, threads=threads)
    unlabelled = estimate.estimate(
        store_log, champion, playbook, pairs, snapshot=champion.known_until, as_of=as_of, threads=threads
    )

    revised = recalibration.revise(weeks, champion, as_of=as_of) if rules.recalibrate else []
    causes = [
        *policy.structural(seen.changed, champion, playbook),
        *policy.delivered(seen.silent, seen.volumes, seen.quality.faults),
        *policy.broken_promise(figures["newest"], rules),
        *slices.misjudged(truth),
        *policy.unexpected(weeks),
        *recalibration.known_better(revised, champion),
        *policy.distributional(seen.drift, rules),
        *policy.estimated(unlabelled),
    ]

    def learnable(before: int) -> frozenset[str]:
        early = pairs[pairs.as_of < before]
        its_features = learn(store_log, playbook, early.lead, early.as_of)
        return volumes.learnable(seen.changed, seen.arrivals, its_features, snapshot=before)

    told = loop.Seen(causes, seen.drift.scored, new, snapshot, learnable, weeks, back, revised)
    done = loop.act(work, champion, told, as_of=as_of)
    verdict = Verdict(
        decision=done.decision,
        causes=causes,
        as_of=isoformat(as_of),
        champion=done.champion,
        challenger=done.challenger,
        promoted=done.promoted,
        performance={"promised": promised, **figures},
        drift=report.describe(
            seen.drift, volumes.weekly(seen.arrivals, rules.recent_days), rules, as_of=as_of, since=since
        ),
        data=report.describe_data(seen.quality),
        conversions=None if weeks is None else weeks.to_dict(),
        estimate=unlabelled.to_dict(),
        selection=None if record is None else record(store_log).to_dict(),
        gate=done.gate,
        message=_message(causes, done.reason),
        reason_code=done.code,
        champion_run=registry.page_of(registered),
        action=done.action,
        renewal=done.renewal,
        window=done.window,
        shadow=done.shadow,
        guard=done.guard,
        levels=done.levels,
    )
    report.write(verdict, reports)
    try:
        registry.observe(registered, report.figures(verdict), at=as_of)
    except RegistryError as error:  # what was decided is written down; MLflow only draws it
        say(f"the figures are not in MLflow: {error}")
    return verdict


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of a file as a whole; where nothing is written there, the file goes too."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield fresh
        if fresh.exists():
            fresh.replace(path)
        else:
            path.unlink(missing_ok=True)
    finally:
        fresh.unlink(missing_ok=True)


def _champion(work: Work, as_of: int) -> tuple[Registered, Bundle, int]:
    """The champion, its bundle and its training snapshot (microseconds UTC).

    Of a renewal that was broken off after it had promoted its challenger, the champion it was begun against: what is
    told of it is what would have been told.
    """
    registry, playbook = work.registry, work.playbook
    registered = registry.aliased(CHAMPION)
    if registered is None:
        raise ModelError(NO_MODEL)
    champion = registry.load(registered.number)
    begun = progress.unfinished(work.journal.read())
    if begun is not None and begun.challenger == registered.version:
        before = next((one for one in registry.versions() if one.version == begun.champion), None)
        if before is not None and renewal.why_abandon(work, begun, begun.champion) is None:
            earlier = guard.sound(work, before)
            registered, champion = (registered, champion) if isinstance(earlier, ModelError) else (before, earlier)
    snapshot = parse_instant(champion.facts.get("as_of"))
    if as_of < snapshot:
        raise ModelError(
            f"the champion learned from what was known before {isoformat(snapshot)}; "
            f"{isoformat(as_of)} is earlier and says nothing new about it"
        )
    horizons, primary = champion.playbook.horizons.days, playbook.horizons.primary
    if primary not in horizons:
        raise ModelError(
            f"the playbook's primary horizon is {primary} days, the champion speaks of "
            f"{', '.join(map(str, horizons))}; train a model for it with: veraison train"
        )
    return registered, champion, snapshot


def _performance(
    log: EventLog, champion: Bundle, new: performance.Matured, playbook: Playbook, as_of: int, threads: int
) -> tuple[dict[str, Any], list[slices.Slice]]:
    """The champion's figures on leads it has not seen: all of them, the newest matured chunk, and slices."""
    primary, seed = playbook.horizons.primary, playbook.training.seed
    chances, ready = performance.told(log, champion, new, threads)
    probability = chances[:, champion.playbook.horizons.days.index(primary)]
    newest = new.pairs.as_of >= as_of - (primary + playbook.monitoring.outcome_days) * MICROS_PER_DAY
    whole = performance.figures(new, probability, seed=seed)
    truth = slices.slices(log, champion, playbook, new, probability, champion.score_of(chances[:, champion.primary]))
    found = {
        "horizon_days": primary,
        "since_model": whole,
        "newest": whole if np.all(newest) else performance.figures(new[newest], probability[newest], seed=seed),
        "slices": slices.describe(truth),
        "times": slices.times(log, champion, playbook, new, ready, at=as_of),
    }
    return found, truth


def _promised(registry: Registry, registered: Registered, primary: int) -> dict[str, float]:
    """What was measured when the champion was made, by the same names as the figures."""
    logged = registry.metrics(registered.number)
    names = {name: f"{name}_{primary}d" for name in performance.PROMISED} | {name: name for name in slices.OF_TIME}
    return {name: round(logged[key], 5) for name, key in names.items() if key in logged}


def _message(causes: list[Cause], reason: str) -> str:
    """A few sentences: what is acted on, why this decision, and what is only reported."""
    acted = "; ".join(cause.sentence() for cause in causes if cause.acts)
    told = "; ".join(cause.sentence() for cause in causes if not cause.acts)
    parts = [f"Seen: {acted}." if acted else "", reason, f"Reported only: {told}." if told else ""]
    return " ".join(part for part in parts if part)
