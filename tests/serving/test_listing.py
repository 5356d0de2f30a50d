"""Pages of a list: put together they are the whole list, whatever comes or goes in between."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.journey import Status
from serving.decisions import grade
from serving.leads import known_traits
from serving.listing import Cursor, Sort, Wanted, page
from serving.owners import newest_texts
from serving.problems import Problem
from serving.ranking import Ranking
from tests.histories import at, identify, log_of, named, track
from tests.market import BOOK

SORTS: tuple[Sort, ...] = Sort.__args__
GRADES = list(BOOK.scoring.grades)
few = st.sampled_from([0.0, 12.5, 50.0, 64.999, 65.0, 100.0])
leads = st.dictionaries(
    st.text("abé\ud800Z9", min_size=1, max_size=3),
    st.tuples(
        st.sampled_from([Status.scored, Status.scored, Status.too_early, Status.lost]),
        few,
        st.sampled_from([0.0, 0.25, 0.5]),
        st.integers(at(0), at(0) + 2),
        st.sampled_from([None, "Petit", "petit ", "Roux"]),
    ),
    max_size=12,
)
bound = st.none() | few
filtered = st.builds(
    Wanted,
    sort=st.sampled_from(SORTS),
    status=st.sampled_from(["scored", "too_early", "lost"]),
    min_score=bound,
    max_score=bound,
    grade=st.none() | st.sampled_from(GRADES),
    owner=st.sampled_from([None, "PETIT", "nobody"]),
    changed_since=st.none() | st.integers(at(0), at(0) + 2),
)
lists = st.builds(Wanted, sort=st.sampled_from(SORTS)) | filtered


def ranking(rows, version="v1"):
    ids = sorted(rows)
    status, score, chance, last, owner = (
        ([rows[one][column] for one in ids] for column in range(5)) if ids else ([], [], [], [], [])
    )
    told = np.array([one is Status.scored for one in status], dtype=bool)
    known = np.array([one is not Status.lost for one in status], dtype=bool)
    return Ranking(
        as_of=at(9),
        lead_ids=ids,
        status=np.array(status, dtype=np.int64),
        score=np.where(told, np.array(score, dtype=float), np.nan),
        probability=np.where(known, np.array(chance, dtype=float), np.nan),
        last_activity=np.array(last, dtype=np.int64),
        last_act=np.array(last, dtype=np.int64),
        changed=np.array(last, dtype=np.int64),
        owner=owner,
        feedback=[None] * len(ids),
        least=50.0,
        version=version,
        speaks=np.zeros(len(ids), dtype=bool),
        off_topic=np.zeros(len(ids), dtype=bool),
    )


def oracle(rows, wanted):
    """The whole list in plain Python."""

    def inside(row):
        status, score, _, last, owner = row
        told = score if status is Status.scored else None
        return (
            status.name == wanted.status
            and (wanted.min_score is None or (told is not None and told >= wanted.min_score))
            and (wanted.max_score is None or (told is not None and told <= wanted.max_score))
            and (wanted.grade is None or (told is not None and grade(told, BOOK.scoring.grades) == wanted.grade))
            and (wanted.owner is None or (owner is not None and owner.strip().lower() == wanted.owner.lower()))
            and (wanted.changed_since is None or last >= wanted.changed_since)
        )

    sign = 1 if wanted.sort.startswith("-") else -1

    def key(lead):
        status, score, chance, last, _ = rows[lead]
        score = sign * score if status is Status.scored else np.inf
        chance = sign * chance if status is not Status.lost else np.inf
        last *= sign
        return {
            "score": (score, chance, last), "probability": (chance, score, last), "last_activity": (last,),
            "lead_id": (),
        }[wanted.sort.removeprefix("-")]  # fmt: skip

    mine = sorted((lead for lead in rows if inside(rows[lead])), reverse=wanted.sort == "-lead_id")
    return sorted(mine, key=key)


def read(pages, wanted, limit):
    """The ids of all pages; `pages` gives the ranking that each page finds."""
    found, cursor = [], None
    for seen in pages:
        one = page(seen, wanted, BOOK, limit=limit, cursor=cursor)
        found += [seen.lead_ids[place] for place in one.places]
        if one.after is None:
            return found
        assert len(one.places) == limit
        cursor = Cursor.read(one.after.text())
        assert cursor == one.after
    raise AssertionError("the pages do not end")


def ever(first, then=None):
    yield first
    for _ in range(20):
        yield then or first


@given(rows=leads, wanted=lists, limit=st.integers(1, 5))
def test_pages_together_are_the_whole_list(rows, wanted, limit):
    assert read(ever(ranking(rows)), wanted, limit) == oracle(rows, wanted)


@given(rows=leads, more=leads, gone=st.sets(st.integers(0, 11)), wanted=lists, limit=st.integers(1, 5))
def test_who_comes_or_goes_between_pages_moves_nobody(rows, more, gone, wanted, limit):
    """Of leads that are there all the time each is listed once, in order."""
    out = {lead for place, lead in enumerate(sorted(rows)) if place in gone}
    later = {lead: row for lead, row in ({**more, **rows}).items() if lead not in out}
    found = read(ever(ranking(rows), ranking(later)), wanted, limit)
    assert len(set(found)) == len(found)
    stayed = {lead: row for lead, row in rows.items() if lead not in out}
    assert [lead for lead in found if lead in stayed] == oracle(stayed, wanted)


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_goes_on_where_its_last_lead_is_gone(sort):
    rows = {lead: (Status.scored, 50.0, 0.5, at(0), None) for lead in "abcdef"}
    whole = oracle(rows, Wanted(sort=sort))
    left = {lead: row for lead, row in rows.items() if lead != whole[1]}
    assert read(ever(ranking(rows), ranking(left)), Wanted(sort=sort), 2) == whole


@given(rows=leads, wanted=lists)
def test_each_list_has_a_mark_of_its_own(rows, wanted):
    for change in ({"sort": "lead_id"}, {"status": "lost"}, {"min_score": 1.0}, {"owner": "x"}, {"changed_since": 1}):
        other = replace(wanted, **change)
        assert (other.mark == wanted.mark) == (other == wanted)


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GOOD = [at(9), "v1", "mark", [-50.0, None, 1.0], "L1"]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "é", "====", "bm90IGpzb24", encoded(3), encoded([]), encoded(GOOD[:4]), encoded([*GOOD, 1]),
        encoded(["1", *GOOD[1:]]), encoded([True, *GOOD[1:]]), encoded([-1, *GOOD[1:]]), encoded([2**62, *GOOD[1:]]),
        encoded([*GOOD[:3], [1], "L1"]), encoded([*GOOD[:3], ["a"], "L1"]), encoded([*GOOD[:3], [float("nan")], "L1"]),
        encoded([*GOOD[:3], 7, "L1"]), encoded([*GOOD[:4], 7]), encoded(GOOD) + "=", " " + encoded(GOOD),
    ],
)  # fmt: skip
def test_a_cursor_that_nobody_here_wrote_is_refused(text):
    with pytest.raises(Problem, match=r"^cursor: write what `next` of the page before says$"):
        Cursor.read(text)


def test_a_cursor_is_read_as_it_was_written():
    assert Cursor.read(encoded(GOOD)) == Cursor(at(9), "v1", "mark", (-50.0, np.inf, 1.0), "L1")


def test_a_cursor_of_another_order_is_refused():
    rows = {"a": (Status.scored, 50.0, 0.5, at(0), None)}
    cursor = Cursor(at(9), "v1", "mark", (1.0,), "a")
    with pytest.raises(Problem, match="another list"):
        page(ranking(rows), Wanted(), BOOK, limit=1, cursor=cursor)


def test_the_owner_of_a_lead_is_the_one_of_the_latest_moment_that_was_known():
    log = log_of(
        *named(
            [
                track("a", "Seen", 1),
                identify("a", 5, owner="Roux"),
                identify("a", 3, owner="Petit", known=6),
                identify("b", 5, owner="Petit", city="Lyon"),
                identify("b", 8, owner="Blanc"),
                identify("c", 5, city="Lyon"),
                identify("c", 5, previous="d"),
                identify("d", 4, owner="Noir"),
            ]
        )
    )
    for day in (2, 5.5, 7, 9):
        found = dict(zip(log.leads, newest_texts(log, "owner", at(day)), strict=True))
        for lead in log.leads:
            told = known_traits(log, lead, at(day), BOOK).get("owner")
            assert found[lead] == (None if told is None else told[0])
    assert found == {"a": "Roux", "b": "Blanc", "c": "Noir", "d": "Noir"}
    assert newest_texts(log, "unheard of", at(9)) == [None] * 4
