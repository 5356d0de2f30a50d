"""What a score rests on: known events and traits, never what was known later; and what like leads score that acted."""

import doctest
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import isoformat
from data.journey import standing
from data.store import Store
from features import compute
from features.ops import Op
from serving import details, whatif
from serving.details import in_detail, rests_on
from serving.evidence import Evidence, evidence, missing
from serving.reasons import OTHER_SIGNALS, Reason
from serving.scorer import score
from serving.translations import Words
from tests import market
from tests.features import worlds
from tests.histories import at, identify, log_of, named, track

NOW = at(50)
STORY = (
    track("a", "Visited", 1),
    track("a", "Lead Created", 2),
    identify("a", 2, country="FR", size=12.0),
    identify("a", 5, country="DE", size=12.0),
    *(track("a", "Visited", day) for day in (10, 40, 30, 20)),
    track("a", "Quote", 21, value=5),
    track("a", "Quote", 25),
    track("a", "Mail Sent", 26, known=60),
    track("a", "Mail Sent", 27),
    track("a", "Gone To A Fair", 28),
)


def with_set(feature_set):
    """The bundle of the market with another feature set: what needs no model can be asked of it."""
    return replace(market.bundle(), feature_set=feature_set)


def behind(column, *events, as_of=NOW, bundle=None):
    log = log_of(*named(events or STORY))
    bundle = with_set(replace(market.bundle().feature_set, chosen=None)) if bundle is None else bundle
    return evidence(log, bundle, int(log.codes(["a"])[0]), as_of, column)


def told(column, **how):
    return [(one.name, round((one.at - at(0)) / (at(1) - at(0)), 6)) for one in behind(column, **how)]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("count__visited__ever", [("Visited", 40), ("Visited", 30), ("Visited", 20)]),
        ("since__quote", [("Quote", 25), ("Quote", 21)]),
        ("highest__quote", [("Quote", 21)]),
        ("count__mail_sent__ever", [("Mail Sent", 27)]),
        ("count__inbound__ever", [("Visited", 40), ("Visited", 30), ("Quote", 25)]),
        ("count__outbound__ever", [("Mail Sent", 27)]),
        ("count__other__ever", [("Gone To A Fair", 28)]),
        ("count__all__ever", [("Visited", 40), ("Visited", 30), ("Gone To A Fair", 28)]),
        ("since__accepted", []),
        ("age", [("Lead Created", 2)]),
        ("recent_kind__1", [("Visited", 40), ("Visited", 30), ("Gone To A Fair", 28)]),
        ("stage", [("Visited", 40), ("Visited", 30), ("Mail Sent", 27)]),
        ("trait__country", [("country", 5)]),
        ("missing__size", [("size", 5)]),
        ("profile", [("country", 5), ("size", 5)]),
    ],
)
def test_the_newest_events_or_the_trait_stand_behind_a_column(column, expected):
    assert told(column) == expected


RICH_STORY = (
    track("a", "Quote", 1, value=2),
    replace(track("a", "Quote", 2), actor="Petit"),
    replace(track("a", "Mail Sent", 3), actor="Durand"),
    replace(track("a", "Lead Created", 4), actor="machine"),
    track("a", "Called", 5),
    track("a", "Rare", 6),
    identify("a", 7, company="acme.fr", email="x@acme.fr", source="fair"),
    identify("b", 7, company="acme.fr"),
    track("b", "Quote", 8),
)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("actors", [("Lead Created", 4), ("Mail Sent", 3), ("Quote", 2)]),
        ("rate__actor", [("Lead Created", 4), ("Mail Sent", 3), ("Quote", 2)]),
        ("rate__source", [("source", 7)]),
        ("colleagues", [("company", 7)]),
        ("colleague_acts__30d", [("company", 7)]),
        ("custom__quotes_at_night", [("Called", 5), ("Quote", 2), ("Quote", 1)]),
        ("trait__gone", []),
        ("profile", [("source", 7), ("email", 7), ("company", 7)]),
    ],
)
def test_evidence_of_people_companies_and_a_firms_own_features(column, expected):
    bundle = with_set(worlds.everything())
    found = behind(column, *RICH_STORY, bundle=bundle)
    assert sorted((one.name, round((one.at - at(0)) / (at(1) - at(0)), 6)) for one in found) == sorted(expected)


def test_a_sequence_rests_on_both_of_its_kinds():
    bundle = with_set(worlds.everything())
    for column, one in zip(bundle.feature_set.names, bundle.feature_set.features, strict=True):
        if one.op is Op.sequence:
            kinds = {found.name for found in behind(column, *RICH_STORY, bundle=bundle)}
            assert kinds == {one.subject, one.then} & {event.kind for event in RICH_STORY}


def test_evidence_says_which_event_and_which_value():
    assert behind("highest__quote") == (Evidence("Quote", at(21), "m000008"),)
    assert behind("trait__country") == (Evidence("country", at(5), value="DE"),)
    assert behind("trait__size") == (Evidence("size", at(5), value=12.0),)
    assert behind("highest__quote")[0].to_dict() == {
        "kind": "Quote", "occurred_at": isoformat(at(21)), "event_id": "m000008",
    }  # fmt: skip
    assert behind("trait__size")[0].to_dict() == {"trait": "size", "value": 12.0, "since": isoformat(at(5))}


