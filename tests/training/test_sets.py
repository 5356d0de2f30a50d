"""Training sets: the rows of training, the same from every engine, with nothing of the future, and documented."""

import csv
import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY as DAY
from data.store import Store
from data.units import export
from features.words import meaning
from tests import market
from tests.features import worlds
from tests.histories import at, identify, log_of, named, playbook, track
from training import sets
from training.columns import columns, described, schema, write_columns
from training.engines import Cluster, Parts, Whole, schema_of
from training.fit import training_set
from training.sets import Labelled, Moment, Pairs, completed, learned, piece
from veraison.errors import TrainingError

SET = market.data().feature_set
BOOK = playbook(
    journey={"ready": ["Quote"], "returned": ["Rare"], "opted_out": ["Mail Sent"]},
    features={"traits": {"company": "account"}},
    training={"landmark_days": [0, 3, 7, 14]},
)
WORLD = worlds.everything()
NOBODY = log_of()


def made(log, asked, feature_set=SET, book=market.BOOK, threads=1):
    return completed(piece(log, feature_set, book, asked, threads), feature_set, book, asked)


def by(engine, asked, feature_set=WORLD, book=BOOK):
    """What an engine makes, in one order unless it is the one asked for."""
    tables = [schema_of(feature_set, book, asked).empty_table()]
    tables += engine.tables(feature_set, book, asked, lambda done, rows: None)
    found = pa.concat_tables(tables)
    return found if isinstance(asked, Pairs) else found.sort_by([("lead_id", "ascending"), ("as_of", "ascending")])


def micros(table):
    return table["as_of"].cast(pa.int64()).to_pylist()


# The rows of training


@pytest.mark.parametrize("day", [80, 150])
def test_landmarks_are_the_very_rows_that_train(day):
    data = training_set(market.log(), market.BOOK, before=at(day))
    found = made(market.log(), Labelled(at(day)), data.feature_set)
    leads = market.log().leads
    persons = market.log().persons(at(day))[data.pairs.lead]
    expected = {
        "lead_id": [leads[code] for code in data.pairs.lead],
        "landmark_day": data.pairs.day.tolist(),
        "person": [leads[code] for code in persons],
        "entry_days": data.outcomes.entry.tolist(),
        "duration_days": data.outcomes.duration.tolist(),
        "converted": data.outcomes.event.tolist(),
        "followed_days": data.outcomes.followed.tolist(),
        "ready_usable": data.ripens.tolist(),
    }
    assert {name: found[name].to_pylist() for name in expected} == expected
    assert micros(found) == data.pairs.as_of.tolist()
    ripe = found.filter(found["ready_usable"])
    assert ripe["ready"].to_pylist() == data.ripening.event[data.ripens].tolist()
    assert ripe["ready_duration_days"].to_pylist() == data.ripening.duration[data.ripens].tolist()
    assert found["ready"].null_count == found["ready_duration_days"].null_count == (~data.ripens).sum() > 0
    matrix = np.array([found[name].cast(pa.float64()).to_numpy() for name in data.feature_set.names]).T
    assert np.array_equal(matrix, data.features, equal_nan=True)
    assert learned(market.log(), market.BOOK, before=at(day)) == data.feature_set


def test_few_conversions_are_no_mistake_here():
    book = playbook()
    log = log_of(track("a", "Lead Created", 1), track("a", "Deal Won", 9), track("b", "Lead Created", 2))
    found = made(log, Labelled(at(20)), learned(log, book, before=at(20)), book)
    assert [tuple(row.values()) for row in found.select(["lead_id", "landmark_day", "converted"]).to_pylist()] == [
        ("a", 0, True), ("a", 1, True), ("a", 3, True), ("a", 7, True),
        ("b", 0, False), ("b", 1, False), ("b", 3, False), ("b", 7, False), ("b", 14, False),
    ]  # fmt: skip
    with pytest.raises(TrainingError, match="there is no lead to learn features from"):
        learned(log, book, before=at(1))


def test_days_of_ones_own_and_no_readiness():
    log, book = log_of(track("a", "Lead Created", 1), track("b", "Lead Created", 2)), playbook()
    found = made(log, Labelled(at(9), (0, 5)), WORLD.only(["age"]), book)
    assert found["landmark_day"].to_pylist() == [0, 5, 0, 5]
    assert not [name for name in found.column_names if name.startswith("ready")]


