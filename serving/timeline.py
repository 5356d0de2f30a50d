"""The story of a lead as its page tells it: day by day, with what was learned, what sales found, and what counted."""

from collections.abc import Mapping
from typing import Any

from data.events import MICROS_PER_DAY
from serving.feedback import Feedback, feedback_of
from serving.points import whole_account
from serving.scorer import ExplainedScore
from serving.translations import Words, deferred, sentence
from veraison.playbook import Journey

_LATE = MICROS_PER_DAY
_KINDS = {
    "identify": deferred("Profile completed"),
    "group": deferred("Company completed"),
    "alias": deferred("Two histories joined"),
}
REASONS = {
    "postponed": deferred("postponed"),
    "wrong_contact": deferred("wrong contact"),
    "not_mature": deferred("not mature"),
    "no_budget": deferred("no budget"),
    "other": deferred("other reason"),
}


def by_day(
    timeline: list[dict[str, Any]], journey: Journey, counted: Mapping[str, list[str]], words: Words
) -> list[dict[str, Any]]:
    """The timeline by days, newest first; the same thing several times in a row is one line with its count.

    counted : as `counted_in` gives it
    """
    days: list[dict[str, Any]] = []
    for one in sorted(timeline, key=lambda one: -one["occurred_at"]):  # a late event stands where it happened
        date = words.long_date(one["occurred_at"])
        if not days or days[-1]["date"] != date:
            days.append({"date": date, "lines": [], "count": 0})
        lines = days[-1]["lines"]
        line = _line(one, journey, counted, words)
        if lines and line["text"] == lines[-1]["text"] and not line["notes"] and not lines[-1]["notes"]:
            lines[-1]["times"] += 1
        else:
            lines.append(line)
        days[-1]["count"] += 1
    return days


def counted_in(row: ExplainedScore, words: Words) -> dict[str, list[str]]:
    """The events that reasons rest on, and for each of them these reasons, with their points."""
    found: dict[str, list[str]] = {}
    for reason, points in zip(row.reasons, whole_account(row)[1], strict=True):
        for one in reason.evidence or ():
            if one.event_id is not None and points:
                told = f"{sentence(reason.about or reason.text)} {words.points(points)}"
                found.setdefault(one.event_id, []).append(told)
    return found


def said_in_words(said: Feedback, words: Words) -> str:
    """What sales found, in one phrase."""
    if said.outcome == "accepted":
        told = words("accepted")
    elif said.reason is None:
        told = words("sent back")
    else:
        told = words("sent back: %(reason)s", reason=reason_in_words(said.reason, words))
    if said.until is not None:
        told = words("%(told)s until %(date)s", told=told, date=words.day(said.until))
    return words("%(told)s (%(note)s)", told=told, note=said.note) if said.note else told


def reason_in_words(reason: str, words: Words) -> str:
    """Why sales gave a lead back, as people say it; a reason of another system as it calls it."""
    return words(REASONS[reason]) if reason in REASONS else reason.replace("_", " ")


def _line(
    one: dict[str, Any], journey: Journey, counted: Mapping[str, list[str]], words: Words
) -> dict[str, Any]:  # fmt: skip
    kind, learned = one["kind"], ", ".join(sorted(one["traits"]))
    notes = [words("learned: %(names)s", names=learned)] if learned else []
    said = feedback_of(one, journey)
    if said is not None:
        notes.append(said_in_words(said, words))
    if one["known_at"] - one["occurred_at"] > _LATE:
        notes.append(words("known to us on %(date)s", date=words.date(one["known_at"])))
    because = counted.get(one["event_id"], [])
    if because:
        notes.append(words("counted in: %(reasons)s", reasons=", ".join(because)))
    text = words(_KINDS[kind]) if kind in _KINDS else kind
    return {
        "time": words.time(one["occurred_at"]),
        "text": text,
        "notes": notes,
        "times": 1,
        "counted": bool(because),
    }