def test_at_an_earlier_moment_only_what_was_known_then_is_evidence():
    assert told("count__visited__ever", as_of=at(20)) == [("Visited", 10), ("Visited", 1)]
    assert told("count__visited__ever", as_of=at(20) + 1) == [("Visited", 20), ("Visited", 10), ("Visited", 1)]
    assert told("trait__country", as_of=at(5)) == [("country", 2)]
    assert told("count__mail_sent__ever", as_of=at(60) + 1) == [("Mail Sent", 27), ("Mail Sent", 26)]


def test_what_is_missing_is_named():
    def said(*events, language="en"):
        log = log_of(*events)
        return [(one.trait, one.text) for one in missing(log, market.bundle().feature_set, 0, NOW, language)]

    act = (None, "no act of its own yet")
    created = track("a", "Lead Created", 1)
    assert said(created) == [("country", "country: not known"), ("size", "size: not known"), act]
    assert said(created, identify("a", 1, country="FR", size="many")) == [("size", "size: not known"), act]
    assert said(created, track("a", "Visited", 2), identify("a", 60, size=1.0), language="fr") == [
        ("country", "country : inconnu"), ("size", "size : inconnu"),
    ]  # fmt: skip
    assert said(*STORY) == []
    assert said(track("a", "Mail Sent", 1), language="fr")[-1] == (None, "encore aucun acte de sa part")


@pytest.fixture(scope="module")
def open_leads():
    """Leads of the market that are scored on day 149, with the log and their scores."""
    log = market.log()
    scores = score(market.bundle(), log, log.leads, [at(149)] * len(log.leads))
    return log, scores, [place for place in range(len(scores)) if scores.shown[place] >= 0]


def test_an_answer_about_one_lead_is_the_row_with_more(open_leads):
    log, scores, places = open_leads
    for place in places[:40]:
        row, whole = scores.row(place, "fr"), in_detail(scores, log, place, "fr")
        assert replace(
            whole, missing=None, comparisons=None, trend=None,
            reasons=tuple(replace(one, about=None, evidence=None) for one in whole.reasons),
        ) == row  # fmt: skip
        answer = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
        assert {*answer} - {*row.to_dict()} == {"missing", "comparisons", "trend"}
        for reason, short in zip(answer["reasons"], row.to_dict()["reasons"], strict=True):
            assert {*reason} - {*short} == {"about", "evidence"}
            assert reason["about"]
            assert len(reason["evidence"]) <= 3
            assert reason["group"] != OTHER_SIGNALS or reason["evidence"] == []


def test_who_is_not_scored_has_no_comparisons():
    log = log_of(track("a", "Lead Created", 1), track("b", "Visited", 1))
    scores = score(market.bundle(), log, ["a", "b", "nobody"], [NOW] * 3)
    early, not_started, nobody = (in_detail(scores, log, place) for place in range(3))
    assert (early.status, early.reasons, early.comparisons) == ("too_early", (), ())
    assert [one.trait for one in early.missing] == ["country", "size", None]
    assert (not_started.missing, not_started.comparisons) == (nobody.missing, nobody.comparisons) == ((), ())


@given(
    st.lists(st.tuples(st.sampled_from(["Visited", "Quote", "Mail Sent", "identify"]), st.floats(0, 49)), max_size=8),
    st.integers(0, 10_000),
)
def test_what_is_known_later_changes_no_answer(more, seed):
    """Late news of the lead's past and news of its future, put in any order among what was known."""
    rng = np.random.default_rng(seed)
    late = [
        identify("a", day, known=50 + rng.integers(0, 3), country="IT")
        if kind == "identify"
        else track("a", kind, day, known=50 + rng.integers(0, 3), value=9)
        for kind, day in more
    ]
    before, after = (
        log_of(*named(STORY)),
        log_of(*named(STORY), *(replace(e, event_id=f"z{n}") for n, e in enumerate(late))),
    )
    one, other = (in_detail(score(market.bundle(), log, ["a"], [NOW]), log).to_dict() for log in (before, after))
    assert one == other


def test_a_phrase_says_what_a_reason_rests_on_in_the_language_of_the_lead():
    quotes = tuple(Evidence("Quote", at(day), f"m-{day}") for day in (2, 1.5, 1))
    about = Reason("f", 1.0, 2.0, "x", "event:Quote", "Quote", quotes)
    assert rests_on(about, Words("en")) == "3 Jan 2026, 2 Jan 2026"
    assert rests_on(replace(about, about="Ce que fait le prospect"), Words("fr")) == (
        "Quote 3 janv. 2026, Quote 2 janv. 2026"
    )
    country = (Evidence("country", at(1), value="FR"),)
    assert rests_on(replace(about, about="country", evidence=country), Words("en")) == "since 2 Jan 2026"
    assert rests_on(replace(about, about="Its company", evidence=country), Words("en")) == "country since 2 Jan 2026"
    assert rests_on(replace(about, evidence=None), Words("en")) == ""


