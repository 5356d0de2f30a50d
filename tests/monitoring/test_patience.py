"""When the loop does not act yet: quiet after a change, causes that must be seen again, a person who is asked."""

from typing import Any

from data.events import MICROS_PER_DAY, isoformat
from monitoring.causes import Cause
from monitoring.journal import Decided, Read, Step
from monitoring.loop import onset
from monitoring.patience import why_wait
from monitoring.progress import renewals, unfinished
from tests.histories import at
from veraison.playbook import Monitoring

SCORE = Cause("score", "probability", True)
NAMED = Cause("event_silent", "Quote Requested", True)
TOLD = Cause("column", "x", False)


def verdict(day: float, *causes: Cause, champion: str = "a", **others: Any) -> Decided:
    shown = {"action": None, "renewal": None, "promoted": False, "challenger": None} | others
    return Decided(
        as_of=isoformat(at(day)), decision="hold", causes=[one.to_dict() for one in causes], champion=champion,
        message="", document={}, **shown,
    )  # fmt: skip


def step(name: str, day: float = 0, renewal: str = "r", **numbers: Any) -> Step:
    return Step(renewal, name, isoformat(at(day)), numbers)


def reason(lines: list[Step | Decided], *causes: Cause, day: float = 30, **rules: Any) -> str | None:
    found = why_wait(Read(lines), list(causes), Monitoring(**rules), champion="a", as_of=at(day))
    return None if found is None else found.reason


def test_without_history_nothing_speaks_against_acting():
    assert reason([], SCORE) is None
    assert reason([], TOLD) is None


def test_quiet_days_begin_with_a_promotion_and_with_a_way_back():
    for change in ({"promoted": True, "action": "promoted"}, {"action": "rolled_back"}):
        lines = [verdict(20, **change)]
        assert "no renewal starts before 2026-02-04" in (reason(lines, SCORE, day=33.9) or "")
        assert reason(lines, SCORE, day=34) is None
        assert reason(lines, SCORE, day=21, quiet_days=0) is None
        assert reason(lines, TOLD, day=21) is None, "where nothing acts there is nothing to wait with"
    assert reason([verdict(40, promoted=True)], SCORE, day=30) is None, "what comes later is not known"


def test_a_cause_without_a_name_must_be_seen_in_runs_in_a_row():
    seen = [verdict(10, SCORE), verdict(20, SCORE)]
    assert reason(seen, SCORE, for_runs=3) is None
    assert reason(seen[1:], SCORE, for_runs=3) == "Seen in 2 runs in a row, it is acted on after 3."
    assert reason([], SCORE, for_runs=3) == "Seen in 1 run, it is acted on after 3."
    assert reason([*seen, verdict(25)], SCORE, for_runs=3), "a run without it begins the row anew"
    assert reason([*seen, verdict(30, SCORE)], SCORE, for_runs=4), "a run at the same moment is the same run"
    assert reason([verdict(5, SCORE), verdict(10, SCORE, champion="b"), verdict(20, SCORE)], SCORE, for_runs=3)
    assert reason([], SCORE, NAMED, for_runs=3) is None, "what has a name is acted on at once"


def asking(day: float) -> list[Step | Decided]:
    begun = step("started", day, as_of=isoformat(at(day)), champion="a", playbook="p", onset=None)
    return [begun, step("trained", day, version="b"), step("settled", day, fate="asks")]


def test_who_asks_a_person_does_not_train_meanwhile():
    lines = [*asking(20), verdict(20, SCORE, renewal="r", action="asks")]
    assert "veraison models promote challenger" in (reason(lines, SCORE, day=33) or "")
    assert reason(lines, SCORE, day=34) is None, "after quiet_days there is newer data"


def test_a_renewal_is_unfinished_until_a_verdict_has_told_its_fate():
    lines = asking(20)
    assert unfinished(Read([])) is None
    for count in (1, 2, 3):
        found = unfinished(Read(lines[:count]))
        assert found is not None
        assert found.name == "r"
    assert unfinished(Read([lines[0], verdict(20, renewal="r"), *lines[1:]])) is not None
    assert unfinished(Read([*lines, verdict(20)])) is not None
    assert unfinished(Read([*lines, verdict(20, renewal="r")])) is None
    assert unfinished(Read([*lines[:2], step("settled", fate="abandoned")])) is None
    assert renewals(Read(lines[1:])) == [], "steps of a renewal whose beginning was torn are nothing"


def test_a_step_done_twice_counts_as_it_was_last_done():
    again = step("trained", 21, version="c")
    [found] = renewals(Read([*asking(20), again]))
    assert (found.challenger, found.fate, found.as_of) == ("c", "asks", at(20))


def test_the_latest_onset_of_what_acts_counts():
    early, late = (Cause("conversions", "all", True, {"onset": isoformat(at(day))}) for day in (3, 9))
    silent = Cause("conversions", "source=Fair", False, {"onset": isoformat(at(20))})
    assert onset([early, late, silent, SCORE]) == at(9)
    assert onset([SCORE, silent]) is None
    assert at(9) - at(3) == 6 * MICROS_PER_DAY
