"""Pairs of a lead and a moment become explained scores: the same way for a file, one lead and the API.

Every asked pair is a row of the answer; a pair that is not scored says why in its ``status``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from data.consent import Bools, may_contact
from data.events import isoformat
from data.exploration import HandOver
from data.journey import Status, standing
from data.log import NEVER, EventLog, Floats, Ints
from data.scorelog import LoggedScore
from features import compute
from features.words import Language
from serving import tables
from serving.decisions import EXPLORED, grade, hand_over
from serving.evidence import Missing, enough
from serving.maturity import Decision, Told, decisions
from serving.reasons import OTHER_SIGNALS, OTHER_WORDS, Reason, Trend, reasons_of
from serving.translations import Words
from serving.whatif import Comparison
from training.bundle import Bundle
from veraison.playbook import Playbook

SHOWN_REASONS = 8


@dataclass(frozen=True, slots=True)
class ExplainedScore:
    """One lead at one moment. ``score == clip(base + sum of the reasons' points, 0, 100)``.

    interval      : bounds of `probability`, between which lies the true chance of four such leads in five; None from a
                    model that was trained before there were any
    probabilities : column name -> chance of conversion within that many days
    ready         : days until 10, 50 and 90 % of such leads are ready, of those that are within the longest horizon
    ready_at      : since when sales have accepted it (microseconds UTC); then `ready` is empty
    missing, comparisons : what is not known, and what leads like it score that have just acted; None but in answers
                    about one lead, see serving.details
    handed        : how it comes to be handed over to sales, None where the playbook explores nothing
    chosen_text   : why it is handed over though its score is low, in words; empty where chance has not chosen it
    maturity      : whether it is mature, and by what; None where the playbook has no ``[maturity]``, and of the closed
    trend         : how the score has moved (serving.trend), None where that is not asked for or there is no score

    A lead that is ``too_early`` has probabilities and times, but no score, no grade and no reasons.
    """

    lead_id: str
    as_of: int
    status: str
    model_version: str
    score: float | None = None
    grade: str | None = None
    base: float | None = None
    probability: float | None = None
    interval: tuple[float, float] | None = None
    probabilities: dict[str, float] | None = None
    ready: tuple[float, float, float] | None = None
    ready_at: int | None = None
    reasons: tuple[Reason, ...] = ()
    missing: tuple[Missing, ...] | None = None
    comparisons: tuple[Comparison, ...] | None = None
    trend: Trend | None = None
    handed: HandOver | None = None
    chosen_text: str = ""
    maturity: Told | None = None

    def to_dict(self) -> dict[str, Any]:
        """The answer of the API: the columns of `veraison score`, with dates as text and reasons as objects."""
        p10, p50, p90 = self.ready or (None, None, None)
        low, high = self.interval or (None, None)
        detail = {"missing": self.missing, "comparisons": self.comparisons}
        return {
            "lead_id": self.lead_id,
            "as_of": isoformat(self.as_of),
            "status": self.status,
            "score": self.score,
            "grade": self.grade,
            "probability": self.probability,
            "probability_low": low,
            "probability_high": high,
            **(self.probabilities or {}),
            "ready_p10": p10,
            "ready_p50": p50,
            "ready_p90": p90,
            "ready_at": None if self.ready_at is None else isoformat(self.ready_at),
            "base": self.base,
            **self._handed_over(),
            **({} if self.maturity is None else {"maturity": self.maturity.to_dict()}),
            **({} if self.trend is None else {"trend": self.trend.to_dict()}),
            "reasons": [reason.to_dict() for reason in self.reasons],
            **{name: [one.to_dict() for one in found] for name, found in detail.items() if found is not None},
            "model_version": self.model_version,
        }

    def _handed_over(self) -> dict[str, Any]:
        if self.handed is None:
            return {}
        said = {"exploration_text": self.chosen_text} if self.chosen_text else {}
        return {"exploration": self.handed.explored, "propensity": self.handed.propensity, **said}


@dataclass(frozen=True)
class Scores:
    """Explained scores of n pairs, with the feature rows they were made of (of those that have probabilities only).

    scored : (n,) place of the pair among the feature rows, -1 where it has none
    score  : of each feature row; one of a lead that is ``too_early`` is not shown
    rules  : the playbook by which leads are handed over to sales; None where nothing is to be said of that
    mature : (n,) what it decides of each lead; None where nothing is to be said of that
    least  : (n,) score from which on leads are handed over at each moment; None where nothing is to be said of that
    allowed : (n,) who may be contacted, where that bears on exploration; nobody else is drawn
    """

    bundle: Bundle
    lead_ids: list[str]
    as_of: Ints
    status: list[Status]
    ready_at: Ints
    scored: Ints
    features: Floats
    base: float
    points: Floats
    score: Floats
    probability: Floats
    interval: Floats
    ready: Floats
    rules: Playbook | None = None
    mature: tuple[Decision | None, ...] | None = None
    least: Floats | None = None
    allowed: Bools | None = None

    def __len__(self) -> int:
        return len(self.lead_ids)

    def part(self, start: int, lead_ids: list[str]) -> "Scores":
        """The pairs from a place on, as many as there are ids, which they are to be called by."""
        mine = slice(start, start + len(lead_ids))
        kept: dict[str, Any] = {name: getattr(self, name)[mine] for name in ("as_of", "status", "ready_at", "scored")}
        mature = None if self.mature is None else self.mature[mine]
        least = None if self.least is None else self.least[mine]
        allowed = None if self.allowed is None else self.allowed[mine]
        return replace(self, lead_ids=lead_ids, mature=mature, least=least, allowed=allowed, **kept)

    def judged(self, log: EventLog, rules: Playbook, least: Callable[[int], float]) -> "Scores":
        """The same with what a playbook says of each lead: how it is handed over, and whether it is mature.

        log   : the histories that the scores were made of
        least : the score from which on a lead is on the list at a moment (serving.bounds)
        """
        moments, place = np.unique(self.as_of, return_inverse=True)
        bound = np.array([least(one) for one in moments.tolist()], dtype=np.float64)[place]
        open_ = np.array([one in (Status.scored, Status.too_early) for one in self.status], dtype=np.bool_)
        score = np.append(self.score, np.nan)[self.shown]
        lead = log.codes(self.lead_ids)
        told = decisions(log, rules, lead, self.as_of, open_, score, bound)
        allowed = None
        if rules.exploration.share and rules.consent.is_asked:
            may = np.array([np.append(may_contact(log, rules.consent, one), True) for one in moments.tolist()])
            allowed = may[place, lead]  # of -1 the last, which says nothing
        return replace(self, rules=rules, mature=told, least=bound, allowed=allowed)

    def row(self, place: int, language: Language = "en", shown: int = SHOWN_REASONS) -> ExplainedScore:
        """One pair with its `shown` weightiest reasons; what is left over is one reason of its own."""
        at = int(self.scored[place])
        lead_id, as_of, status = self.lead_ids[place], int(self.as_of[place]), self.status[place].name
        if at < 0:
            return ExplainedScore(lead_id, as_of, status, self.bundle.version)
        ready_at = int(self.ready_at[place]) if self.ready_at[place] != NEVER else None
        p10, p50, p90 = (float(days) for days in self.ready[at])
        low, high = (float(bound) for bound in self.interval[at])
        score = float(self.score[at])
        told = self.status[place] is not Status.too_early
        decided, accepted, handed = None if self.mature is None else self.mature[place], ready_at is not None, None
        off_topic = decided is not None and bool(decided.off_topic) and not accepted
        refuses = self.allowed is not None and not self.allowed[place]
        if told and self.rules is not None and not off_topic and not refuses:
            mature = None if decided is None else decided.mature
            bound = None if self.least is None else float(self.least[place])
            handed = hand_over(lead_id, as_of, score, accepted, self.rules, mature, bound)
        return ExplainedScore(
            lead_id=lead_id,
            as_of=as_of,
            status=status,
            model_version=self.bundle.version,
            score=score if told else None,
            grade=grade(score, self.bundle.playbook.scoring.grades) if told else None,
            base=self.base if told else None,
            probability=float(self.probability[at, self.bundle.primary]),
            interval=None if np.isnan(low) else (low, high),
            probabilities=dict(zip(self.bundle.horizon_names, map(float, self.probability[at]), strict=True)),
            ready=None if ready_at is not None else (p10, p50, p90),
            ready_at=ready_at,
            reasons=self._reasons(at, language, shown) if told else (),
            handed=handed,
            chosen_text=Words(language)(EXPLORED) if handed is not None and handed.explored else "",
            maturity=None if decided is None else decided.told(Words(language)),
        )

    @property
    def shown(self) -> Ints:
        """(n,) as `scored`, -1 where the pair has probabilities but no score too."""
        early = np.fromiter((status is Status.too_early for status in self.status), np.bool_, len(self.status))
        return np.where(early, -1, self.scored)

    def rows(self, language: Language = "en", shown: int = SHOWN_REASONS) -> list[ExplainedScore]:
        """Every asked pair, in the order asked."""
        return [self.row(place, language, shown) for place in range(len(self))]

    def table(self, language: Language = "en", shown: int = SHOWN_REASONS) -> pl.DataFrame:
        """The columns of `veraison score`, one row a pair; reasons as JSON text, so many and the rest together."""
        at, names, horizons = self.scored, self.bundle.feature_set, self.bundle.horizon_names
        told = self.shown
        waiting = np.where(self.ready_at == NEVER, at, -1)  # who is ready already has a day instead
        texts = tables.ReasonTexts(names, language, shown, (OTHER_SIGNALS, Words(language)(OTHER_WORDS)))
        grades = tables.grades_of(self.score, self.bundle.playbook.scoring.grades)
        p10, p50, p90 = (tables.spread(self.ready[:, level], waiting) for level in range(3))
        low, high = (tables.spread(self.interval[:, side], at).fill_nan(None) for side in range(2))
        ready_at = pl.Series(np.where(at >= 0, self.ready_at, NEVER), dtype=pl.Int64).replace(NEVER, None)
        columns = {
            "lead_id": pl.Series(self.lead_ids, dtype=pl.String),
            "as_of": pl.Series(self.as_of),
            "status": pl.Series([status.name for status in self.status], dtype=pl.String),
            "score": tables.spread(self.score, told),
            "grade": tables.spread(pl.Series(grades, dtype=pl.String), told),
            "probability": tables.spread(self.probability[:, self.bundle.primary], at),
            "probability_low": low,
            "probability_high": high,
            **{name: tables.spread(self.probability[:, place], at) for place, name in enumerate(horizons)},
            "ready_p10": p10,
            "ready_p50": p50,
            "ready_p90": p90,
            "ready_at": ready_at,
            "base": tables.spread(np.full(len(self.score), self.base), told),
            "reasons": tables.spread(pl.Series(list(texts.of(self.features, self.points)), dtype=pl.String), told),
            "model_version": pl.Series([self.bundle.version] * len(self), dtype=pl.String),
        }
        moments = [pl.col(name).cast(pl.Datetime("us", "UTC")) for name in ("as_of", "ready_at")]
        return pl.DataFrame(columns).with_columns(*moments, pl.col("reasons").fill_null("[]"))

    def to_log(
        self, logged_at: int, language: Language = "en", served: Sequence[ExplainedScore] | None = None
    ) -> Iterator[LoggedScore]:
        """What the prediction log keeps of each pair: the answer, and the vector it was made of.

        logged_at : microseconds UTC, when it was served
        served    : the answers, where they are made already
        """
        for place, one in enumerate(self.rows(language) if served is None else served):
            if self.status[place] is Status.opted_out:  # who wants no profile gets no line in a log of profiles
                continue
            at = int(self.scored[place])
            yield LoggedScore(
                lead_id=one.lead_id,
                as_of=one.as_of,
                logged_at=logged_at,
                status=one.status,
                score=one.score,
                probability=one.probability,
                model_version=one.model_version,
                feature_set=self.bundle.feature_set.fingerprint,
                vector=None if at < 0 else self.features[at],
                answer=one.to_dict(),
            )

    def _reasons(self, at: int, language: Language, shown: int) -> tuple[Reason, ...]:
        return reasons_of(self.bundle.feature_set, self.features[at], self.points[at], language, shown)


def visible_leads(log: EventLog, as_of: int) -> list[str]:
    """Every lead of which anything is visible at the moment, in ascending order."""
    first, there = log.offsets[:-1], np.diff(log.offsets) > 0
    there[there] = log.known[first[there]] < as_of
    return [log.leads[code] for code in np.flatnonzero(there)]


def score(
    bundle: Bundle, log: EventLog, lead_ids: Sequence[str], as_of: Sequence[int] | Ints, threads: int = 1
) -> Scores:
    """Score each (lead, moment) pair on what was known before the moment.

    log : histories of at least these leads; what it holds beyond the moment changes nothing

    A lead of which less is known than the playbook asks for (``[scoring] min_known``) is ``too_early``.
    """
    moments = np.array(as_of, dtype=np.int64)
    lead = log.codes(list(lead_ids))
    where = standing(log, bundle.playbook.journey, lead, moments)
    rows = np.flatnonzero(where.status == Status.scored)
    known = enough(log, bundle.feature_set, lead[rows], moments[rows], bundle.playbook.scoring.min_known)
    status = where.status.copy()
    status[rows[~known]] = Status.too_early
    features = compute.batch(log, bundle.feature_set, lead[rows], moments[rows], where.started[rows], threads=threads)
    scored = np.full(len(lead), -1, dtype=np.int64)
    scored[rows] = np.arange(len(rows))
    told = [Status(code) for code in status.tolist()]
    return of_features(bundle, features, list(lead_ids), moments, told, where.ready, scored, threads)


def of_features(
    bundle: Bundle, features: Floats, lead_ids: list[str], as_of: Ints, status: list[Status], ready_at: Ints,
    scored: Ints, threads: int = 1,
) -> Scores:  # fmt: skip
    """Scores from feature rows that are there; the other arguments are those of `Scores`."""
    prediction = bundle.predict(features, threads)
    base, points, scores = bundle.points(prediction)
    return Scores(
        bundle=bundle,
        lead_ids=lead_ids,
        as_of=as_of,
        status=status,
        ready_at=ready_at,
        scored=scored,
        features=features,
        base=base,
        points=points,
        score=scores,
        probability=prediction.probability,
        interval=prediction.interval,
        ready=prediction.ready,
    )
