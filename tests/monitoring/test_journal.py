"""The journal: typed, added to only, and whole whatever instant a writer died at."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.journal import Decided, Journal, Step
from veraison.errors import VeraisonError

VERDICT: dict[str, Any] = {
    "decision": "hold", "causes": [], "as_of": "2026-03-01T00:00:00Z", "champion": "a", "challenger": None,
    "promoted": False, "action": None, "renewal": None, "message": "Trop peu – élevé.", "drift": {"psi": 0.1},
}  # fmt: skip
STEP = Step("2026-03-01-12345678", "window", "2026-03-01T00:00:00Z", {"name": "all history", "tried": []})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "reports" / "monitor.log.jsonl")


def test_what_was_added_is_read_in_order(journal: Journal):
    assert (journal.read().lines, journal.read().torn) == ([], 0)
    journal.add(STEP.to_dict())
    journal.add(VERDICT)
    step, verdict = journal.read().lines
    assert step == STEP
    assert isinstance(verdict, Decided)
    assert (verdict.decision, verdict.message, verdict.to_dict()) == ("hold", "Trop peu – élevé.", VERDICT)
    assert verdict.moment == 1_772_323_200_000_000


@given(cut=st.integers(min_value=0))
def test_a_line_torn_anywhere_is_nothing_and_loses_nothing(tmp_path_factory: pytest.TempPathFactory, cut: int):
    """Also within a letter of two bytes."""
    path = tmp_path_factory.mktemp("torn") / "monitor.log.jsonl"
    journal = Journal(path)
    journal.add(STEP.to_dict())
    before = path.read_bytes()
    line = json.dumps(VERDICT, ensure_ascii=False).encode()
    part = line[: cut % len(line)]
    path.write_bytes(before + part)
    assert journal.read().lines == [STEP]
    journal.add(VERDICT)
    journal.add(STEP.to_dict())
    read = journal.read()
    assert [type(one) for one in read.lines] == [Step, Decided, Step]
    assert read.torn == (1 if part else 0)
    assert path.read_bytes().startswith(before + part), "what is written is never written again"


def test_a_whole_line_without_its_end_counts(journal: Journal, tmp_path: Path):
    journal.add(VERDICT)
    path = tmp_path / "reports" / "monitor.log.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    journal.add(VERDICT)
    assert len(journal.read().verdicts) == 2


def test_other_lines_are_left_out_and_counted(journal: Journal, tmp_path: Path):
    journal.add(VERDICT)
    with (tmp_path / "reports" / "monitor.log.jsonl").open("a") as file:
        file.write('[1]\n{"decision": "none"}\n"text"\n\n')
    read = journal.read()
    assert (len(read.verdicts), read.torn) == (1, 3)


def test_verdicts_of_before_the_loop_are_read(journal: Journal):
    journal.add({name: value for name, value in VERDICT.items() if name not in ("action", "renewal")})
    assert journal.read().verdicts[0].action is None


def test_a_full_disk_is_one_line_and_leaves_what_was_there(journal: Journal):
    journal.add(STEP.to_dict())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.raises(VeraisonError, match=r"the journal cannot be written \(File too large\)"):
            journal.add(VERDICT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.read().lines == [STEP]
    journal.add(VERDICT)
    assert len(journal.read().lines) == 2
