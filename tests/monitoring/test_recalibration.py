"""Recalibration: evidence that chance seldom makes, levels that fit what came, a renewal that survives its crashes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.events import parse_instant
from monitoring import policy, recalibration, renewal
from monitoring.causes import Cause
from monitoring.conversions import ALL, OPTIMISM, Conversions
from monitoring.expected import conversions
from monitoring.journal import Journal
from monitoring.progress import Work, begin, unfinished
from monitoring.recalibration import EVIDENCE, Weighed, evidence, weigh
from tests import market
from tests.histories import at, log_of
from tests.monitoring.test_expected import BOOK, NOW, SNAPSHOT, events, judged
from training.bundle import Bundle
from training.levels import Level
from training.registry import CHALLENGER, CHAMPION, Registered
from veraison.playbook import Playbook


def weighed(as_of: int = NOW) -> tuple[Conversions, list[Weighed]]:
    found = judged(collapsed=True, as_of=as_of)
    return found, weigh(found, market.bundle(), trait="country", as_of=as_of)


# --- evidence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.3, 3.0, 30.0])
def test_chance_seldom_makes_evidence_even_for_who_looks_every_week(mean: float):
    rng = np.random.default_rng(3)
    promised = np.full(26, mean)
    ever = [
        max(evidence(counts[:weeks], promised[:weeks]) for weeks in range(1, 27)) >= EVIDENCE
        for counts in rng.poisson(mean, (400, 26)).astype(float)
    ]
    assert np.mean(ever) <= 1 / EVIDENCE + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_a_halved_rate_makes_evidence():
    counts = np.random.default_rng(3).poisson(6.0, (200, 8)).astype(float)
    assert np.mean([evidence(one, np.full(8, 12.0)) >= EVIDENCE for one in counts]) > 0.9


def test_evidence_is_the_chain_of_predictions():
    """Against the closed form: the marginal likelihood of gamma-Poisson counts, over the Poisson's."""
    from scipy.special import gammaln  # noqa: PLC0415 (an oracle of this test alone)

    counts, means, prior = np.array([3.0, 0.0, 7.0]), np.array([5.0, 2.0, 4.0]), OPTIMISM
    shape, rate = prior + counts.sum(), prior + means.sum()
    marginal = (
        prior * np.log(prior) - gammaln(prior) + gammaln(shape) - shape * np.log(rate)
        + (counts * np.log(means) - gammaln(counts + 1)).sum()
    )  # fmt: skip
    plain = (counts * np.log(means) - means - gammaln(counts + 1)).sum()
    assert evidence(counts, means) == pytest.approx(np.exp(marginal - plain))


# --- levels -----------------------------------------------------------------------------------------------------------


def test_a_source_that_goes_bad_gets_its_own_level():
    found, levels = weighed()
    assert levels
    assert {one.level.name for one in levels} == {"country=FR"}
    assert {one.level.event for one in levels} <= {"converted", "ready"}
    for one in levels:
        assert one.level.factor < 0.6
        assert one.level.low < one.level.factor < one.level.high < 1
        assert one.evidence >= EVIDENCE
        assert at(100) <= one.level.onset <= at(125)
        assert one.level.learned == NOW
    assert "times as many" in levels[0].sentence()
    assert "of 'FR'" in levels[0].sentence()
    assert {policy.unexpected(found)[0].kind} == {"conversions"}


def test_a_calm_market_gets_none():
    assert weigh(judged(collapsed=False), market.bundle(), trait="country", as_of=NOW) == []
    assert weigh(None, market.bundle(), trait="country", as_of=NOW) == []


def test_a_source_the_model_has_no_column_for_gets_none():
    assert weigh(judged(collapsed=True), market.bundle(), trait="continent", as_of=NOW) == []


def test_at_its_new_level_the_weeks_that_follow_are_as_expected():
    soon = at(150)
    _, levels = weighed(soon)
    assert levels
    log, old = log_of(*events(True)), judged(collapsed=True)
    nobody = tuple(replace(one.level, factor=1e-3) for one in levels)  # as in this market
    relevelled = replace(market.bundle(), levels=nobody, saved_as=None)
    found = conversions(log, relevelled, BOOK, snapshot=SNAPSHOT, as_of=NOW, threads=1)
    assert found is not None
    assert int(found.starts[0]) >= soon, "what the level was learned from is not held against it"
    assert "FR" not in {one.name for one in found.alarms}
    for name in ("FR", "DE"):
        for event in {one.level.event for one in levels}:
            before, after = (
                next(one for one in each.series if (one.name, one.event) == (name, event)) for each in (old, found)
            )
            late = slice(-len(after.observed), None)
            assert after.observed.tolist() == before.observed[late].tolist()
            share = after.promised.sum() / before.promised[late].sum()
            assert share < 0.01 if name == "FR" else share == pytest.approx(1, rel=0.2)


# --- a level that goes on learning ------------------------------------------------------------------------------------

HALVED = Level(ALL, "converted", 0.5, 0.35, 0.68, "2026-01-05T00:00:00Z", "2026-02-02T00:00:00Z", 60.0, 27)


