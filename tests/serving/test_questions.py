"""What an answer would be worth, against the store: each is given, and the service asked what it scores then."""

from dataclasses import replace

import numpy as np
import pytest

from data.events import Event
from data.journey import Status
from features import compute
from features.catalogue import FeatureSet, TraitSpec
from features.ops import Op
from features.rates import RateHistory
from serving.dossier import Dossiers
from serving.leads import Leads
from serving.models import ModelHolder
from serving.questions import QUANTILES, questions, vectors
from serving.scorer import Scores, score
from tests.histories import at, identify, log_of, track
from tests.service import Door, door, market
from training.bundle import Bundle
from veraison.errors import UnknownLeadError


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("questions"))) as opened:
        yield opened


def scored(service: Door, events: tuple[Event, ...] = ()) -> Scores:
    """Everyone at the moment of the clock, had these events come in before."""
    service.store.append(events)
    log = service.log()
    return score(service.market.bundle, log, log.leads, [service.clock[0]] * len(log.leads))


def unknown(bundle: Bundle, row: np.ndarray) -> set[str]:
    names = bundle.feature_set.names
    return {
        one.name
        for one in bundle.feature_set.traits
        if f"missing__{one.name}" in names and row[names.index(f"missing__{one.name}")] == 1
    }


def test_each_answer_moves_the_score_as_far_as_if_it_had_come_in(tmp_path_factory: pytest.TempPathFactory):
    """Category by category and quantile by quantile, the kernel is asked with the answer in the store."""
    made = market()
    bundle, reference = made.bundle, made.bundle.reference
    traits = [one for one in bundle.feature_set.traits if one.kind in ("category", "number")]
    with door(made.copy(tmp_path_factory.mktemp("base"))) as base:
        before = scored(base)
        lead = next(
            one
            for place, one in enumerate(before.lead_ids)
            if before.shown[place] >= 0
            and len(unknown(bundle, before.features[before.shown[place]]) & {t.name for t in traits}) >= 2
        )
        at = before.shown[before.lead_ids.index(lead)]
        missing = unknown(bundle, before.features[at])
        asked = {
            one.trait: one
            for one in questions(bundle, before.features[at], float(before.score[at]), base.clock[0])
        }  # fmt: skip
        assert set(asked) <= missing
        checked = 0
        for trait in traits:
            if trait.name not in asked:
                continue
            column = reference[f"trait__{trait.name}"].drop_nulls().drop_nans().to_numpy()
            if trait.kind == "number":
                values = list(np.quantile(column, QUANTILES, method="inverted_cdf"))
                weights = np.full(len(values), 1 / len(values))
            else:
                codes, counts = np.unique(column, return_counts=True)
                values = [("a new one", *trait.categories)[int(code)] for code in codes]
                weights = counts / counts.sum()
            moved = [
                answered(made, bundle, lead, trait.name, value, tmp_path_factory) - float(before.score[at])
                for value in values
            ]  # fmt: skip
            one = asked[trait.name]
            assert (one.low, one.high) == (min(moved), max(moved))
            assert one.points == pytest.approx(float(np.abs(moved) @ weights), abs=1e-9)
            checked += 1
        assert checked >= 2


def answered(made, bundle, lead, name, value, factory) -> float:
    """What the lead scores in a market of its own in which it has just said so."""
    with made.copy(factory.mktemp("answered")).store() as store:
        moment = made.now - 1
        store.append([Event("answer", lead, "identify", "identify", moment, moment, traits={name: value})])
        told = score(bundle, store.history([lead]), [lead], [made.now])
    return float(told.score[0])