def test_pairs_of_landmarks_are_rows_of_landmarks():
    """Given pairs that are landmarks give their rows; what is no landmark gives none."""
    whole = made(market.log(), Labelled(at(150)))
    rows = whole.take(np.random.default_rng(1).permutation(whole.num_rows)[:200])
    lead_ids, moments = rows["lead_id"].to_pylist(), micros(rows)
    lost = [("nobody", at(60)), (lead_ids[0], at(0)), (lead_ids[0], at(150)), (lead_ids[1], moments[1])]
    asked = Labelled(
        at(150), (), ((*lead_ids, *(lead for lead, _ in lost)), (*moments, *(moment for _, moment in lost)))
    )
    assert made(market.log(), asked).equals(rows.sort_by([("lead_id", "ascending"), ("as_of", "ascending")]))


# A moment and given pairs


def test_every_visible_lead_at_a_moment_with_its_status():
    found = made(market.log(), Moment(at(60)))
    log = market.log()
    assert found["lead_id"].to_pylist() == [
        lead for code, lead in enumerate(log.leads) if log.known[log.offsets[code]] < at(60)
    ]
    assert {"scored", "converted", "lost", "opted_out"} <= {*found["status"].to_pylist()}
    assert "unknown" not in found["status"].to_pylist()
    assert made(market.log(), Moment(at(-1))).num_rows == 0


def test_every_asked_pair_is_a_row_in_its_place():
    at_once = made(market.log(), Moment(at(60.5)))
    seen, other = at_once["lead_id"][3].as_py(), at_once["lead_id"][1].as_py()
    pairs = [(seen, 60.5), ("nobody", 60.5), (seen, -1.0), (other, 60.5), (seen, 60.5)]
    found = made(market.log(), Pairs(tuple(lead for lead, _ in pairs), tuple(at(day) for _, day in pairs)))
    assert [*zip(found["lead_id"].to_pylist(), micros(found), strict=True)] == [(lead, at(day)) for lead, day in pairs]
    assert found.take([0, 3, 4]).equals(at_once.take([3, 1, 3]))
    nothing = found.take([1, 2])
    assert nothing["status"].to_pylist() == ["unknown"] * 2
    assert {nothing[name].null_count for name in SET.names} == {2}


def test_counts_are_whole_numbers_and_what_is_missing_is_null():
    found = made(market.log(), Moment(at(60)))
    for name, one in zip(SET.names, SET.features, strict=True):
        assert found.schema.field(name).type == (pa.float64() if SET.type_of(one) == "number" else pa.int32())
        assert not np.isnan(found[name].drop_null().cast(pa.float64()).to_numpy()).any()
    assert found["since__quote"].null_count
    left = pc.equal(found["status"], "opted_out")
    assert not found.filter(pc.invert(left))["count__quote__ever"].null_count
    described = found.filter(left).select(SET.names)
    assert described.num_rows > 5
    assert {column.null_count for column in described.columns} == {described.num_rows}


# The same from every engine


@settings(max_examples=25)
@given(data=st.data(), beginning=worlds.beginnings, size=st.integers(1, 12))
def test_parts_make_what_the_whole_makes(tmp_path_factory, data, beginning, size):
    happened = data.draw(worlds.histories(beginning, chained=True))
    folder = tmp_path_factory.mktemp("tables")
    with Store("sqlite://", ("email",), ("company",)) as store:
        store.append(happened)
        log = store.scan()
        parts = Parts(folder, export(store, folder, ("company",), size))
    moments = data.draw(st.lists(worlds.moments(beginning), min_size=1, max_size=8))
    leads = data.draw(st.lists(st.sampled_from((*worlds.LEADS, "v", "nobody")), min_size=8, max_size=8))
    pairs = tuple(leads[: len(moments)]), tuple(moments)
    end = beginning + worlds.SPAN * DAY
    assert parts.newest() == (log.newest if len(log.known) else None)
    for asked in (Moment(moments[0]), Pairs(*pairs), Labelled(end), Labelled(end, (0, 2)), Labelled(end, (), pairs)):
        whole = by(Whole(log), asked)
        assert whole.equals(by(Whole(log, threads=2), asked))
        assert whole.equals(by(parts, asked), check_metadata=True)


def test_pieces_are_the_whole(monkeypatch):
    """However few rows are made at a time, and whatever is reported meanwhile."""
    wholes = [made(market.log(), asked) for asked in (Moment(at(60)), Labelled(at(150)))]
    monkeypatch.setattr(sets, "_CHUNK", 7)
    told = []
    for whole, asked in zip(wholes, (Moment(at(60)), Labelled(at(150))), strict=True):
        many = [*sets.pieces(market.log(), SET, market.BOOK, asked, 1, lambda done, rows: told.append((done, rows)))]
        assert max(one.num_rows for one in many) == 7
        assert pa.concat_tables(many).equals(whole)
        assert told[-1] == (whole.num_rows, whole.num_rows)


