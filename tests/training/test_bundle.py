"""The one artefact: it adds up, replays to the bit, is named by its content, and says clearly when it is broken."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from serving.scorer import score
from tests import market
from training.bundle import FORMAT, Bundle
from training.fit import fit, training_set
from training.hazard import HazardModel
from veraison.errors import ModelError, TrainingError

PER_UNIT = 10 / np.log(2)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return market.bundle()


@pytest.fixture(scope="module")
def rows():
    """Training landmarks, and rows such as nobody has seen."""
    features = market.data().features
    strange = np.full((4, features.shape[1]), np.nan)
    strange[1:] = np.array([[0.0], [1e12], [-1e12]])
    return np.concatenate([features, strange])


@pytest.fixture
def saved(bundle, tmp_path):
    bundle.save(tmp_path / "model")
    return tmp_path / "model"


def same(one, other):
    """Whether two predictions are equal to the bit."""
    names = ("log_odds", "contributions", "probability", "interval", "ready")
    return one.base == other.base and all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in names)


# --- what it predicts -----------------------------------------------------------------------------------------------


def test_a_score_is_its_base_and_its_points_and_its_probability(bundle, rows):
    found = bundle.predict(rows)
    base, points, score = bundle.points(found)
    np.testing.assert_allclose(score, np.clip(base + points.sum(axis=1), 0, 100), atol=1e-9)
    odds = found.probability[:, bundle.primary] / (1 - found.probability[:, bundle.primary])
    np.testing.assert_allclose(score, np.clip(50 + 10 * np.log2(odds / bundle.base_odds), 0, 100), atol=1e-9)


def test_fifty_is_the_typical_lead_and_ten_points_double_the_odds(bundle):
    found = bundle.predict(market.data().features)
    _, _, score = bundle.points(found)
    inside = (score > 0) & (score < 100)
    np.testing.assert_allclose(found.log_odds[inside], np.log(bundle.base_odds) + (score[inside] - 50) / PER_UNIT)
    assert found.log_odds.mean() == pytest.approx(np.log(bundle.base_odds))


def test_horizons_never_cross_and_the_primary_one_is_the_explained_one(bundle, rows):
    found = bundle.predict(rows)
    assert (np.diff(found.probability, axis=1) >= 0).all()
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    np.testing.assert_allclose(found.probability[:, bundle.primary], 1 / (1 + np.exp(-found.log_odds)), rtol=1e-14)


def test_days_to_readiness_rise_and_lie_within_the_longest_horizon(bundle, rows):
    ready = bundle.predict(rows).ready
    assert (np.diff(ready, axis=1) >= 0).all()
    assert ((ready > 0) & (ready <= 60)).all()


def test_readiness_is_never_later_than_conversion(bundle, rows):
    assert bundle.readiness is not None
    converting = replace(bundle, readiness=None).predict(rows).ready  # where there is none, readiness is conversion
    never, at_once = (replace(bundle.readiness, rates=bundle.readiness.rates * factor) for factor in (1e-9, 1e9))
    np.testing.assert_allclose(replace(bundle, readiness=never).predict(rows).ready, converting, rtol=1e-9)
    assert (replace(bundle, readiness=at_once).predict(rows).ready[:, 1] < converting[:, 1]).all()


def test_a_rows_bits_do_not_depend_on_how_many_are_asked_for_nor_on_threads(bundle, rows):
    together = bundle.predict(rows)
    assert same(together, bundle.predict(rows, threads=2))
    assert same(together, bundle.predict(np.asfortranarray(rows)))
    for place in (0, 5, len(rows) - 4, len(rows) - 1):
        alone = bundle.predict(rows[place : place + 1])
        for name in ("log_odds", "contributions", "probability", "interval", "ready"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[place].tobytes()


def test_nothing_asked_nothing_said(bundle, rows):
    found = bundle.predict(rows[:0])
    assert found.probability.shape == (0, 3)
    assert [len(part) for part in bundle.points(found)[1:]] == [0, 0]


# --- what it is called ----------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_version_and_bytes_whatever_the_threads(bundle, tmp_path):
    again = fit(training_set(market.log(), market.BOOK, before=market.SNAPSHOT), market.BOOK, before=market.SNAPSHOT)
    assert again.version == bundle.version
    for one, folder in ((bundle, "a"), (again, "b")):
        one.save(tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_the_version_begins_with_the_day_of_the_snapshot(bundle):
    assert bundle.version.startswith("2026-05-31-")


def shifted(model: HazardModel) -> HazardModel:
    return replace(model, rates=np.nextafter(model.rates, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda b: {"base_odds": np.nextafter(b.base_odds, 1)},
        lambda b: {"playbook": b.playbook.model_copy(update={"training": market.playbook().training})},
        lambda b: {"feature_set": replace(b.feature_set, time_zone="Europe/Paris")},
        lambda b: {"conversion": shifted(b.conversion)},
        lambda b: {"conversion": replace(b.conversion, booster=b.readiness.booster)},
        lambda b: {"readiness": shifted(b.readiness)},
        lambda b: {"readiness": None},
        lambda b: {"interval": None},
        lambda b: {"explained": replace(b.explained, booster=b.conversion.booster)},
        lambda b: {"facts": b.facts | {"as_of": "2026-06-01T00:00:00Z"}},
    ],
)  # fmt: skip
def test_the_version_changes_with_every_part(bundle, change):
    assert replace(bundle, **change(bundle)).version != bundle.version


def test_the_base_odds_are_inherited_unless_the_playbook_resets_them(bundle):
    heir = fit(market.data(), market.BOOK, before=market.SNAPSHOT, base_odds=0.25, threads=1)
    assert heir.base_odds == 0.25
    assert heir.version != bundle.version
    features = market.data().features[:5]
    np.testing.assert_array_equal(heir.predict(features).probability, bundle.predict(features).probability)
    scoring = market.BOOK.scoring.model_copy(update={"reset_base": True})
    reset = market.BOOK.model_copy(update={"scoring": scoring})
    assert fit(market.data(), reset, before=market.SNAPSHOT, base_odds=0.25, threads=1).base_odds == bundle.base_odds


def test_too_few_conversions_are_counted_for_the_reader():
    training = market.BOOK.training.model_copy(update={"min_conversions": 1_000})
    book = market.BOOK.model_copy(update={"training": training})
    with pytest.raises(
        TrainingError, match=r"1000 leads that convert within 60 days are needed, 142 are known before 2026"
    ):
        training_set(market.log(), book, before=market.SNAPSHOT)


# --- how it travels -------------------------------------------------------------------------------------------------


def test_it_replays_to_the_bit_after_being_saved(bundle, rows, saved):
    loaded = Bundle.load(saved)
    assert same(loaded.predict(rows), bundle.predict(rows))
    assert loaded.version == bundle.version
    assert (loaded.playbook, loaded.feature_set, loaded.base_odds) == (
        bundle.playbook, bundle.feature_set, bundle.base_odds,
    )  # fmt: skip
    assert loaded.facts == bundle.facts
    assert loaded.reference.equals(bundle.reference)


def test_a_bundle_without_readiness_travels_too(bundle, tmp_path):
    plain = replace(bundle, readiness=None)
    plain.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert loaded.readiness is None
    assert loaded.version == plain.version


def test_a_bundle_from_before_intervals_has_none(bundle, rows, tmp_path):
    replace(bundle, interval=None).save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert loaded.interval is None
    assert np.isnan(loaded.predict(rows).interval).all()
    old = score(loaded, market.log(), ["L0001"], [market.SNAPSHOT - 1])
    assert old.row(0).interval is None
    assert old.table()["probability_low"].to_list() == old.table()["probability_high"].to_list() == [None]


def refused(folder) -> str:
    """The one line that says why a bundle cannot be used."""
    with pytest.raises(ModelError) as caught:
        Bundle.load(folder)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_newer_format_asks_for_an_upgrade(saved):
    core = json.loads((saved / "bundle.json").read_text())
    (saved / "bundle.json").write_text(json.dumps(core | {"format": FORMAT + 1, "unheard": "of"}))
    assert f"was written by a newer Véraison (format {FORMAT + 1}" in refused(saved)


def test_a_missing_folder_says_what_to_do(tmp_path):
    assert "train again with: veraison train" in refused(tmp_path / "none")


FILES = [
    "bundle.json",
    "conversion.txt",
    "explained.txt",
    "interval.txt",
    "readiness.txt",
    "facts.json",
    "reference.parquet",
    "manifest.json",
]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    line = refused(saved)
    assert name in line
    assert "train again" in line


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "one digit"])
def test_a_damaged_file_is_refused_before_it_is_read(saved, name, damage):
    content = (saved / name).read_bytes()
    digit = next(place for place in range(len(content) // 2, len(content)) if content[place : place + 1].isdigit())
    damaged = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "noise": b"\xff\x00\xfe" * 100,
        "one digit": content[:digit] + (b"1" if content[digit] != 49 else b"2") + content[digit + 1 :],
    }
    (saved / name).write_bytes(damaged[damage])
    assert "cannot be read" in refused(saved)


@pytest.mark.parametrize("core", ["null", "[]", "{}", '{"format": "1"}', '{"format": 1}'])
def test_a_core_of_another_shape_is_refused(saved, core):
    (saved / "bundle.json").write_text(core)
    assert "cannot be read" in refused(saved)


def test_a_file_of_another_model_is_refused(bundle, saved, tmp_path):
    replace(bundle, explained=replace(bundle.explained, booster=bundle.conversion.booster)).save(tmp_path / "other")
    shutil.copyfile(tmp_path / "other" / "explained.txt", saved / "explained.txt")
    assert "explained.txt is not as it was written" in refused(saved)
