"""Whether routes partition the leads, against brute force over a grid that is made without the code under test."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.axes import axes_of
from data.partition import judge, uncovered, widened
from data.routes import rules_of, takers
from tests.histories import playbook
from tests.veraison.test_playbook_routes import meant
from veraison.playbook_routes import domains

GRADES = {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0}
TRAITS = {"employees": "number", "country": "category", "email": "email", "revenue": "number"}
GRID = {
    "employees": [None, *(half / 2 for half in range(-8, 9))],
    "country": [None, "FR", "BE", "DE", "none of these"],
    "email": [None, "free", "education", "company"],
    "score": [None, 0.0, 10.0, 35.0, 40.0, 50.0, 57.5, 65.0, 80.0, 100.0],
}
"""All bounds and texts that the strategies below can name, what lies between and beyond, one more text, nothing."""

bounds = st.integers(-3, 3)
numbers = st.one_of(
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "="]), bounds).map(lambda one: f"{one[0]}{one[1]}"),
    st.tuples(st.integers(-3, 0), st.sampled_from(["..", "..<"]), st.integers(1, 3)).map(
        lambda one: f"{one[0]}{one[1]}{one[2]}"
    ),
    st.sampled_from(["missing", "known"]),
)


def conditions(parts):
    several = st.lists(parts, min_size=1, max_size=2)
    negated = (parts | several).map(lambda one: {"not": one})
    return parts | negated | st.lists(parts | negated, min_size=1, max_size=3)


whens = st.fixed_dictionaries(
    {},
    optional={
        "employees": conditions(numbers),
        "country": conditions(st.sampled_from(["FR", "BE", "DE", "missing", "known"])),
        "email": conditions(st.sampled_from(["free", "company", "missing"])),
        "grade": conditions(st.sampled_from(["A", "B", "D", "missing"])),
    },
)
rule_sets = st.lists(
    st.tuples(whens, st.sampled_from([False, False, False, True])), min_size=1, max_size=6
)  # fmt: skip


def book_of(rules, traits=TRAITS):
    routes = [
        {"name": f"r{place}", "to": "sales", "when": when, "first": first} for place, (when, first) in enumerate(rules)
    ]
    return playbook(features={"traits": traits}, routes=routes)


def verdict(book, most=100):
    return judge(rules_of(book), domains(book.features.traits, book.scoring.grades), most)


def holds(condition, word, value):
    """One condition on one value, the obvious way."""
    if word == "employees":
        return meant(condition, value)
    if isinstance(condition, list):
        return any(holds(one, word, value) for one in condition)
    if isinstance(condition, dict):
        return not holds(condition["not"], word, value)
    if word == "grade" and value is not None:
        value = next(name for name, bound in GRADES.items() if value >= bound)
    return value is not None if condition == "known" else value == (None if condition == "missing" else condition)


def taken(rules, grid):
    """(rules, *grid) whether each route gets each lead of the grid, those that are first before the others."""
    shape = [len(values) for values in grid.values()]
    alone = []
    for when, _ in rules:
        found = np.ones(shape, dtype=bool)
        for word, condition in when.items():
            axis = list(grid).index("score" if word == "grade" else word)
            told = np.array([holds(condition, word, value) for value in list(grid.values())[axis]])
            found = found & told.reshape([-1 if place == axis else 1 for place in range(len(shape))])
        alone.append(found)
    first = np.array([first for _, first in rules])
    every = np.array(alone)
    before = every[first].any(axis=0)
    every[~first] &= ~before
    return every


def drawn(rules):
    """The playbook; a rule set of which one condition takes nothing is none."""
    try:
        return book_of(rules)
    except ValueError as problem:
        assert "empty" in str(problem) or "no value" in str(problem)
        return None


@settings(max_examples=1_000, deadline=None)
@given(rules=rule_sets)
def test_overlaps_gaps_and_examples_are_those_of_brute_force(rules):
    book = drawn(rules)
    assume(book is not None)
    found, every = verdict(book), taken(rules, GRID)
    pairs = {
        (f"r{one}", f"r{other}")
        for one, other in itertools.combinations(range(len(rules)), 2)
        if (every[one] & every[other]).any()
    }
    assert {overlap.routes for overlap in found.overlaps} == pairs
    assert len(found.overlaps) == len(pairs)
    assert bool(found.gaps) == (~every.any(axis=0)).any()
    assert not found.more
    assert found.partitions == (every.sum(axis=0) == 1).all()
    assert set(found.idle) == {f"r{place}" for place, mine in enumerate(every) if not mine.any()}
    for one in (*found.overlaps, *found.gaps):
        around = {word: [one.lead[word]] if word in one.lead else values for word, values in GRID.items()}
        here = taken(rules, around).reshape(len(rules), -1)
        names = {f"r{place}": mine for place, mine in enumerate(here)}
        assert all(names[route].all() for route in one.routes)
        assert one.routes or not here.any()
        assert set(one.lead) == set(one.where)


@settings(max_examples=200, deadline=None)
@given(rules=rule_sets, seed=st.integers(0, 1_000))
def test_a_lead_goes_where_brute_force_sends_it(rules, seed):
    book = drawn(rules)
    assume(book is not None)
    every, compiled, draw = taken(rules, GRID), rules_of(book), random.Random(seed)
    for _ in range(20):
        place = tuple(draw.randrange(len(values)) for values in GRID.values())
        values = {word: GRID[word][at] for word, at in zip(GRID, place, strict=True)}
        assert [rule.name for rule in takers(compiled, values)] == [
            f"r{number}" for number, mine in enumerate(every) if mine[place]
        ]


boxes = st.lists(st.integers(1, 3), min_size=1, max_size=4).flatmap(
    lambda sizes: st.tuples(
        st.just(tuple((1 << size) - 1 for size in sizes)),
        st.lists(st.tuples(*(st.integers(0, (1 << size) - 1) for size in sizes)), max_size=6),
        st.tuples(*(st.integers(1, (1 << size) - 1) for size in sizes)),
    )
)


def cells(box):
    return set(itertools.product(*([at for at in range(4) if mask >> at & 1] for mask in box)))


@given(case=boxes)
def test_what_boxes_leave_uncovered_is_all_of_the_rest_once(case):
    _, some, within = case
    parts = [cells(part) for part in uncovered(within, some)]
    rest = cells(within).difference(*map(cells, some))
    assert sum(map(len, parts)) == len(rest)
    assert set().union(*parts) == rest
    for part in uncovered(within, some):
        wide = widened(part, some, within)
        assert cells(part) <= cells(wide) <= rest
        for axis, mask in enumerate(within):  # and nothing could be added on any axis
            for bit in range(4):
                more = (*wide[:axis], wide[axis] | (1 << bit & mask), *wide[axis + 1 :])
                assert more == wide or not cells(more) <= rest


def grown(leaves, words, seed):
    """Rules that partition: everything, split again and again at a bound or a text of one trait."""
    draw, rules = random.Random(seed), [{}]
    while len(rules) < leaves:
        when = rules.pop(draw.randrange(len(rules)))
        free = [word for word in words if word not in when]
        if not free:
            rules.append(when)
            continue
        word = draw.choice(free)
        if word.startswith("n"):
            bound = draw.randrange(100)
            split = [f">={bound}", [f"<{bound}", "missing"]]
        else:
            split = ["FR", {"not": ["FR", "BE"]}, "BE"]
        rules += [when | {word: condition} for condition in split]
    return rules


@pytest.mark.parametrize("seed", range(5))
def test_fifty_rules_over_eight_traits_are_proved_and_what_is_planted_is_found(seed):
    traits = {f"n{place}": "number" for place in range(4)} | {f"c{place}": "category" for place in range(4)}
    rules = [(when, False) for when in grown(50, list(traits), seed)]
    found = verdict(book_of(rules, traits))
    assert found.partitions
    assert found.idle == ()
    draw = random.Random(seed)
    lost = draw.randrange(len(rules))
    with_gap = verdict(book_of([one for place, one in enumerate(rules) if place != lost], traits))
    assert (with_gap.overlaps, with_gap.more, len(with_gap.gaps)) == ((), False, 1)
    assert set(with_gap.gaps[0].lead) <= set(rules[lost][0])
    twice = verdict(book_of([*rules, (rules[lost][0], False)], traits))
    assert [one.routes for one in twice.overlaps] == [(f"r{lost}", f"r{len(rules)}")]
    assert twice.gaps == ()
    first = verdict(book_of([*rules, (rules[lost][0], True)], traits))
    assert first.partitions
    assert first.idle == (f"r{lost}",)


def test_fifty_careless_rules_over_eight_traits_are_looked_through():
    draw = random.Random(1)
    traits = {f"n{place}": "number" for place in range(8)}
    rules = [
        (
            {word: f"{low}..{low + 60}" for word in draw.sample(list(traits), 4) if (low := draw.randrange(40)) >= 0},
            False,
        )
        for _ in range(50)
    ]
    found = verdict(book_of(rules, traits), most=20)
    assert (len(found.gaps), found.more) == (20, True)
    assert len({tuple(gap.where.items()) for gap in found.gaps}) == 20


def test_rules_that_cannot_be_looked_through_are_said_to_be_undecided():
    draw, traits = random.Random(1), {f"n{place}": "number" for place in range(8)}
    rules = [
        ({word: {"not": f"{low}..{low + 10}"} for word in traits if (low := draw.randrange(90)) >= 0}, False)
        for _ in range(50)
    ]
    book = book_of(rules, traits)
    found = judge(rules_of(book), domains(traits, GRADES), steps=3_000)
    assert found.undecided
    assert not found.partitions
    assert len(found.overlaps) == 50 * 49 // 2


def only(when, **tables):
    return verdict(playbook(features={"traits": TRAITS}, routes=[{"name": "r", "to": "x", "when": when}], **tables))


@pytest.mark.parametrize(
    ("when", "gaps"),
    [
        ({}, []),
        ({"employees": [">=500", "missing"]}, [({"employees": 499.0}, "< 500")]),
        ({"employees": {"not": 7}}, [({"employees": 7.0}, "7")]),
        ({"employees": {"not": "3..<9"}}, [({"employees": 3.0}, ">= 3 and < 9")]),
        ({"employees": ["<=499", ">=500", "missing"]}, [({"employees": 499.5}, "> 499 and < 500")]),
        ({"employees": [">0.1", "<=0.1"]}, [({"employees": None}, "missing")]),
        ({"country": ["FR", "be"]}, [({"country": "(any other country)"}, "not FR or be or missing")]),
        ({"country": {"not": ["FR", "(any other country)"]}}, [({"country": "FR"}, "FR or (any other country)")]),
        ({"country": "known"}, [({"country": None}, "missing")]),
        ({"email": {"not": "free"}}, [({"email": "free"}, "free")]),
        ({"grade": ["A", "B", "missing"]}, [({"score": 0.0}, "< 50")]),
        ({"score": [">0", "missing"]}, [({"score": 0.0}, "0")]),
    ],
)
def test_a_gap_is_told_plainly(when, gaps):
    assert [(gap.lead, *gap.where.values()) for gap in only(when).gaps] == gaps


def test_a_text_that_is_called_like_the_one_that_nobody_names_gets_out_of_its_way():
    (gap,) = only({"country": ["(any other country)", "missing"]}).gaps
    assert gap.lead == {"country": "((any other country))"}


def test_bounds_that_no_number_lies_between_leave_no_gap():
    near = float(np.nextafter(0.1, 1))
    assert only({"employees": ["<=0.1", f">={near!r}", "missing"]}).partitions


def test_grades_are_the_scores_that_they_stand_for():
    book = playbook(
        routes=[
            {"name": "good", "to": "x", "when": {"grade": ["A", "B"]}},
            {"name": "poor", "to": "x", "when": {"score": ["<50", "missing"]}},
        ]
    )
    assert verdict(book).partitions


def test_traits_that_nobody_asks_for_are_no_axis():
    book = playbook(features={"traits": TRAITS}, routes=[{"name": "r", "to": "x", "when": {"country": "FR"}}])
    known = domains(book.features.traits, book.scoring.grades)
    assert [axis.name for axis in axes_of(rules_of(book), known)] == ["country"]
