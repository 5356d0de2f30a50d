"""Worked or not, in words: what was counted, what it cannot tell, and what chance has shown."""

from dataclasses import replace

import pytest

from data.record import EDGES, Band, Record, Split
from serving.selection_words import worked_or_not
from serving.translations import Words

NOBODY = Band(0, 100, 0, 0, 0.0)


def band(leads: int, won: int) -> Band:
    return Band(0, 100, leads, won, won * 1.1)


def record(worked: Band, left: Band, explored: Band = NOBODY, not_drawn: Band = NOBODY) -> Record:
    """Everyone in the band 70 to 80."""
    empty = Split(NOBODY, NOBODY, NOBODY, NOBODY)
    bands = [Band(low, low + 10, 0, 0, 0.0) for low in EDGES[:-1]]
    bands[7] = replace(bands[7], leads=worked.leads + left.leads, won=worked.won + left.won)
    whole = Split(worked, left, explored, not_drawn)
    seventy = Split(*(replace(one, low=70, high=80) for one in (worked, left, explored, not_drawn)))
    splits = [empty] * 7 + [seventy] + [empty] * 2
    return Record(30, 0, 1, replace(bands[7], low=0, high=100), tuple(bands), (whole, *splits))


def said(one: Record, language: str = "en") -> list[str]:
    found = worked_or_not(one, Words(language))  # type: ignore[arg-type]
    assert found is not None
    sentences: list[str] = found["sentences"]
    return sentences


def test_both_sides_and_what_they_do_not_show():
    first, second, third = said(record(band(200, 60), band(100, 4)))
    assert first == (
        "Won within 30 days: of 100 leads that sales worked 30 (24 to 37); "
        "of 100 that they did not work 4 (1.6 to 9.8)."
    )
    assert "may win more because it was called" in second
    assert third.startswith("To tell the one from the other")
    french = said(record(band(200, 60), band(100, 4)), "fr")
    assert "sur 100 prospects travaillés par les commerciaux, 30 (24 à 37)" in french[0]
    assert "parce qu’elle a été appelée" in french[1]


@pytest.mark.parametrize(("worked", "left"), [(19, 500), (500, 19), (0, 0)])
def test_too_few_on_one_side_are_said_and_nothing_else(worked: int, left: int):
    one = record(band(worked, 0), band(left, 0))
    if not worked + left:
        assert worked_or_not(one, Words("en")) is None
        return
    told = said(one)
    assert told[0] == f"Sales worked {worked} of 519 scored leads: to compare, 20 leads are needed on either side."
    assert not any("Won within" in text for text in told)


def test_what_chance_has_shown():
    few = said(record(band(100, 9), band(100, 9), band(19, 3), band(400, 3)))[-1]
    assert few.startswith("The outcomes of 19 leads that were handed over at random are known: 20 are needed")
    shown = said(record(band(100, 9), band(100, 9), band(50, 10), band(400, 8)))[-1]
    assert "of 100 of these 20 (11 to 33); of 100 of the others 2 (1 to 3.9)" in shown
    assert shown.endswith("To hand over brings wins there: so great a difference is hardly chance.")
    less = said(record(band(100, 9), band(100, 9), band(200, 0), band(400, 80)))[-1]
    assert less.endswith("To hand over costs wins there: so great a difference is hardly chance.")
    nothing = said(record(band(100, 9), band(100, 9), band(50, 1), band(400, 8)))[-1]
    assert nothing.endswith("whether handing over brings anything there is not known yet.")


def test_rows_are_of_the_bands_that_hold_somebody_the_highest_first():
    found = worked_or_not(record(band(200, 60), band(100, 4)), Words("en"))
    assert found is not None
    assert [(row["scores"], row["side"], row["leads"], row["won"], row["enough"]) for row in found["rows"]] == [
        ("70 to 80", "worked", "200", "60", True), ("70 to 80", "not worked", "100", "4", True),
    ]  # fmt: skip


def test_of_a_test_nothing_is_said_as_nobody_worked_by_its_scores():
    one = record(band(200, 60), band(100, 4))
    assert worked_or_not(replace(one, splits=()), Words("en")) is None
    assert worked_or_not(None, Words("en")) is None
