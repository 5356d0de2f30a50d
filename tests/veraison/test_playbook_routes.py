"""The tables of the routes: what each condition means, and each mistake as one line with the key's path."""

import json
import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.domains import DOMAIN_KINDS
from tests.veraison.test_playbook import LEAST, load, refusal
from veraison.playbook import OF_NO_MODEL, Playbook
from veraison.playbook_conditions import EMAIL_KINDS, Domain, read

TRAITS = '[features.traits]\nemployees = "number"\ncountry = "category"\nemail = "email"\n'
NUMBER, CATEGORY = Domain("number"), Domain("category")
CHANCE = Domain("number", ((0.0, False), (1.0, True)))


def route(when="{}", name="big", to="sales", more=""):
    return f'[[routes]]\nname = "{name}"\nto = "{to}"\nwhen = {when}\n{more}\n'


# What a condition means


@pytest.mark.parametrize(
    ("condition", "domain", "inside", "outside"),
    [
        (">=500", NUMBER, (500, 500.5, 1e9), (499.9, None)),
        (" > 500 ", NUMBER, (500.5,), (500, None)),
        ("<=-2.5", NUMBER, (-2.5, -3), (-2.4, None)),
        ("<500", NUMBER, (499.9, -1), (500, None)),
        ("50..499", NUMBER, (50, 499, 200.5), (49.9, 499.1, None)),
        ("50..<500", NUMBER, (50, 499.9), (500, None)),
        ("-1e3 .. -1", NUMBER, (-1000, -1), (0,)),
        (500, NUMBER, (500, 500.0), (501, None)),
        ("=500", NUMBER, (500,), (501,)),
        ("missing", NUMBER, (None,), (0, math.inf)),
        ("known", NUMBER, (0, -1e300), (None,)),
        (["<5", "missing", "7..8"], NUMBER, (4, None, 7.5), (5, 6, 9)),
        ({"not": [">=500", "missing"]}, NUMBER, (499,), (500, None)),
        ({"not": "50..499"}, NUMBER, (49, 499.5, None), (50, 499)),
        ([{"not": ">5"}, 9], NUMBER, (5, 9, None), (6,)),
        (">=0.5", CHANCE, (0.5, 1), (0.4, None)),
        ("FR", CATEGORY, ("FR",), ("BE", None)),
        (["FR", "missing"], CATEGORY, ("FR", None), ("BE",)),
        ({"not": "FR"}, CATEGORY, ("BE", None), ("FR",)),
        ({"not": ["FR", "missing"]}, CATEGORY, ("BE",), ("FR", None)),
        ("known", CATEGORY, ("FR",), (None,)),
        ("=missing", CATEGORY, ("missing",), (None, "FR")),
        ("=<50", CATEGORY, ("<50",), ("50",)),
        ("75", CATEGORY, ("75",), ("7",)),
        ([{"not": "FR"}, "FR"], CATEGORY, ("FR", "BE", None), ()),
        ([{"not": ["FR", "BE"]}, {"not": ["BE", "DE"]}], CATEGORY, ("FR", "DE", None), ("BE",)),
        ({"not": "free"}, Domain("category", values=EMAIL_KINDS), ("company", "education", None), ("free", "else")),
    ],
)
def test_a_condition_means_these_values_and_not_those(condition, domain, inside, outside):
    values = read(condition, domain)
    assert [one for one in inside if one not in values] == []
    assert [one for one in outside if one in values] == []


bounds = st.integers(-3, 3)
parts = st.one_of(
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "="]), bounds).map(lambda one: f"{one[0]}{one[1]}"),
    st.tuples(bounds, st.sampled_from(["..", "..<"]), bounds).map(lambda one: f"{one[0]}{one[1]}{one[2]}"),
    st.sampled_from(["missing", "known"]),
)
negated = (parts | st.lists(parts, min_size=1, max_size=2)).map(lambda one: {"not": one})
conditions = parts | negated | st.lists(parts | negated, min_size=1, max_size=4)


