"""The feature set: its columns, their names and types, and what survives being written."""

import doctest
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import catalogue, ops
from features.catalogue import GROUPS, FeatureSet, Sequence, TraitSpec
from features.ops import FAMILY, Feature, Op
from tests.features import worlds

PLAIN = FeatureSet(
    (1, 7), ("Called", "Quote"), ("Called",), ("Lead Created",), ("Quote",), (TraitSpec("size", "number"),)
)


def test_the_examples_of_the_docstrings_hold():
    for module in (catalogue, ops):
        assert doctest.testmod(module).failed == 0


def test_a_name_tells_every_parameter():
    features = [
        Feature(op, subject, short, long, then)
        for op in Op for subject in ("x", "y") for short in (1, 7) for long in (7, 30) for then in ("u", "v")
    ]  # fmt: skip
    told = dict.fromkeys(Op, 2) | {  # two subjects
        Op.count: 4, Op.active_days: 4, Op.sum: 4, Op.decayed: 4, Op.trend: 8, Op.sequence: 8, Op.recent_kind: 2,
        Op.active_colleagues: 2, Op.colleague_acts: 2, Op.age: 1, Op.profile: 1, Op.stage: 1, Op.in_stage: 1,
        Op.actors: 1,
        Op.colleagues: 1, Op.since_colleague: 1, Op.won_colleagues: 1,
    }  # fmt: skip
    assert {op: len({f.name for f in features if f.op is op}) for op in Op} == told
    everything = {Feature(op, "x", 7, 30, "u").name for op in Op}
    assert len(everything) == len(Op)
    assert Feature(Op.sequence, "Quote Sent", 7, then="Called").name == "sequence__quote_sent__called__7d"
    assert Feature(Op.decayed, "all", 30).name == "decayed__all__half_30d"


def test_every_op_has_a_family_and_a_column_in_the_set_of_everything():
    assert {*FAMILY} | {Op.last_actor} == {*Op} == worlds.ops(worlds.everything())
    assert {one.family for one in worlds.everything().features} == {*FAMILY.values()}


@given(st.lists(st.text(max_size=8), unique=True, max_size=8).filter(lambda kinds: not {*kinds} & {*GROUPS}))
def test_names_are_unique_whatever_the_events_are_called(kinds):
    names = replace(PLAIN, kinds=(*kinds, "Été", "ete", "ÉTÉ", "__", "All"), valued=tuple(kinds)).names
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name for name in names)


@pytest.mark.parametrize("one", [PLAIN, worlds.everything(), worlds.everything().without("rates")])
def test_a_set_survives_being_written(one):
    again = FeatureSet.from_json(one.to_json())
    assert again == one
    assert again.names == one.names
    assert again.fingerprint == one.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"windows": (1, 8)}, {"kinds": ("Quote", "Called")}, {"outbound": ()}, {"neutral": ()}, {"valued": ()},
        {"traits": (TraitSpec("size", "category"),)}, {"traits": (TraitSpec("size", "category", ("a",)),)},
        {"half_lives": (7,)}, {"sequences": (Sequence("Called", "Quote", 7),)}, {"people": True},
        {"won": ("Deal Won",)}, {"rates": (worlds.rate_history("source", []),)}, {"time_zone": "Europe/Paris"},
        {"chosen": ("age",)},
        {"custom": worlds.custom_specs()[:1]}, {"custom": worlds.custom_specs()},
    ],
)  # fmt: skip
def test_the_fingerprint_changes_with_every_part(change):
    assert replace(PLAIN, **change).fingerprint != PLAIN.fingerprint


def test_a_set_of_another_version_is_refused():
    other = json.dumps(json.loads(PLAIN.to_json()) | {"version": catalogue.VERSION + 1})
    with pytest.raises(ValueError, match="another version"):
        FeatureSet.from_json(other)


def test_there_are_no_outbound_columns_where_nothing_is_outbound():
    assert any("outbound" in name for name in PLAIN.names)
    assert not any("outbound" in name for name in replace(PLAIN, outbound=()).names)


def test_columns_are_of_the_types_that_their_numbers_are():
    both = worlds.everything()
    types = {name: both.type_of(one) for name, one in zip(both.names, both.features, strict=True)}
    categories = [name for name, type_ in types.items() if type_ == "category"]
    assert categories == [
        *(f"recent_kind__{place}" for place in (1, 2, 3)),
        "trait__country",
        "trait__source",
        "trait__email",
    ]
    assert [both.names[place] for place in both.categorical] == categories
    assert (types["count__all__7d"], types["missing__size"], types["trait__size"]) == ("count", "flag", "number")
    assert (types["sequence__called__quote__7d"], types["colleagues"], types["rate__actor"]) == (
        "flag",
        "count",
        "number",
    )


def test_codes_stand_for_kinds_categories_and_kinds_of_domain():
    both = worlds.everything()
    told = {name: both.categories(both.features[both.names.index(name)]) for name in ("trait__country", "trait__email")}
    assert told == {"trait__country": ("FR", "DE"), "trait__email": ("free", "education", "company")}
    assert both.categories(Feature(Op.recent_kind, short=1)) == both.kinds


@given(st.sets(st.sampled_from(worlds.everything().names), min_size=1))
def test_a_choice_of_columns_keeps_their_order_and_what_they_are(names):
    whole = worlds.everything()
    some = whole.only(names)
    assert some.names == [name for name in whole.names if name in names]
    assert some.features == tuple(whole.features[whole.names.index(name)] for name in some.names)
    assert some.only(some.names[:1]).names == some.names[:1]


def test_a_family_can_be_left_out():
    whole = worlds.everything()
    for family in {*FAMILY.values()}:
        fewer = whole.without(family)
        assert family not in {one.family for one in fewer.features}
        assert len(fewer.features) == sum(one.family != family for one in whole.features) < len(whole.features)


def test_a_column_that_is_not_there_cannot_be_chosen():
    with pytest.raises(ValueError, match=r"no such feature: count__nothing$"):
        PLAIN.only(["age", "count__nothing"])


def test_kinds_whose_names_look_the_same_are_told_apart_by_a_number():
    twins = replace(PLAIN, kinds=("Quote", "quote!"), valued=(), outbound=())
    assert {"since__quote", "since__quote__2"} <= {*twins.names}
    (second,) = twins.only(["since__quote__2"]).features
    assert second.subject == "quote!"


def test_a_set_without_its_only_family_has_no_columns():
    assert PLAIN.only(["age"]).without("journey").names == []
