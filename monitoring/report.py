"""What a monitoring run leaves behind: a verdict for machines and people, and a journal of all of them."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.events import isoformat
from monitoring.drift import ColumnDrift, Drift
from monitoring.policy import Cause, Decision
from veraison.playbook import Monitoring

VERDICT, JOURNAL, HTML = "monitor.json", "monitor.log.jsonl", "drift.html"
SHOWN = 20
STATISTIC = "population stability index over the reference's bins, missing values being one of them (Evidently)"


@dataclass(frozen=True)
class Verdict:
    """What one run of monitoring decided, and on what grounds.

    as_of       : the moment it stood at, ISO 8601
    champion    : version of the model that served when the run began
    challenger  : version of the model that was trained against it, None where none was
    promoted    : whether the challenger is the champion now
    performance : figures on matured outcomes, since the champion learned and in the newest chunk
    drift       : what was compared, the furthest drifted columns, events a week
    gate        : champion against challenger, None where no challenger was trained
    message     : all of it in a few sentences
    """

    decision: Decision
    causes: list[Cause]
    as_of: str
    champion: str
    challenger: str | None
    promoted: bool
    performance: dict[str, Any]
    drift: dict[str, Any]
    gate: dict[str, Any] | None
    message: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON, the decision first."""
        return {
            "decision": self.decision,
            "causes": [cause.to_dict() for cause in self.causes],
            "as_of": self.as_of,
            "champion": self.champion,
            "challenger": self.challenger,
            "promoted": self.promoted,
            "message": self.message,
            "gate": self.gate,
            "performance": self.performance,
            "drift": self.drift,
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def describe(
    drift: Drift, events: list[dict[str, Any]], rules: Monitoring, *, as_of: int, since: int
) -> dict[str, Any]:
    """The comparison of inputs for the verdict; Evidently's report has every column, this the furthest."""
    drifted = sum(column.psi >= rules.psi for column in drift.columns)
    return {
        "statistic": STATISTIC,
        "threshold": rules.psi,
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


def write(verdict: Verdict, reports: Path) -> None:
    """Replace ``monitor.json`` as a whole and add a line to ``monitor.log.jsonl``, which is never rewritten."""
    reports.mkdir(parents=True, exist_ok=True)
    fresh = reports / f".{VERDICT}.{os.getpid()}"
    fresh.write_text(json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    with (reports / JOURNAL).open("a", encoding="utf-8") as journal:
        journal.write(verdict.to_json() + "\n")
    fresh.replace(reports / VERDICT)


def _column(column: ColumnDrift | None) -> dict[str, Any] | None:
    return None if column is None else asdict(column)
