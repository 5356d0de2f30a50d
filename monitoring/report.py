"""What a monitoring run leaves behind: a verdict for machines and people, and a journal of all of them."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.events import isoformat
from monitoring.causes import Cause
from monitoring.drift import ColumnDrift, Drift
from monitoring.journal import JOURNAL, Journal
from monitoring.loop import Action
from monitoring.performance import PROMISED, RATIO
from monitoring.policy import Decision
from monitoring.quality import Quality
from monitoring.reasons import Code
from monitoring.slices import OF_TIME
from veraison.errors import VeraisonError
from veraison.playbook import Monitoring

VERDICT, HTML = "monitor.json", "drift.html"
SHOWN = 20
STATISTIC = "population stability index over the reference's bins, missing values being one of them"


@dataclass(frozen=True)
class Verdict:
    """What one run of monitoring decided, and on what grounds.

    as_of       : the moment it stood at, ISO 8601
    champion    : version of the model that served when the run began
    challenger  : version of the model that was trained against it, None where none was
    promoted    : whether the challenger is the champion now
    performance : figures on matured outcomes, since the champion learned in the newest chunk, by slices, of times
    drift       : what was compared, the furthest drifted columns, events a week
    data        : the newest week's bots, late events, repeats, quarantine and unknown kinds, with their usual ranges
    conversions : observed against expected week by week, None before a week is over
    estimate    : figures without labels, beside their own past error
    selection   : outcomes of served scores by whether sales worked the lead, None where that was not asked for
    gate        : champion against challenger, None where no challenger was trained
    message     : all of it in a few sentences
    reason_code : why, of the closed list monitoring.reasons.Code
    action      : what was done with a model beside deciding: ``promoted``, ``waits`` (a challenger scores in the
                  shadow), ``asks`` (a challenger waits for a person), ``rolled_back`` (the predecessor serves
                  again), or None
    champion_run : path of the champion's run on the pages of an MLflow server
    renewal     : name of the renewal that the run worked at; its steps are lines of the journal
    levels      : what the champion was set to, each with its evidence, where nothing was trained
    window, shadow, guard : figures of monitoring.window, monitoring.shadow and monitoring.guard, where measured
    """

    decision: Decision
    causes: list[Cause]
    as_of: str
    champion: str
    challenger: str | None
    promoted: bool
    performance: dict[str, Any]
    drift: dict[str, Any]
    data: dict[str, Any]
    gate: dict[str, Any] | None
    message: str
    reason_code: Code | None = None
    champion_run: str | None = None
    action: Action | None = None
    renewal: str | None = None
    window: dict[str, Any] | None = None
    shadow: dict[str, Any] | None = None
    guard: dict[str, Any] | None = None
    conversions: dict[str, Any] | None = None
    estimate: dict[str, Any] | None = None
    levels: list[dict[str, Any]] | None = None
    selection: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON, the decision first."""
        return {
            "decision": self.decision,
            "reason_code": self.reason_code,
            "causes": [cause.to_dict() for cause in self.causes],
            "as_of": self.as_of,
            "champion": self.champion,
            "champion_run": self.champion_run,
            "challenger": self.challenger,
            "promoted": self.promoted,
            "action": self.action,
            "renewal": self.renewal,
            "message": self.message,
            "gate": self.gate,
            "levels": self.levels,
            "window": self.window,
            "shadow": self.shadow,
            "guard": self.guard,
            "performance": self.performance,
            "conversions": self.conversions,
            "estimate": self.estimate,
            "selection": self.selection,
            "drift": self.drift,
            "data": self.data,
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def describe(
    drift: Drift, events: list[dict[str, Any]], rules: Monitoring, *, as_of: int, since: int
) -> dict[str, Any]:
    """The comparison of inputs for the verdict; Evidently's report has every column, this the furthest."""
    drifted, limits = len(drift.drifted), drift.thresholds
    return {
        "statistic": STATISTIC,
        "false_alarms": rules.false_alarms,
        "past_chunks": 0 if limits is None else limits.past,
        "since": isoformat(since),
        "until": isoformat(as_of),
        "landmarks": drift.scored,
        "leads": drift.leads,
        "enough": drift.scored >= rules.min_scored,
        "compared": drift.compared,
        "reference": drift.reference,
        "landmark_days_left_out": drift.left_out,
        "columns": len(drift.columns),
        "drifted": drifted,
        "share": round(drifted / max(len(drift.columns), 1), 4),
        "score": _column(drift.score),
        "furthest": [_column(column) for column in drift.columns[:SHOWN]],
        "events": events,
        "report": HTML if drift.columns else None,
    }


def describe_data(seen: Quality) -> dict[str, Any]:
    """Data quality of the newest week; null where too little came before it to say what is usual."""
    found = {
        "late": seen.late, "duplicates": seen.duplicates, "bots": seen.bots, "quarantine": seen.unread,
        "unknown_kinds": seen.unknown,
    }  # fmt: skip
    return {name: None if one is None else one.to_dict() for name, one in found.items()}


def figures(verdict: Verdict) -> dict[str, float]:
    """What MLflow keeps of a verdict with the champion's run, by names of their own: ``monitoring.auc`` ..."""
    newest, score = verdict.performance["newest"], verdict.drift["score"]
    found = {name: newest.get(name, {}).get("value") for name in (*PROMISED, RATIO)}
    times = verdict.performance["times"] or {}
    found |= {name: times[name]["value"] for name in OF_TIME if name in times}
    found["score_psi"] = None if score is None else score["psi"]
    found["slices_off"] = sum(one["off"] for one in verdict.performance["slices"])
    return {f"monitoring.{name}": float(value) for name, value in found.items() if value is not None}


def write(verdict: Verdict, reports: Path) -> None:
    """Add a line to the journal, which is never rewritten, then replace ``monitor.json`` as a whole.

    Raises : VeraisonError, one line, where either cannot be written
    """
    Journal(reports / JOURNAL).add(verdict.to_dict())
    fresh = reports / f".{VERDICT}.{os.getpid()}"
    try:
        fresh.write_text(json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
        fresh.replace(reports / VERDICT)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise VeraisonError(f"{reports / VERDICT}: cannot be written ({error.strerror})") from error


def _column(column: ColumnDrift | None) -> dict[str, Any] | None:
    return None if column is None else asdict(column)
