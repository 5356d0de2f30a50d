"""An honest measure: nothing of the future trains, the baselines stand on the same pairs, and truth can be told."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from data.events import MICROS_PER_DAY, instant
from data.simulator import simulate
from data.store import Store
from serving.scorer import score
from tests import market
from tests.histories import at, identify, ingest, log_of, playbook, track
from training import metrics
from training.backtest import backtest
from training.evaluate import BESIDE, OURS, judge, measure
from training.fit import fit, training_set
from training.jobs import default_origins
from training.landmarks import Outcomes, conversions
from training.peers.classifiers import Logistic
from training.peers.tables import BaseRate
from veraison.errors import TrainingError
from veraison.playbook import Horizons
from veraison.playbook_file import load_playbook

ORIGIN, BEFORE = at(80), at(150)
BOOK = market.BOOK.model_copy(update={"horizons": Horizons(days=(7, 30), primary=30)})


@pytest.fixture(scope="module")
def judged():
    return judge(market.log(), BOOK, ORIGIN, BEFORE, threads=1)


@pytest.fixture(scope="module")
def figures(judged):
    return measure(judged, draws=30)


def value(figures, model, horizon, metric, column="value"):
    found = figures.filter(model=model, horizon=horizon, metric=metric)
    assert len(found) == 1
    return found[column][0]


# --- sides ----------------------------------------------------------------------------------------------------------


def test_a_model_is_the_same_whatever_became_known_after_its_snapshot():
    known = [event for event in market.events() if event.known_at < ORIGIN]
    later = [event for event in market.events() if event.known_at >= ORIGIN]
    for lead in range(60):  # of the past, but known too late: a win, an act and a country that nobody had heard of
        late = [track(f"L{lead:04d}", kind, 75, known=80 + lead / 100) for kind in ("Deal Won", "Newly Named")]
        late.append(identify(f"L{lead:04d}", 75, known=80 + lead / 100, country="XX"))
        later += [replace(event, event_id=f"late-{lead}-{n}") for n, event in enumerate(late)]
    logs = [log_of(*events, keys=("email",)) for events in (known, [*known, *later])]
    versions = {fit(training_set(log, BOOK, before=ORIGIN), BOOK, before=ORIGIN, threads=1).version for log in logs}
    assert len(versions) == 1


def test_the_test_pairs_are_later_leads_followed_for_the_longest_horizon(judged):
    assert len(judged.pairs) > 100
    assert (judged.pairs.born >= ORIGIN + MICROS_PER_DAY).all()
    assert (judged.pairs.as_of + 30 * MICROS_PER_DAY <= BEFORE).all()
    assert judged.outcomes.settled(30).all()
    trained = training_set(market.log(), BOOK, before=ORIGIN)
    assert not {*trained.pairs.lead.tolist()} & {*judged.pairs.lead.tolist()}


def test_outcomes_are_those_known_at_the_snapshot(judged):
    outcomes, usable = conversions(market.log(), BOOK, judged.pairs, BEFORE)
    assert usable.all()
    np.testing.assert_array_equal(outcomes.within(30), judged.outcomes.within(30))


def test_without_later_leads_there_is_nothing_to_judge_on():
    with pytest.raises(
        TrainingError, match="no lead created after 2026-05-01 was followed for 30 days before 2026-05-31"
    ):
        judge(market.log(), BOOK, at(120), BEFORE, threads=1)


# --- figures --------------------------------------------------------------------------------------------------------


def test_every_figure_is_the_metric_of_its_pairs(judged, figures):
    for model, probability in judged.probability.items():
        for place, days in enumerate((7, 30)):
            happened = judged.outcomes.within(days)
            for metric, of in metrics.METRICS.items():
                assert value(figures, model, days, metric) == pytest.approx(
                    of(happened, probability[:, place]), rel=1e-9
                )
            assert value(figures, model, days, "auc", "events") == happened.sum()
    assert set(figures["model"]) == {OURS, *BESIDE}
    assert set(figures["pairs"]) == {len(judged.pairs)}
    assert set(figures["leads"]) == {len(set(judged.person.tolist()))}
    assert set(figures["origin"]) == {instant(ORIGIN)}


def test_intervals_hold_their_value(figures):
    told = figures.filter(pl.col("metric").is_in(["auc", "log_loss", "brier"]))
    assert (told["low"] <= told["value"]).all()
    assert (told["value"] <= told["high"]).all()
    uneven = told.filter(pl.col("model") == OURS)
    assert (uneven["low"] < uneven["high"]).all()


def test_a_base_rate_ranks_nobody(figures):
    for days in (7, 30):
        assert value(figures, "base rate", days, "auc") == 0.5
    assert value(figures, "base rate", 0, "concordance") == 0.5


def test_concordance_and_times_are_of_the_same_pairs(judged, figures):
    stop, happened = np.minimum(judged.outcomes.duration, 30), judged.outcomes.within(30)
    risk = judged.probability[OURS][:, -1]
    assert value(figures, OURS, 0, "concordance") == pytest.approx(metrics.concordance(stop, happened, risk), rel=1e-9)
    ripe = judged.ripening.within(30) & (judged.ripening.duration > 0) & ~judged.pairs.ready
    days, ready = judged.ripening.duration[ripe], judged.ready[ripe]
    inside = (days >= ready[:, 0]) & (days <= ready[:, 2])
    assert value(figures, OURS, 0, "interval_coverage") == pytest.approx(inside.mean())
    assert value(figures, OURS, 0, "timing_error_days") == pytest.approx(np.abs(days - ready[:, 1]).mean())
    assert value(figures, OURS, 0, "interval_coverage", "events") == ripe.sum()


def test_looking_back_gives_one_fold_an_origin_and_the_same_figures_again(figures):
    again = backtest(market.log(), BOOK, before=BEFORE, origins=[ORIGIN], peers=BESIDE, threads=1, draws=30)
    assert again.figures.equals(figures)


def test_origins_leave_enough_on_both_sides():
    origins = default_origins(market.log(), BOOK, BEFORE, folds=3)
    assert origins
    assert origins == sorted(set(origins))
    for origin in origins:
        assert training_set(market.log(), BOOK, before=origin).converted >= 40
        assert judge(market.log(), BOOK, origin, BEFORE, threads=1).outcomes.within(30).sum() >= 10


def test_a_short_history_says_that_it_is_too_short():
    with pytest.raises(TrainingError, match="history is too short to look back: before 2026-02-05T00:00:00Z no origin"):
        backtest(market.log(), BOOK, before=at(35), threads=1)


def test_origins_count_people_as_training_does():
    """Forty visitors who are twenty customers are twenty conversions."""
    book = playbook(journey={"created": []}, horizons={"days": [7], "primary": 7}, training={"min_conversions": 30})
    events = []
    for n in range(40):
        who = f"c{n // 2}"
        events += [
            track(f"v{n}", "Visited", n),
            replace(track(who, "alias", n + 0.1, type_="alias"), previous_id=f"v{n}"),
        ]
        events += [track(who, "Deal Won", n + 3)]
    later = [event for n in range(40) for event in (track(f"l{n}", "Visited", 60), track(f"l{n}", "Deal Won", 61))]
    log = log_of(*events, *later)
    assert default_origins(log, book, at(100), folds=3) == []


# --- baselines ------------------------------------------------------------------------------------------------------


def outcomes_of(duration, event, followed, entry=0.0):
    count = len(duration)
    return Outcomes(np.full(count, entry), np.array(duration, float), np.array(event), np.full(count, float(followed)))


def test_the_base_rate_is_the_share_of_those_followed_long_enough():
    short = outcomes_of([1, 5, 6, 20], [True, True, False, False], 20)
    rate = BaseRate.fit(np.zeros((4, 1)), short, (3, 10, 30), [])
    assert rate.predict(np.zeros((2, 1))).tolist() == [[0.25, 0.5, 0.5]] * 2  # nobody was followed for 30 days


def test_logistic_regression_learns_what_is_there_to_learn():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4_000, 3))
    features[rng.random(4_000) < 0.2, 1] = np.nan
    features[:, 2] = rng.integers(0, 4, 4_000)
    chance = 1 / (1 + np.exp(2 - 1.5 * features[:, 0] - (features[:, 2] == 3)))
    event = rng.random(4_000) < chance
    model = Logistic.fit(features, outcomes_of(np.where(event, 5.0, 40.0), event, 40), (3, 7, 90), [2])
    found = model.predict(features)
    assert np.abs(found[:, 1] - chance).mean() < 0.02
    assert roc_auc_score(event, found[:, 1]) > roc_auc_score(event, chance) - 0.01
    assert (found[:, 0] < 1e-3).all()  # nobody converts within 3 days
    np.testing.assert_array_equal(found[:, 2], found[:, 1])  # nobody was followed for 90 days: the shorter one again


# --- the truth ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Scores of a simulated market's later leads, beside their true probabilities and what happened."""
    made = simulate(tmp_path_factory.mktemp("sim") / "market.ndjson", leads=3_000, days=365, seed=7)
    book = load_playbook(made.playbook_path)
    with Store("sqlite://", book.identity.keys) as store:
        assert ingest(store, made.events_path) == 0
        log = store.scan()
    truth = pl.read_parquet(made.truth_path).with_columns(pl.col("as_of").dt.epoch("us"))
    start = truth["as_of"].min() // MICROS_PER_DAY * MICROS_PER_DAY
    origin, end = start + 240 * MICROS_PER_DAY, start + 365 * MICROS_PER_DAY
    bundle = fit(training_set(log, book, before=origin), book, before=origin, threads=1)
    pairs = truth.filter(pl.col("as_of").min().over("lead_id") >= origin + MICROS_PER_DAY)
    scores = score(bundle, log, pairs["lead_id"].to_list(), pairs["as_of"].to_numpy())
    assert {status.name for status in scores.status} == {"scored"}
    won = log.occurred[log.kind == log.kinds.index("Deal Won")]
    winner = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))[log.kind == log.kinds.index("Deal Won")]
    wins = dict(zip((log.leads[code] for code in winner), won.tolist(), strict=True))
    days_to_win = np.array([(wins.get(lead, 2**62) - as_of) / MICROS_PER_DAY for lead, as_of, *_ in pairs.iter_rows()])
    followed = (end - pairs["as_of"].to_numpy()) / MICROS_PER_DAY
    ours = scores.probability[scores.scored]
    return {
        days: (days_to_win[followed >= days] <= days, ours[followed >= days, place],
               pairs[f"p_{days}d"].to_numpy()[followed >= days])
        for place, days in enumerate((7, 30, 90))
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("days", "margin"), [(7, 0.08), (30, 0.05), (90, 0.1)])
def test_later_leads_are_ranked_nearly_as_well_as_the_truth_ranks_them(told, days, margin):
    happened, ours, truth = told[days]
    print(f"{days} d: {len(ours)} pairs, {happened.sum()} won; AUC {metrics.auc(happened, ours):.3f}, "
          f"of the truth {metrics.auc(happened, truth):.3f}")  # fmt: skip
    assert metrics.auc(happened, ours) > metrics.auc(happened, truth) - margin
    assert np.corrcoef(ours, truth)[0, 1] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("days", [7, 30, 90])
def test_probabilities_are_near_the_true_ones(told, days):
    happened, ours, truth = told[days]
    loss = {name: metrics.logarithmic_loss(happened, p) for name, p in (("ours", ours), ("truth", truth))}
    loss["base"] = metrics.logarithmic_loss(happened, np.full(len(truth), truth.mean()))
    print(f"{days} d: mean {ours.mean():.4f}, of the truth {truth.mean():.4f}, seen {happened.mean():.4f}; "
          f"ECE {metrics.ece(happened, ours):.4f}; log-loss {loss}")  # fmt: skip
    assert loss["ours"] < loss["base"]
    assert ours.mean() == pytest.approx(truth.mean(), rel=0.3)  # of 180 conversions that it learned from
    assert metrics.ece(happened, ours) < metrics.ece(happened, truth) + 0.02