@pytest.mark.parametrize("asked", [Moment(at(60)), Pairs(("a",), (at(3),)), Labelled(at(60)), Labelled(at(60), (1,))])
def test_of_nobody_there_are_columns_and_no_rows(asked):
    found = made(NOBODY, asked)
    assert found.num_rows == isinstance(asked, Pairs)
    assert found.schema.equals(schema_of(SET, market.BOOK, asked), check_metadata=True)


def test_what_travels_to_executors_arrives_as_it_was():
    cluster = Cluster("x", "local", print)
    for asked in (Moment(at(60)), Pairs(("L0003",), (at(60),)), Labelled(at(150), (3,))):
        function, wanted = cluster._work(SET, market.BOOK, asked)
        there = pickle.loads(pickle.dumps(function))
        assert there(market.log()).equals(function(market.log()))
        assert there(market.log()).schema.equals(wanted, check_metadata=True)


# Nothing of the future


@settings(max_examples=25)
@given(data=st.data(), beginning=worlds.beginnings)
def test_what_is_known_later_changes_nothing(data, beginning):
    """Features and status at a moment; at a snapshot also the rows, the outcomes, and who is who."""
    moment = data.draw(worlds.moments(beginning))
    before = data.draw(worlds.histories(beginning))
    later = data.draw(worlds.histories(beginning, known_from=moment, prefix="later"))
    now, then = log_of(*before), log_of(*before, *later)
    leads = tuple(now.leads) or ("a",)
    for asked in (Moment(moment), Pairs(leads, (moment,) * len(leads)), Labelled(moment), Labelled(moment, (0, 2))):
        assert made(now, asked, WORLD, BOOK).equals(made(then, asked, WORLD, BOOK))


def test_outcomes_come_from_after_the_moment_and_features_do_not():
    story = [track("a", "Lead Created", 1), identify("a", 1, company="acme.fr"), track("a", "Quote", 5)]
    early = made(log_of(*named(story)), Labelled(at(30), (0, 7)), WORLD, BOOK)
    won = made(log_of(*named([*story, track("a", "Deal Won", 12)])), Labelled(at(30), (0, 7)), WORLD, BOOK)
    assert early["converted"].to_pylist() == [False, False]
    assert won["converted"].to_pylist() == [True, True]
    assert [round(days, 3) for days in won["duration_days"].to_pylist()] == [10.999, 3.999]
    assert early.select(WORLD.names).equals(won.select(WORLD.names))


# Documented


@pytest.mark.parametrize("labelled", [True, False])
def test_every_column_says_in_the_file_what_it_is(labelled):
    found = schema(WORLD, BOOK, labelled=labelled)
    assert found.names[-len(WORLD.names) :] == WORLD.names
    for field, one in zip(found, columns(WORLD, BOOK, labelled=labelled), strict=True):
        words = {key.decode(): text.decode() for key, text in field.metadata.items()}
        assert field.name == one.name
        assert words.keys() - {"categories"} == {"family", "type", "window", "meaning", "meaning_fr"}
        assert words["meaning"]
        assert words["meaning_fr"] != words["meaning"] or words["family"] == "custom"
        assert ("categories" in words) == (words["type"] == "category")
        assert len(one.name.split()) == 1
    place = WORLD.names.index("trait__country")
    words = found.field("trait__country").metadata
    assert words[b"meaning"].decode() == meaning(WORLD, place)
    assert json.loads(words[b"categories"]) == ["FR", "DE"]


def test_the_table_of_columns_repeats_the_schema():
    found, file = columns(WORLD, BOOK, labelled=True), io.StringIO()
    write_columns(found, file)
    rows = [*csv.DictReader(io.StringIO(file.getvalue()))]
    assert [*rows[0]] == ["name", "family", "type", "window", "meaning", "meaning_fr", "categories"]
    for row, field in zip(rows, schema(WORLD, BOOK, labelled=True), strict=True):
        words = {key.decode(): text.decode() for key, text in field.metadata.items()}
        assert row == {"name": field.name, "categories": ""} | words


def test_windows_are_those_of_the_names():
    found = {one.name: one.window for one in described(WORLD)}
    assert found["count__quote__7d"] == found["sequence__called__quote__7d"] == "7d"
    assert found["sum__quote__ever"] == "ever"
    assert found["trend__all__1d_7d"] == "1d_7d"
    assert found["decayed__quote__half_30d"] == "half_30d"
    assert {found[name] for name in ("age", "since__quote", "trait__country", "rate__source", "recent_kind__1")} == {""}
