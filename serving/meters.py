"""What a running service measures of itself, beside BentoML's own figures of requests; `/metrics` shows both.

No label ever holds what somebody sent: statuses, results and classes of reasons come from the short lists here and in
the code. Counters move where the thing happens; what has an age is looked up when it is asked for (`look`).
"""

import logging
from collections import Counter as Counts
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from prometheus_client import Counter, Gauge, Histogram

from data import outbox, quarantine
from data.events import MICROS_PER_SECOND, parse_instant
from data.journey import Status
from data.store import Store
from data.tombstones import ERASED
from serving.lights import QUESTIONS, State, lights
from serving.models import ModelHolder
from serving.verdicts import Journal, Lines
from veraison.errors import VeraisonError

_log = logging.getLogger("veraison.serving")


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    """Of several workers each would find the same: what one of them saw last is shown."""
    return Gauge(f"veraison_{name}", text, labels, multiprocess_mode="livemostrecent")


SCORES = Counter("veraison_scores_total", "Leads answered by POST /v1/score and GET /v1/leads/{id}", ["status"])
POINTS = Histogram("veraison_score", "Scores served", buckets=tuple(range(10, 101, 10)))
EVENTS = Counter("veraison_events_total", "Messages taken over HTTP, by what became of them", ["result"])
QUARANTINED = Counter("veraison_quarantined_total", "Messages not taken, by the part that was wrong", ["reason"])
REFUSED = Counter("veraison_refused_total", "Requests answered 429", ["why"])
DELIVERIES = Counter("veraison_push_deliveries_total", "Attempts to deliver a message about a score", ["result"])

STORE_UP = _gauge("store_up", "Whether the store answered when these figures were asked for")
MODEL_AGE = _gauge("model_age_seconds", "Since the moment up to which the model that serves has learned")
MODEL_LOADED = _gauge("model_loaded_seconds", "Since the model that serves was loaded")
MODEL_READY = _gauge("model_ready", "Whether there is a model to score with")
MODEL_BROKEN = _gauge("model_broken", "Whether the newest promoted model could not be loaded, and an older one serves")
EVENT_AGE = _gauge("newest_event_age_seconds", "Since the newest event became known")
PUSH_WAITING = _gauge("push_waiting", "Messages about scores that wait to be delivered")
PUSH_OLDEST = _gauge("push_oldest_seconds", "Since the oldest message that waits was made")

MONITORING_AGE = _gauge("monitoring_age_seconds", "Since the moment that the newest run of monitoring stood at")
MONITORING_DECISION = _gauge("monitoring_decision", "1 for what the newest run of monitoring decided", "decision")
MONITORING_LIGHT = _gauge("monitoring_light", "0 well, 1 watch, 2 act, NaN not measured", "question")
SCORE_PSI = _gauge("monitoring_score_psi", "Population stability index of the scores against training")
OBSERVED_TO_EXPECTED = _gauge("monitoring_observed_to_expected", "Conversions for each expected, newest matured chunk")
WEEK_OBSERVED = _gauge("monitoring_week_observed", "Conversions of the newest week of monitoring")
WEEK_EXPECTED = _gauge("monitoring_week_expected", "Conversions that the model expected in that week")
JOURNAL_UNREADABLE = _gauge("monitoring_journal_unreadable", "Lines of monitoring's journal that cannot be read")
DECISIONS = ("none", "hold", "recalibrate", "retrain")
_LIGHTS: dict[State, float] = {"good": 0, "watch": 1, "act": 2, "unknown": float("nan")}

CLASSES = quarantine.CLASSES | {"erased"}

for _name in Status:  # a rate can only be computed from a series that was there before the first one
    SCORES.labels(_name.name)
for _result in ("accepted", "duplicate", "quarantined"):
    EVENTS.labels(_result)
for _class in sorted(CLASSES):
    QUARANTINED.labels(_class)
for _why in ("busy", "too-many-requests"):
    REFUSED.labels(_why)
for _result in ("delivered", "failed", "given up"):
    DELIVERIES.labels(_result)
for _decision in DECISIONS:
    MONITORING_DECISION.labels(_decision)
for _question in QUESTIONS:
    MONITORING_LIGHT.labels(_question).set(float("nan"))


def reason_class(reason: str) -> str:
    """Of `CLASSES`, which part of a message was wrong, or that it was of somebody who was erased."""
    return "erased" if reason == ERASED else quarantine.reason_class(reason)


def scored(statuses: Iterable[Status], scores: Iterable[float]) -> None:
    """Count what was answered: a status for each lead that was asked for, and the scores of those that have one."""
    for status, count in Counts(statuses).items():
        SCORES.labels(status.name).inc(count)
    for score in scores:
        POINTS.observe(score)


def taken(accepted: int, duplicates: int, reasons: Iterable[str]) -> None:
    """Count a batch of messages."""
    classes = Counts(map(reason_class, reasons))
    for result, count in (("accepted", accepted), ("duplicate", duplicates), ("quarantined", classes.total())):
        EVENTS.labels(result).inc(count)
    for one, count in classes.items():
        QUARANTINED.labels(one).inc(count)


def look(store: Store, models: ModelHolder, clock: Callable[[], int], journal: Journal | None = None) -> None:
    """Set the gauges to what is so now; where the store does not answer, theirs stay and `STORE_UP` says so."""
    now = clock()
    MODEL_READY.set(models.ready)
    MODEL_BROKEN.set(models.broken is not None)
    if models.ready:
        MODEL_LOADED.set(models.loaded_ago)
        MODEL_AGE.set(_age(now, _learned(models)))
    _monitored(journal.lines() if journal else Lines(), now)
    try:
        newest, waiting = store.newest(), outbox.waiting(store)
    except (VeraisonError, sa.exc.SQLAlchemyError) as error:
        _log.warning("the store did not answer for the metrics: %s", type(error).__name__)
        STORE_UP.set(0)
        return
    STORE_UP.set(1)
    EVENT_AGE.set(_age(now, newest))
    PUSH_WAITING.set(waiting.count)
    PUSH_OLDEST.set(0 if waiting.oldest is None else _age(now, waiting.oldest))


def _monitored(known: Lines, now: int) -> None:
    """Set the gauges of monitoring to the newest verdict; NaN is what was not measured."""
    verdict = known.newest
    nothing = float("nan")
    MONITORING_AGE.set(_age(now, None if verdict is None else verdict.at))
    JOURNAL_UNREADABLE.set(known.unreadable)
    for name in DECISIONS:
        MONITORING_DECISION.labels(name).set(verdict is not None and verdict.decision == name)
    for question, state in lights(verdict).items():
        MONITORING_LIGHT.labels(question).set(_LIGHTS[state])
    drift = verdict.drift if verdict else None
    SCORE_PSI.set(drift.score.psi if drift and drift.score else nothing)
    newest = verdict.performance.newest if verdict and verdict.performance else None
    ratio = newest.observed_to_expected.value if newest and newest.observed_to_expected else None
    OBSERVED_TO_EXPECTED.set(nothing if ratio is None else ratio)
    weeks = verdict.conversions.weeks if verdict and verdict.conversions else ()
    WEEK_OBSERVED.set(weeks[-1].observed if weeks else nothing)
    WEEK_EXPECTED.set(weeks[-1].expected if weeks else nothing)


def _learned(models: ModelHolder) -> int | None:
    as_of = models.current().facts.get("as_of")
    return None if as_of is None else parse_instant(str(as_of))


def _age(now: int, moment: int | None) -> float:
    """Seconds since a moment; NaN where there is none."""
    return float("nan") if moment is None else max(0, now - moment) / MICROS_PER_SECOND