def test_an_answer_is_what_the_kernel_would_make_of_it():
    """Every column, bit for bit: the value, its absence, its age, how much is known, and the rate of its kind."""
    days = np.array([at(day) for day in (1, 2, 3, 4)])
    rate = RateHistory.build(
        "country", ("de", "fr"), np.array([1, 2, 2, 0]), days, np.ones(4, int), np.array([0, 1, 1, 0])
    )
    traits = (
        TraitSpec("country", "category", ("FR", "DE")),
        TraitSpec("size", "number"),
        TraitSpec("role", "category"),
    )
    neutral = ("identify", "Lead Created")
    asked = FeatureSet((7,), ("Visited",), (), neutral, (), traits, rates=(rate,))
    story = [track("L", "Lead Created", 5), track("L", "Visited", 6), identify("L", 6, role="buyer")]
    now, start = at(9), np.array([at(5)])

    def row(*answers: Event) -> np.ndarray:
        log = log_of(*story, *answers)
        return compute.batch(log, asked, log.codes(["L"]), np.array([now]), start)[0]

    before = row()
    for name, said in (("country", {1.0: "FR", 2.0: "DE", 0.0: "IT"}), ("size", {3.0: 3.0, 250.0: 250.0})):
        found = vectors(asked, before, name, tuple(said), now)
        for vector, answer in zip(found, said.values(), strict=True):
            event = replace(identify("L", 0, **{name: answer}), occurred_at=now - 1, known_at=now - 1)
            assert vector.tobytes() == row(event).tobytes(), (name, answer)
    rates = vectors(asked, before, "country", (1.0, 2.0, 0.0), now)[:, asked.names.index("rate__country")]
    assert len(set(rates.tolist())) == 3


def test_what_is_known_is_not_asked(service: Door):
    bundle, told = service.market.bundle, scored(service)
    for place in range(len(told)):
        at = int(told.shown[place])
        if at < 0:
            continue
        found = questions(bundle, told.features[at], float(told.score[at]), service.clock[0])
        assert {one.trait for one in found} <= unknown(bundle, told.features[at])
        assert [one.points for one in found] == sorted((one.points for one in found), reverse=True)
        for one in found:
            assert one.low <= one.high
            assert 0 <= one.points <= max(abs(one.low), abs(one.high)) + 1e-9


def test_a_trait_that_training_never_saw_is_not_asked(service: Door):
    bundle = service.market.bundle
    told = scored(service)
    at = next(int(one) for one in told.shown if one >= 0)
    features = told.features[at].copy()
    for place, one in enumerate(bundle.feature_set.features):
        if one.op is Op.missing:
            features[place] = 1
    blind = Bundle(**{name: getattr(bundle, name) for name in bundle.__dataclass_fields__} | {
        "reference": bundle.reference.drop([name for name in bundle.reference.columns if name.startswith("trait__")])
    })  # fmt: skip
    assert questions(bundle, features, 50.0, service.clock[0])
    assert questions(blind, features, 50.0, service.clock[0]) == ()


def test_the_curve_of_readiness_is_the_one_its_quantiles_are_of(service: Door):
    """Half of those ready within the longest horizon are so by ``ready_p50``; it never falls, nor below conversion."""
    bundle, told = service.market.bundle, scored(service)
    days, share = bundle.readiness_curve(told.features)
    assert share.shape == (len(told.features), len(days))
    assert days[0] == 0
    assert days[-1] == max(bundle.playbook.horizons.days)
    assert (share[:, 0] == 0).all()
    assert (np.diff(share, axis=1) >= 0).all()
    hazard = -np.log1p(-share)
    for row, (mine, ready) in enumerate(zip(hazard, told.ready, strict=True)):
        for level, day in zip((0.1, 0.5, 0.9), ready, strict=True):
            by_then = -np.expm1(-np.interp(day, days, mine))
            assert by_then == pytest.approx(level * share[row, -1], rel=1e-6)
        for place, horizon in enumerate(bundle.playbook.horizons.days):
            assert np.interp(horizon, days, share[row]) >= told.probability[row, place] - 1e-9


def test_one_lead_has_a_curve_until_sales_accept_it(service: Door):
    leads = Leads(service.store, ModelHolder(service.market.workspace), service.market.playbook, lambda: 0)
    dossiers, told = Dossiers(service.store), scored(service)
    seen = set()
    for place, lead in enumerate(told.lead_ids):
        if told.status[place] is Status.unknown:
            with pytest.raises(UnknownLeadError):
                dossiers.readiness(leads, lead, service.clock[0])
            continue
        curve = dossiers.readiness(leads, lead, service.clock[0])
        row = told.row(place)
        assert (curve is not None) == (row.ready is not None)
        seen.add(curve is None)
    assert seen == {True, False}