def since(observed: list[int], promised: list[float], name: str = ALL) -> Conversions:
    """Weeks since a level was set; `promised` at that level."""
    whole = judged(collapsed=False)
    one = next(series for series in whole.series if series.event == "converted")
    counts, means = np.array(observed, dtype=float), np.array(promised)
    return replace(whole, series=[replace(one, name=name, observed=counts, promised=means)])


def at_level(*levels: Level) -> Bundle:
    return replace(market.bundle(), levels=levels, saved_as=None)


def revised(found: Conversions | None, *levels: Level) -> list[Level]:
    return [one.level for one in recalibration.revise(found, at_level(*levels), as_of=NOW)]


def test_a_level_is_learned_on_from_the_weeks_since():
    (one,) = revised(since([10, 12, 11, 9], [7.5] * 4), HALVED)
    assert one.observed == 27 + 42
    assert one.expected == pytest.approx(60 + 30 / 0.5), "what the trees alone say of those weeks"
    assert one.factor == pytest.approx((OPTIMISM + 69) / (OPTIMISM + 120), abs=1e-4)
    assert one.low < one.factor < one.high
    assert (one.since, one.learned) == (HALVED.since, NOW)


@pytest.mark.parametrize(
    ("observed", "promised", "why"),
    [
        ([10, 12], [5.0, 6.0], "fewer outcomes came than it rests on"),
        ([9, 8, 7, 8], [7.5] * 4, "it is the same to a tenth"),
        ([0, 0, 0, 30], [6.0] * 4, "learning on foretold the weeks worse"),
    ],
)
def test_a_level_stays_where_nothing_is_gained(observed: list[int], promised: list[float], why: str):
    assert revised(since(observed, promised), HALVED) == [], why


def test_a_level_of_nobody_is_not_learned_on_from_nobody():
    """Nothing came before it and nothing since: as many again, yet nothing to learn from."""
    none = replace(HALVED, factor=0.1, expected=54.0, observed=0)
    assert revised(since([0, 0, 0, 0], [6.0] * 4), none) == []


def test_the_last_level_of_the_same_leads_is_the_one_that_goes_on():
    later = replace(HALVED, factor=1.9, since="2026-02-09T00:00:00Z", until="2026-03-02T00:00:00Z")
    (one,) = revised(since([4, 5, 6, 5, 9], [10.0] * 5), HALVED, later)
    assert one.since == later.since
    assert one.factor < 1.6
    assert revised(None, HALVED) == revised(since([10, 12, 11, 9], [7.5] * 4, name="FR"), HALVED) == []


def test_learning_on_comes_nearer_to_the_truth():
    """Firms whose rate fell to .62, each set to what five weeks of it said, then watched for ten more."""
    rng, truth, weekly = np.random.default_rng(5), 0.62, 12.0
    off: list[tuple[float, float]] = []
    for _ in range(200):
        seen = int(rng.poisson(5 * weekly * truth))
        factor = (OPTIMISM + seen) / (OPTIMISM + 5 * weekly)
        first = replace(HALVED, factor=factor, expected=5 * weekly, observed=seen)
        counts = rng.poisson(weekly * truth, 10).tolist()
        then = revised(since(counts, [weekly * factor] * 10), first)
        off.append((np.log(factor / truth), np.log((then[0].factor if then else factor) / truth)))
    before, after = np.sqrt(np.mean(np.square(off), axis=0))
    assert after < 0.75 * before


def test_what_is_revised_takes_the_place_of_what_it_goes_on_from(tmp_path: Path):
    other = replace(HALVED, name="country=FR")
    champion = at_level(HALVED, other)
    (better,) = recalibration.revise(since([10, 12, 11, 9], [7.5] * 4), champion, as_of=NOW)
    (cause,) = recalibration.known_better([better], champion)
    assert cause.acts
    assert cause.sentence() == (
        "the level that has held since about 2026-01-05 is known better: 0.60 times as many conversions instead of 0.50"
    )
    nothing: Any = None
    work = Work(nothing, nothing, BOOK, tmp_path, Journal(tmp_path / "log.jsonl"))
    begun = begin(work, champion, as_of=NOW, before=SNAPSHOT, onset=None, causes=[], levels=[better.to_dict()])
    recalibration.relevel(work, begun, champion, NOW)
    assert Bundle.load(tmp_path / "renewal" / begun.name / "bundle").levels == (other, better.level)


# --- policy -----------------------------------------------------------------------------------------------------------

PRICE = Cause("conversions", ALL, True)


