"""The file of the contract: what is added stays, what is torn is nothing, of two bounds of a week the first holds."""

import doctest
from pathlib import Path

from data import contract_lines
from data.contract_lines import FILE, Bound, Breach, append, bounds, read

WEEK = 7 * 86_400_000_000


def bound(week: str, starts: str, score: float, terms: str = "t") -> Bound:
    return Bound(
        week=week, starts=starts, terms=terms, model_version="m", score=score, binds="capacity", promised=60,
        leads=59.5, flow=30.0, promised_precision=0.2, precision=0.25, possible=None, factor=1.0, flow_factor=1.1,
    )  # fmt: skip


ONE = bound("2026-W09", "2026-02-23T00:00:00Z", 61.5)
TWO = bound("2026-W10", "2026-03-02T00:00:00Z", 63.0)
BREACH = Breach(
    week="2026-W09", side="sales", promise="reason", promised=0, observed=2, leads=9, seen="2026-03-02T00:00:00Z"
)


def test_what_was_added_is_read_in_its_order(tmp_path: Path):
    assert read(None) == read(tmp_path) == []
    append(tmp_path, [])
    assert not (tmp_path / FILE).exists()
    append(tmp_path, [ONE])
    append(tmp_path, [BREACH, TWO])
    assert [one for _, one in read(tmp_path)] == [ONE, BREACH, TWO]


def test_a_torn_line_is_nothing_and_the_next_begins_anew(tmp_path: Path):
    append(tmp_path, [ONE])
    with (tmp_path / FILE).open("ab") as stream:
        stream.write(b'{"kind": "bound", "week"')
    assert [one for _, one in read(tmp_path)] == [ONE]
    append(tmp_path, [TWO])
    assert [one for _, one in read(tmp_path)] == [ONE, TWO]


def test_what_is_no_entry_is_passed_over(tmp_path: Path):
    text = '{"kind": "news"}\n[]\n{"kind": "bound", "starts": "soon"}\n' + ONE.model_dump_json() + "\n"
    (tmp_path / FILE).write_text(text + TWO.model_dump_json(), encoding="utf-8")  # the last has no end yet
    assert [one for _, one in read(tmp_path)] == [ONE]


def test_of_a_week_the_first_bound_under_the_terms_holds():
    again, other = bound("2026-W09", "2026-02-23T00:00:00Z", 10.0), bound("2026-W10", "2026-03-02T00:00:00Z", 1.0, "u")
    found = bounds([ONE, again, BREACH, other, TWO], "t")
    assert found == {ONE.start: ONE, TWO.start: TWO}
    assert TWO.start - ONE.start == WEEK
    assert bounds([ONE, TWO], "t", before=TWO.start - 1) == {ONE.start: ONE}


def test_what_the_docstrings_show():
    assert doctest.testmod(contract_lines).failed == 0
