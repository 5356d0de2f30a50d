"""A change as a receiver expects it: a CloudEvent, a row of Dynamics, or flat fields for any CRM.

cloudevents : CloudEvents 1.0, structured mode, https://github.com/cloudevents/spec
dynamics    : ``msdyn_predictivescores`` of Dynamics 365 Sales,
              https://learn.microsoft.com/dynamics365/sales/populate-predictive-scores
crm         : one flat object, so that a no-code tool can map each field
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data.contract_lines import Breach
from data.events import isoformat
from data.subscriptions import Shape
from serving.push.changes import Change
from serving.reasons import Reason

CHANGED = "io.veraison.lead.score_changed.v1"
TEST = "io.veraison.subscription.test.v1"
DECIDED = "io.veraison.monitoring.decided.v1"
BROKEN = "io.veraison.contract.broken.v1"
SOURCE, MONITORING, CONTRACT = "urn:veraison:scores", "urn:veraison:monitoring", "urn:veraison:contract"
CONTENT_TYPES: dict[Shape, str] = {
    "cloudevents": "application/cloudevents+json",
    "dynamics": "application/json",
    "crm": "application/json",
}

_STEADY = 0.5  # points: what rounds to no change
_IMPROVING, _STABLE, _DECLINING, _TOO_LITTLE = range(4)  # of msdyn_scoretrend
_DYNAMICS_GRADES = 4
_DYNAMICS_REASONS = 2_000  # letters that a memo column holds by default


def body(shape: Shape, message_id: str, change: Change) -> str:
    """The body of a message, JSON in ASCII."""
    match shape:
        case "cloudevents":
            return _json(_cloud_event(message_id, change))
        case "dynamics":
            return _json(_dynamics(change))
        case "crm":
            return _json(_crm(change))


def trial_body(shape: Shape, message_id: str, now: int) -> str:
    """What `veraison subscriptions test` sends: nothing of any lead. ``now``: microseconds UTC."""
    said = {"text": "a test of this subscription by Véraison"}
    if shape != "cloudevents":
        return _json({"test": True, **said})
    return _json(_envelope(message_id, TEST, now) | {"data": said})


def decided_body(message_id: str, verdict: Mapping[str, Any], moment: int) -> str:
    """What monitoring decided, as a CloudEvent about the model that served.

    verdict : a line of the journal
    moment  : microseconds UTC, when it was decided
    """
    told = {name: verdict.get(name) for name in _DECIDED}
    subject = {"subject": str(verdict["champion"])} if verdict.get("champion") else {}
    return _json(_envelope(message_id, DECIDED, moment) | {"source": MONITORING} | subject | {"data": told})


def broken_body(message_id: str, breach: Breach, moment: int) -> str:
    """A promise of the contract that was not kept, as a CloudEvent about the side that had made it.

    moment : microseconds UTC, when it was known
    """
    told = breach.model_dump(mode="json", exclude={"kind"})
    return _json(_envelope(message_id, BROKEN, moment) | {"source": CONTRACT, "subject": breach.side, "data": told})


_DECIDED = ("decision", "as_of", "champion", "challenger", "promoted", "action", "causes", "gate", "message")


def _cloud_event(message_id: str, change: Change) -> dict[str, Any]:
    row, told = change.row, change.previous
    previous = told and {
        "score": told.score,
        "grade": told.grade,
        "as_of": isoformat(told.as_of),
        "model_version": told.model_version,
    }
    data = row.to_dict() | {
        "previous": previous,
        "change": None if told is None else _score(change) - told.score,
        "why": [reason.to_dict() for reason in change.why],
        "by_model": change.by_model,
    }
    return _envelope(message_id, CHANGED, row.as_of) | {"subject": row.lead_id, "data": data}


def _envelope(message_id: str, kind: str, moment: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": SOURCE,
        "type": kind,
        "time": isoformat(moment),
        "datacontenttype": "application/json",
    }


def _dynamics(change: Change) -> dict[str, Any]:
    """Grades beyond the fourth are its last one, as Dynamics knows A to D only."""
    row = change.row
    reasons = "\n".join(_lines(row.reasons))
    return {
        "msdyn_entityid": row.lead_id,
        "msdyn_entitytype": "lead",
        "msdyn_score": round(_score(change)),
        "msdyn_grade": min(change.grades.index(row.grade or change.grades[-1]), _DYNAMICS_GRADES - 1),
        "msdyn_scoretrend": _trend(change),
        "msdyn_scorereasons": reasons[:_DYNAMICS_REASONS],
        "msdyn_scoredon": isoformat(row.as_of),
    }


def _crm(change: Change) -> dict[str, Any]:
    row, told = change.row, change.previous
    p10, p50, p90 = row.ready or (None, None, None)
    return {
        "lead_id": row.lead_id,
        "lead_score": round(_score(change), 1),
        "lead_grade": row.grade,
        "lead_score_previous": None if told is None else round(told.score, 1),
        "lead_grade_previous": None if told is None else told.grade,
        "lead_score_trend": ("improving", "steady", "declining", "unknown")[_trend(change)],
        "lead_probability": row.probability,
        "lead_ready_days_p10": p10,
        "lead_ready_days_p50": p50,
        "lead_ready_days_p90": p90,
        "lead_ready_at": None if row.ready_at is None else isoformat(row.ready_at),
        "lead_score_reasons": "; ".join(_lines(row.reasons)),
        "lead_score_changes": "; ".join(_lines(change.why)),
        "lead_scored_at": isoformat(row.as_of),
        "lead_score_model": row.model_version,
    }


def _trend(change: Change) -> int:
    if change.previous is None:
        return _TOO_LITTLE
    moved = _score(change) - change.previous.score
    return _STABLE if abs(moved) < _STEADY else _IMPROVING if moved > 0 else _DECLINING


def _lines(reasons: Sequence[Reason]) -> list[str]:
    return [f"{reason.points:+.1f} {reason.text}" for reason in reasons]


def _score(change: Change) -> float:
    if change.row.score is None:
        raise ValueError(f"lead {change.row.lead_id!r} has no score to tell")
    return change.row.score


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))