# Comparisons


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(whatif).failed == doctest.testmod(details).failed == 0


def test_only_acts_of_the_lead_are_compared():
    assert {*market.bundle().feature_set.kinds} >= {"Visited", "Quote", "Mail Sent", "Accepted", "Lead Created"}
    assert sorted(whatif.acts_of(market.bundle())) == ["Quote", "Visited"]
    careless = with_set(replace(market.bundle().feature_set, neutral=()))  # the playbook knows the journey by itself
    assert sorted(whatif.acts_of(careless)) == ["Quote", "Visited"]


def test_the_vector_is_that_of_a_store_which_holds_the_act(open_leads):
    log, scores, places = open_leads
    bundle, as_of, kinds = market.bundle(), at(149), whatif.acts_of(market.bundle())
    some = places[:: max(1, len(places) // 10)]
    mine = {log.leads[place] for place in some}
    events = [one for one in market.events() if one.lead_id in mine]
    for number, kind in enumerate(kinds):
        added = [
            replace(track(lead, kind, 0), event_id=f"~{lead}", occurred_at=as_of - 1, known_at=as_of - 1)
            for lead in sorted(mine)
        ]
        with Store("sqlite://", ("email",)) as store:
            store.append([*events, *added])
            stored = score(bundle, store.scan(), sorted(mine), [as_of] * len(mine))
        for place in some:
            features = scores.features[scores.scored[place]]
            code = int(log.codes([log.leads[place]])[0])
            found = whatif.vectors(bundle, log, code, as_of, features, kinds)[number]
            expected = stored.features[stored.scored[sorted(mine).index(log.leads[place])]]
            assert found.tobytes() == expected.tobytes()
            assert found.tobytes() != features.tobytes()


@given(st.data())
def test_any_history_gives_the_vector_of_a_store_which_holds_the_act(data):
    """With columns of every op: sequences, decays, people, colleagues, rates, a firm's own features."""
    beginning = data.draw(worlds.beginnings)
    events = data.draw(worlds.histories(beginning))
    as_of = data.draw(worlds.moments(beginning)) + 1
    feature_set = worlds.everything([("fair", beginning, 3, 1), ("Petit", beginning, 2, 1)])
    bundle, log = with_set(feature_set), log_of(*events)
    kinds = ["Quote", "Called", "Rare", "Mail Sent", "never seen"]
    for code, lead in enumerate(log.leads):
        seen = log.visible(code, as_of)
        if seen.start == seen.stop or log.merged_at[code] < as_of:
            continue
        found = whatif.vectors(bundle, log, code, as_of, vector(log, bundle, lead, as_of), kinds)
        for kind, row in zip(kinds, found, strict=True):
            act = replace(track(lead, kind, 0), event_id="~", occurred_at=as_of - 1, known_at=as_of - 1)
            assert row.tobytes() == vector(log_of(*events, act), bundle, lead, as_of).tobytes()


def vector(log, bundle, lead, as_of):
    code, moment = np.array([log.leads.index(lead)]), np.array([as_of])
    started = standing(log, bundle.playbook.journey, code, moment).started
    return compute.batch(log, bundle.feature_set, code, moment, started)[0]


def test_comparisons_are_the_acts_that_move_the_score_most(open_leads):
    log, scores, places = open_leads
    seen = 0
    for place in places[:60]:
        one = in_detail(scores, log, place)
        assert len(one.comparisons) <= whatif.SHOWN
        weights = [abs(compared.points) for compared in one.comparisons]
        assert weights == sorted(weights, reverse=True)
        assert all(weight >= whatif.LEAST for weight in weights)
        for compared in one.comparisons:
            code = int(log.codes([one.lead_id])[0])
            row = whatif.vectors(
                market.bundle(), log, code, one.as_of, scores.features[scores.scored[place]], [compared.kind]
            )
            moved = market.bundle().points(market.bundle().predict(row))[2][0] - one.score
            assert compared.points == pytest.approx(moved, abs=1e-9)
            assert compared.text == whatif.words(compared.kind, compared.points)
            seen += 1
    assert seen > 10


@pytest.mark.parametrize(
    ("points", "english", "french"),
    [
        (8.4, 'Leads like this one with "Quote" just now score 8 points higher.',
         "Les prospects semblables avec « Quote » à l'instant ont 8 points de plus."),
        (1.2, 'Leads like this one with "Quote" just now score 1 point higher.',
         "Les prospects semblables avec « Quote » à l'instant ont 1 point de plus."),
        (-1.0, 'Leads like this one with "Quote" just now score 1 point lower.',
         "Les prospects semblables avec « Quote » à l'instant ont 1 point de moins."),
        (-2.6, 'Leads like this one with "Quote" just now score 3 points lower.',
         "Les prospects semblables avec « Quote » à l'instant ont 3 points de moins."),
    ],
)  # fmt: skip
def test_a_comparison_is_told_as_one(points, english, french):
    assert whatif.words("Quote", points) == english
    assert whatif.words("Quote", points, "fr") == french
