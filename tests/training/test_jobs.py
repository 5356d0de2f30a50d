"""The job of training: what a run's record says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from data.record import Record
from tests import market
from training.jobs import train


def test_the_record_of_a_run_says_the_settings_it_was_trained_with(tmp_path):
    said = {}

    def register(_bundle, **words):
        said.update(words["params"])
        return SimpleNamespace()

    settings = market.BOOK.training.model.model_copy(update={"rounds": 3, "learning_rate": 0.05})
    book = market.BOOK.model_copy(
        update={"training": market.BOOK.training.model_copy(update={"model": settings, "min_fidelity": 0.0})}
    )
    registry = SimpleNamespace(register=register)
    train(market.log(), book, registry, before=market.SNAPSHOT, reports=tmp_path, threads=1)  # type: ignore[arg-type]
    assert (said["rounds"], said["learning_rate"], said["num_leaves"]) == (3, 0.05, 7)


def test_a_model_keeps_what_became_of_the_test_leads(tmp_path):
    kept = []
    registry = SimpleNamespace(register=lambda bundle, **_: kept.append(bundle) or SimpleNamespace())
    quick = market.BOOK.training.model_copy(update={"min_fidelity": 0.0})
    found = train(
        market.log(), market.BOOK.model_copy(update={"training": quick}), registry,  # type: ignore[arg-type]
        before=market.SNAPSHOT, reports=tmp_path, threads=1,
    )  # fmt: skip
    told, days = Record.from_dict(kept[0].facts["record"]), market.BOOK.horizons.primary
    assert found.judged is not None
    person, won = found.judged.person, found.judged.outcomes.within(days)
    assert (told.days, told.everyone.leads) == (days, len(set(person.tolist())))
    first = {}
    for who, moment, came in zip(person.tolist(), found.judged.pairs.as_of.tolist(), won.tolist(), strict=True):
        first[who] = min(first.get(who, (moment, came)), (moment, came))
    assert told.everyone.won == sum(came for _, came in first.values())
    assert sum(band.leads for band in told.bands) >= told.everyone.leads
    assert kept[0].version == replace(kept[0], facts={"as_of": kept[0].facts["as_of"]}).version


def test_a_score_is_that_of_its_probability():
    bundle, features = market.bundle(), market.data().features[:50]
    prediction = bundle.predict(features)
    scores = bundle.score_of(prediction.probability[:, bundle.primary])
    np.testing.assert_allclose(scores, bundle.points(prediction)[2], atol=1e-9)