@pytest.mark.parametrize(
    ("causes", "decided", "helps"),
    [
        ([PRICE], "hold", True),
        ([PRICE], "retrain", True),
        ([PRICE, Cause("calibration", "observed_to_expected", True)], "retrain", True),
        ([Cause("level", ALL, True)], "none", True),
        ([Cause("level", ALL, True), Cause("bots", "all events", True)], "hold", False),
        ([PRICE, Cause("score", "probability", True)], "hold", True),
        ([PRICE, Cause("score", "probability", True)], "retrain", False),
        ([PRICE, Cause("category_new", "source=TV", True)], "retrain", True),
        ([PRICE, Cause("category_new", "source=Fair", True)], "retrain", False),
        ([Cause("score", "probability", True)], "hold", False),
        ([PRICE, Cause("bots", "all events", True)], "hold", False),
        ([PRICE, Cause("event_silent", "Deal Won", True)], "hold", False),
        ([replace(PRICE, acts=False)], "none", False),
    ],
)
def test_a_level_helps_where_nothing_is_to_be_repaired(causes: list[Cause], decided: Any, helps: bool):
    assert policy.level_helps(causes, BOOK, decided, frozenset({"source=Fair"})) is helps


def test_the_playbook_can_switch_it_off():
    book = BOOK.model_copy(update={"monitoring": BOOK.monitoring.model_copy(update={"recalibrate": False})})
    assert not policy.level_helps([PRICE], book, "hold", frozenset())


# --- the renewal ------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The process ends here."""


class Shelf:
    """A registry in memory."""

    def __init__(self) -> None:
        self.bundles: list[Bundle] = [market.bundle()]
        self.aliases: dict[str, int] = {CHAMPION: 1}

    def versions(self) -> list[Registered]:
        return [
            Registered(number, one.version, "run", tuple(a for a, n in self.aliases.items() if n == number))
            for number, one in enumerate(self.bundles, 1)
        ]

    def register(self, bundle: Bundle, **_: Any) -> Registered:
        self.bundles.append(bundle)
        return self.versions()[-1]

    def load(self, number: int) -> Bundle:
        return self.bundles[number - 1]

    def assign(self, alias: str, number: int) -> None:
        self.aliases[alias] = number


def renewed(folder: Path, *, dies_before: str = "", **rules: Any) -> tuple[Shelf, renewal.Renewal | None, Work]:
    """A recalibration from its beginning; where it dies, once more from the journal."""
    shelf = Shelf()
    book = Playbook.model_validate(
        BOOK.model_dump() | {"monitoring": BOOK.monitoring.model_dump() | rules}
    )  # fmt: skip

    def go_on(step: str) -> None:
        if step == dies_before:
            raise Died

    registry: Any = shelf
    work = Work(log_of(*events(True)), registry, book, folder, Journal(folder / "log.jsonl"), go_on=go_on)
    levels = [one.to_dict() for one in weighed()[1]]
    champion = market.bundle()
    told = None
    try:
        begun = begin(work, champion, as_of=NOW, before=SNAPSHOT, onset=None, causes=["fewer"], levels=levels)
        told = renewal.carry_on(work, begun, champion, as_of=NOW)
    except Died:
        again = replace(work, go_on=lambda _: None)
        left = unfinished(again.journal.read())
        if left is not None:
            assert renewal.why_abandon(again, left, champion.version) is None
            told = renewal.carry_on(again, left, champion, as_of=NOW)
    return shelf, told, work


def test_it_serves_the_same_trees_at_another_level(tmp_path: Path):
    shelf, told, _ = renewed(tmp_path)
    assert told is not None
    assert (told.action, told.promoted, told.gate) == ("promoted", True, None)
    assert told.levels is not None
    assert "The same model at another level" in told.sentence
    served = shelf.load(shelf.aliases[CHAMPION])
    assert served.version == told.challenger != market.bundle().version
    assert [one.name for one in served.levels] == ["country=FR"] * len(served.levels)
    assert served.explained.booster.model_to_string() == market.bundle().explained.booster.model_to_string()
    assert "record" not in served.facts
    assert parse_instant(served.facts["as_of"]) == parse_instant(market.bundle().facts["as_of"])


@pytest.mark.parametrize("step", ["trained", "registered", "beside", "shadow", "settled"])
def test_killed_before_any_step_it_comes_to_the_same_end(tmp_path: Path, step: str):
    calm = renewed(tmp_path / "calm")[1]
    shelf, told, work = renewed(tmp_path / "killed", dies_before=step)
    assert told == calm
    assert shelf.aliases == {CHAMPION: 2, CHALLENGER: 2}
    assert len(shelf.bundles) == 2
    names = [one.name for one in work.journal.read().steps]
    assert names == ["started", "trained", "registered", "beside", "shadow", "settled"]


def test_a_person_can_be_asked_first(tmp_path: Path):
    shelf, told, _ = renewed(tmp_path, promote="ask")
    assert told is not None
    assert (told.action, told.promoted, shelf.aliases[CHAMPION]) == ("asks", False, 1)


def test_mlflow_takes_the_names_of_its_figures():
    level = Level("source=Ads & Co (née «x»)", "converted", 0.5, 0.4, 0.6, "2026-01-01", "2026-02-01", 40.0, 20)
    names = recalibration.figures([Weighed(level, 25.0).to_dict()])
    assert set(names.values()) == {0.5, 25.0}
    from mlflow.utils.validation import _validate_metric_name  # noqa: PLC0415 (MLflow's own rule is the oracle)

    for name in names:
        _validate_metric_name(name)
