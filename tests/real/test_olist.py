"""Thin data and late observation: Olist's leads, of which nothing is known but where they came from, and when.

Train on what was known before 15 February 2018; wins were first recorded on 5 December 2017, so nobody had been
followed for 90 days by then. Judge on the leads created after it.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from data.events import micros, parse_instant
from data.sources import EXAMPLES
from data.store import Store
from serving.scorer import score
from tests.histories import ingest
from tests.support import require_data
from training.backtest import backtest
from training.checks import check_names
from training.evaluate import BESIDE, OURS, judge_with, later_pairs, measure
from training.fit import fit, training_set
from training.metrics import auc, bootstrap
from veraison.playbook_file import load_playbook

pytestmark = pytest.mark.slow

ORIGIN = parse_instant("2018-02-15T00:00:00Z")
HORIZONS = (7, 30, 90)
LOGISTIC, BASE = "logistic regression", "base rate"


@pytest.fixture(scope="module")
def real():
    """The log as ingested, its playbook, a model of the origin, and what a look back says."""
    leads, deals = (
        require_data(f"olist/olist_{name}_dataset.csv.gz") for name in ("marketing_qualified_leads", "closed_deals")
    )
    book = load_playbook(EXAMPLES / "olist.playbook.toml")
    with Store("sqlite://", book.identity.keys) as store:
        refused = ingest(store, leads, EXAMPLES / "olist-leads.toml") + ingest(
            store, deals, EXAMPLES / "olist-deals.toml"
        )
        warnings = check_names(book, store.kinds())
        log, before, counts = store.scan(), store.newest() + 1, store.counts()
    figures = backtest(log, book, before=before, origins=[ORIGIN], peers=BESIDE, threads=1, draws=2).figures
    data = training_set(log, book, before=ORIGIN)
    bundle = fit(data, book, before=ORIGIN, threads=1)
    pairs = later_pairs(log, book, ORIGIN, before)
    judged = judge_with(bundle, log, ORIGIN, pairs, before, baselines=data, threads=1)
    return SimpleNamespace(
        refused=refused, warnings=warnings, counts=counts, log=log, book=book, data=data, figures=figures,
        bundle=bundle, judged=judged,
    )  # fmt: skip


def figure(real, model, horizon, metric):
    return real.figures.filter(model=model, horizon=horizon, metric=metric)["value"].item()


def test_everything_comes_in(real):
    assert real.refused == 0
    assert real.warnings == []
    assert real.counts["events"] == 2 * 8_000 + 842


def test_nothing_that_only_winners_have_is_a_feature(real):
    assert [trait.name for trait in real.bundle.feature_set.traits] == ["origin", "landing_page"]
    assert not any("won" in name or "segment" in name or "revenue" in name for name in real.bundle.feature_set.names)


def test_leads_enter_the_risk_set_when_wins_began_to_be_recorded(real):
    opened = micros(real.book.journey.observed_from)
    early = real.data.pairs.as_of < opened
    assert early.mean() > 0.3
    assert (real.data.outcomes.entry[early] > 0).all()
    assert (real.data.outcomes.entry[~early] == 0).all()
    assert not real.data.outcomes.settled(90).any()


def test_what_is_measured_is_what_is_served(real):
    pairs = real.judged.pairs[np.arange(0, len(real.judged.pairs), 50)]
    served = score(real.bundle, real.log, [real.log.leads[code] for code in pairs.lead], pairs.as_of)
    assert served.probability.tobytes() == real.judged.probability[OURS][::50].tobytes()
    assert (np.diff(served.probability, axis=1) >= 0).all()
    np.testing.assert_allclose(served.score, np.clip(served.base + served.points.sum(axis=1), 0, 100), atol=1e-9)


@pytest.mark.parametrize("days", HORIZONS)
def test_it_is_above_the_base_rate(real, days):
    for metric in ("auc", "log_loss", "ece"):
        told = ", ".join(f"{model} {figure(real, model, days, metric):.4f}" for model in (OURS, LOGISTIC, BASE))
        print(f"{days} d {metric}: {told}")
    assert figure(real, OURS, days, "auc") > 0.7
    assert figure(real, OURS, days, "log_loss") < figure(real, BASE, days, "log_loss")


@pytest.mark.parametrize("days", HORIZONS)
def test_its_log_loss_is_below_that_of_a_logistic_regression(real, days):
    assert figure(real, OURS, days, "log_loss") < figure(real, LOGISTIC, days, "log_loss")


@pytest.mark.parametrize("days", HORIZONS)
def test_it_ranks_as_a_logistic_regression_does(real, days):
    """With two categories and an age there is no more to be had: the difference is within its own interval."""
    happened, place = real.judged.outcomes.within(days), HORIZONS.index(days)
    ours, theirs = (real.judged.probability[model][:, place] for model in (OURS, LOGISTIC))
    low, high = bootstrap(
        lambda rows: auc(happened[rows], ours[rows]) - auc(happened[rows], theirs[rows]), real.judged.person, draws=60
    )
    print(f"AUC at {days} days, difference to the logistic regression: {low:+.4f} to {high:+.4f}")
    assert low < 0 < high
    assert high - low < 0.03  # narrow enough to say so


@pytest.mark.parametrize("days", HORIZONS)
def test_it_is_calibrated(real, days):
    assert figure(real, OURS, days, "ece") <= 0.02


def test_a_second_run_gives_the_same_figures(real):
    again = measure(real.judged, draws=2)
    assert again.equals(real.figures)