def meant(condition, value):
    """The obvious reading, one value at a time."""
    if isinstance(condition, list):
        return any(meant(one, value) for one in condition)
    if isinstance(condition, dict):
        return not meant(condition["not"], value)
    if value is None or condition in ("missing", "known"):
        return condition == ("missing" if value is None else "known")
    if ".." in condition:
        low, high = condition.split("..")
        return int(low) <= value and (value < int(high[1:]) if high[0] == "<" else value <= int(high))
    sign = condition.rstrip("-0123456789")
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}[sign]
    return compare(value, int(condition.removeprefix(sign)))


@given(condition=conditions)
def test_number_conditions_mean_what_they_say_value_by_value(condition):
    grid = [None, *(half / 2 for half in range(-8, 9))]
    expected = [meant(condition, value) for value in grid]
    try:
        values = read(condition, NUMBER)
    except ValueError as problem:
        assert "empty" in str(problem) or not any(expected)
    else:
        assert [value in values for value in grid] == expected
        assert all(high < low for (_, high), (low, _) in zip(values.spans, values.spans[1:], strict=False))


def test_kinds_of_addresses_are_those_the_data_tell():
    assert EMAIL_KINDS == DOMAIN_KINDS


# What is wrong

_NUMBER = 'write ">=500", "<500", "50..499", "50..<500", "missing", "known", a list of such, or {not = ...}'
_TEXT = 'write "FR", "missing", "known", a list of such, or {not = ...}'
_WHEN = "routes.0.when."
_TEAM = LEAST + TRAITS + route()
BAD = {
    route('{size = "big"}'): (
        _WHEN + "size: is neither a trait of [features.traits] (employees, country, email) nor probability, score, "
        "grade or expected_value (got 'big')"
    ),
    route('{country = ">=500"}'): (
        _WHEN + 'country: ">=500" is a condition on a number, and this is a category; for that text write "=>=500" '
        "(got '>=500')"
    ),
    route('{country = 33}'): _WHEN + f"country: 33 is no text; {_TEXT} (got 33)",
    route('{employees = "big"}'): _WHEN + f"employees: 'big' is no condition on a number; {_NUMBER} (got 'big')",
    route("{employees = true}"): _WHEN + f"employees: True is no condition on a number; {_NUMBER} (got True)",
    route("{employees = inf}"): _WHEN + f"employees: inf is no condition on a number; {_NUMBER} (got inf)",
    route('{employees = ">1e999"}'): _WHEN + 'employees: ">1e999" is too large a number (got \'>1e999\')',
    route("{employees = []}"): _WHEN + f"employees: names no value; {_NUMBER} (got [])",
    route('{employees = "600..500"}'): (
        _WHEN + 'employees: "600..500" is empty: nothing is at least 600 and at most 500 (got \'600..500\')'
    ),
    route('{employees = "5..<5"}'): (
        _WHEN + 'employees: "5..<5" is empty: nothing is at least 5 and less than 5 (got \'5..<5\')'
    ),
    route('{country = {not = ["known", "missing"]}}'): _WHEN + "country: takes no value at all, so no lead",
    route('{country = {no = "FR"}}'): _WHEN + f"country: is no condition; {_TEXT}",
    route('{country = {not = {not = "FR"}}}'): _WHEN + f"country: is no condition; {_TEXT}",
    route('{email = "work"}'): _WHEN + "email: 'work' is none of free, education, company (got 'work')",
    route('{grade = "E"}'): _WHEN + "grade: 'E' is none of A, B, C, D (got 'E')",
    route('{probability = ">2"}'): (
        _WHEN + "probability: takes no value at all, so no lead; it lies in [0; 1] (got '>2')"
    ),
    route('{expected_value = ">2"}'): (
        _WHEN + "expected_value: needs an amount: routing.amount_trait, amount_events or amount_else (got '>2')"
    ),
    route('{grade = "A"}') + route('{probability = ">.5"}'.replace(">.5", ">0.5"), "likely"): (
        "routes: ask for probability or for grade: one follows from the other"
    ),
    route() + route(): "routes.1.name: is the name of an earlier route too (got 'big')",
    route(to="exceptions"): "routes.0.to: is the queue of exceptions; a route goes elsewhere (got 'exceptions')",
    route(more='wen = {}'): "routes.0.wen: unknown key; allowed in [routes.0]: first, name, to, when",
    route(more="first = 1"): "routes.0.first: should be true or false (got 1)",
    "[[routes]]\nname = 'x'": "routes.0.to: is required and missing",
    route() + '[routing.teams]\nfield = ["Eva"]': (
        "routes.0.to: has no sellers; in [routing.teams] there are: field (got 'sales') (and 1 more)"
    ),
    route() + '[routing.teams]\nsales = ["Eva"]\nfield = ["Ugo"]': (
        "routing.teams.field: no route goes there; routes go to: sales (got ['Ugo'])"
    ),
    route() + "[routing.teams]\nsales = []": "routing.teams.sales: needs the name of at least one seller, each once "
    "(got [])",
    route() + '[routing.teams]\nsales = ["Eva"]\n[routing.capacity]\nEva = 0': (
        "routing.capacity.Eva: should be greater than or equal to 1 (got 0)"
    ),
    route() + '[routing.teams]\nsales = ["Eva"]\n[routing.capacity]\nEve = 5': (
        "routing.capacity.Eve: is neither a team nor a seller; there are: sales, Eva (got 5)"
    ),
    route() + '[routing.teams]\nsales = ["Eva", "Ugo"]\n[routing.capacity]\nEva = 5': (
        "routing.capacity: of the team sales, Ugo has none; give it to all or to nobody"
    ),
    route() + '[routing]\namount_trait = "country"': (
        "routing.amount_trait: is no trait of kind number; there are: employees (got 'country')"
    ),
    route() + "[routing.price]\nA = 50.0": "routing.price: needs a price for each grade: A, B, C, D",
    route() + "[routing]\nprice_share = 0.1": (
        "routing.price_share: needs an amount: routing.amount_trait, amount_events or amount_else (got 0.1)"
    ),
    route() + "[routing]\namount_else = 9.0\nprice_share = 0.1\nprice = {A = 4.0, B = 3.0, C = 2.0, D = 1.0}": (
        "routing.price_share: is one way to make a price, and routing.price is another; keep one (got 0.1)"
    ),
    route() + "[routing]\ngoal = 2": "routing.goal: should be less than or equal to 1 (got 2)",
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD.items())
def test_a_mistake_is_one_line_with_the_keys_path(tmp_path, text, sentence):
    assert refusal(tmp_path, LEAST + TRAITS + text) == sentence


