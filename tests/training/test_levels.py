"""Levels: the odds times a factor and nothing else, told as points, kept in files, refused where they mean nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests import market
from training.bundle import Bundle
from training.levels import Level, part_of
from veraison.errors import ModelError


def level(name: str, factor: float, event: str = "converted") -> Level:
    kind = "ready" if event == "ready" else "converted"
    return Level(name, kind, factor, factor / 2, factor * 2, "2026-07-06T00:00:00Z", "2026-08-03T00:00:00Z", 40.0, 20)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return market.bundle()


@pytest.fixture(scope="module")
def source(bundle: Bundle) -> str:
    """A category that the bundle knows."""
    trait = next(one for one in bundle.feature_set.traits if one.kind == "category")
    return f"{trait.name}={trait.categories[0]}"


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return market.data().features


def at(bundle: Bundle, *levels: Level) -> Bundle:
    return replace(bundle, levels=levels, saved_as=None)


def test_a_level_of_everyone_moves_the_base_and_no_reason(bundle, rows):
    before, after = bundle.predict(rows), at(bundle, level("all", 0.5)).predict(rows)
    assert after.base == pytest.approx(before.base - np.log(2))
    assert after.contributions.tobytes() == before.contributions.tobytes()
    np.testing.assert_allclose(after.log_odds, before.log_odds - np.log(2), atol=1e-12)
    np.testing.assert_allclose(
        at(bundle, level("all", 0.5)).points(after)[1], bundle.points(before)[1]
    )  # fmt: skip
    primary = bundle.primary
    odds = [one.probability[:, primary] / (1 - one.probability[:, primary]) for one in (before, after)]
    np.testing.assert_allclose(odds[1], odds[0] / 2, rtol=1e-9)
    assert (np.diff(after.probability, axis=1) >= 0).all()
    assert (after.probability < before.probability).all()


def test_a_level_of_a_category_is_a_reason_of_its_leads_alone(bundle, rows, source):
    part = part_of(source, bundle.feature_set)
    assert part is not None
    theirs = rows[:, part.column] == part.code
    assert 0 < theirs.sum() < len(rows)
    before, after = bundle.predict(rows), at(bundle, level(source, 0.25)).predict(rows)
    assert after.base == before.base
    moved = after.contributions - before.contributions
    np.testing.assert_allclose(moved[theirs, part.column], np.log(0.25))
    moved[theirs, part.column] = 0
    assert not moved.any()
    assert after.probability[~theirs].tobytes() == before.probability[~theirs].tobytes()


def test_the_curve_and_the_weekly_chances_are_at_the_same_level(bundle, rows):
    relevelled = at(bundle, level("all", 0.5))
    edges, hazard = relevelled.hazards(rows)[0]
    place = int(np.searchsorted(edges, bundle.playbook.horizons.primary))
    expected = relevelled.predict(rows).probability[:, bundle.primary]
    np.testing.assert_allclose(-np.expm1(-hazard[:, place]), expected, rtol=1e-9)


def test_a_level_of_readiness_moves_readiness_alone(bundle, rows):
    later = at(bundle, level("all", 0.2, "ready"))
    before, after = bundle.predict(rows), later.predict(rows)
    assert after.probability.tobytes() == before.probability.tobytes()
    curves = [one.readiness_curve(rows)[1] for one in (bundle, later)]
    assert (curves[1] <= curves[0]).all()
    assert (curves[1][:, -1] < curves[0][:, -1]).any()


def test_levels_multiply(bundle, rows):
    twice = at(bundle, level("all", 0.5), level("all", 3.0)).predict(rows)
    once = at(bundle, level("all", 1.5)).predict(rows)
    np.testing.assert_allclose(twice.log_odds, once.log_odds, atol=1e-12)


def test_a_rows_bits_do_not_depend_on_how_many_are_asked_for(bundle, rows, source):
    one = at(bundle, level("all", 0.7), level(source, 0.3), level("all", 0.9, "ready"))
    together = one.predict(rows[:50])
    for place in (0, 17, 49):
        alone = one.predict(rows[place : place + 1])
        for name in ("log_odds", "contributions", "probability", "ready", "interval"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[place].tobytes()


def test_it_is_another_version_and_comes_back_from_its_files(bundle, rows, tmp_path):
    relevelled = at(bundle, level("all", 0.5), level("all", 0.8, "ready"))
    assert relevelled.version != bundle.version
    relevelled.save(tmp_path)
    again = Bundle.load(tmp_path)
    assert again.levels == relevelled.levels
    assert again.predict(rows).probability.tobytes() == relevelled.predict(rows).probability.tobytes()
    assert again.known_until == again.levels[0].onset > bundle.known_until


def test_without_levels_older_versions_can_read_it_and_with_them_they_refuse(bundle, tmp_path):
    for name, one in (("plain", bundle), ("levels", at(bundle, level("all", 0.5)))):
        one.save(tmp_path / name)
    formats = [json.loads((tmp_path / name / "bundle.json").read_text())["format"] for name in ("plain", "levels")]
    assert formats == [2, 3]


def test_a_level_of_what_the_model_has_no_column_for_is_refused(bundle, rows, tmp_path):
    unknown = at(bundle, level("country=Atlantis", 0.5))
    with pytest.raises(ValueError, match="no column for the level of 'country=Atlantis'"):
        unknown.predict(rows)
    unknown.save(tmp_path)
    with pytest.raises(ModelError, match="no column for the level of 'country=Atlantis'"):
        Bundle.load(tmp_path)