def test_a_trait_by_the_name_of_what_the_scorer_says_cannot_be_asked_for(tmp_path):
    text = LEAST + '[features.traits]\nscore = "number"\n' + route('{score = ">50"}')
    assert refusal(tmp_path, text).startswith("routes.0.when.score: is a trait and what the scorer says; ")


def test_what_makes_no_model_changes_no_fingerprint(tmp_path):
    stages = '[stages.mql]\n[stages.customer]\n[maturity]\nacts = ["Demo"]\n'
    plain, routed = (
        load(tmp_path, LEAST + TRAITS),
        load(tmp_path, LEAST + TRAITS + stages + route('{country = ["FR"]}')),
    )
    assert plain.fingerprint == routed.fingerprint
    kept = set(json.loads(plain.model_dump_json(exclude=OF_NO_MODEL)))
    assert kept == set(Playbook.model_fields) - {
        "after_sale", "consent", "contract", "families", "maturity", "money", "returns", "routes", "routing", "stages",
    }  # fmt: skip
    assert Playbook.model_validate_json(routed.model_dump_json()) == routed


def test_a_capacity_is_the_sellers_own_or_that_of_the_team(tmp_path):
    text = route() + '[routing.teams]\nsales = ["Eva", "Ugo"]\n[routing.capacity]\nsales = 5\nEva = 9'
    routing = load(tmp_path, LEAST + TRAITS + text).routing
    assert [routing.capacity_of(one, "sales") for one in ("Eva", "Ugo")] == [9, 5]
    assert load(tmp_path, LEAST + TRAITS + route()).routing.capacity_of("Eva", "sales") is None
