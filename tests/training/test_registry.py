"""Models by name and version in a real MLflow registry, and the champion laid down for serving."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from serving.models import load_champion
from tests import market
from training.bundle import Bundle
from training.registry import CHALLENGER, CHAMPION, Registry
from veraison.errors import ModelError, RegistryError
from veraison.settings import Workspace

pytestmark = [  # MLflow's own: at its import, at each model, at each look into its tables
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


@pytest.fixture(scope="module")
def one() -> Bundle:
    return market.bundle()


@pytest.fixture(scope="module")
def two(one) -> Bundle:
    return replace(one, base_odds=one.base_odds * 2)


@pytest.fixture(scope="module")
def filled(one, two, tmp_path_factory):
    """A workspace with a champion and a challenger."""
    workspace = Workspace(tmp_path_factory.mktemp("registry") / "w")
    reports = tmp_path_factory.mktemp("reports")
    (reports / "roc.svg").write_text("<svg/>")
    registry = Registry(workspace)
    metrics = {"auc_30d": 0.7, "ece_30d": float("nan")}
    registry.register(one, metrics=metrics, params={"seed": 7, "long": "x" * 900}, reports=reports, alias=CHAMPION)
    registry.register(two, alias=CHALLENGER)
    return workspace, registry


@pytest.fixture(scope="module")
def second(filled, one, two, tmp_path_factory):
    """Another workspace of the same process, both bundles its champion in turn; and what it held before."""
    workspace = Workspace(tmp_path_factory.mktemp("second") / "w")
    registry = Registry(workspace)
    before = registry.versions()
    for bundle in (one, two):
        registry.register(bundle, alias=CHAMPION)
    return workspace, registry, before


def test_versions_are_listed_newest_first_with_what_they_are_for(filled, one, two):
    _, registry = filled
    assert [(v.number, v.version, v.aliases) for v in registry.versions()] == [
        (2, two.version, (CHALLENGER,)),
        (1, one.version, (CHAMPION,)),
    ]
    assert registry.aliased(CHALLENGER).number == 2
    assert registry.aliased("nobody") is None


def test_a_registered_model_predicts_the_same_bits(filled, one):
    _, registry = filled
    rows = market.data().features
    loaded = registry.load(1)
    assert loaded.version == one.version
    assert loaded.predict(rows).probability.tobytes() == one.predict(rows).probability.tobytes()


def test_figures_are_kept_with_the_version_and_what_could_not_be_measured_is_left_out(filled):
    _, registry = filled
    assert registry.metrics(1) == {"auc_30d": 0.7}


def test_figures_found_later_stand_beside_and_once(filled):
    _, registry = filled
    champion, day = registry.aliased(CHAMPION), 86_400_000_000
    kept = registry.metrics(champion.number)
    for moment, auc in ((20_001, 0.6), (20_002, 0.5), (20_002, 0.5)):
        registry.observe(champion, {"monitoring.auc": auc}, at=moment * day)
    assert registry.metrics(champion.number) == kept | {"monitoring.auc": 0.5}
    seen = registry._client.get_metric_history(champion.run_id, "monitoring.auc")
    assert sorted((one.step, one.timestamp, one.value) for one in seen) == [
        (20_001, 20_001 * 86_400_000, 0.6), (20_002, 20_002 * 86_400_000, 0.5),
    ]  # fmt: skip
    experiment = registry._client.get_run(champion.run_id).info.experiment_id
    assert registry.page_of(champion) == f"/experiments/{experiment}/runs/{champion.run_id}"


def test_the_run_keeps_plots_and_parameters(filled):
    workspace, registry = filled
    run = registry._client.get_run(registry.versions()[1].run_id)
    assert run.data.params["seed"] == "7"
    assert run.data.tags["bundle"] == registry.versions()[1].version
    assert list(workspace.artifacts.rglob("roc.svg"))


def test_mlflow_loads_it_as_a_model_of_its_own(filled, one):
    import mlflow  # noqa: PLC0415

    model = mlflow.pyfunc.load_model(f"models:/veraison@{CHAMPION}")
    features = market.data().features[:20]
    found = model.predict(pd.DataFrame(features, columns=one.feature_set.names))
    expected = one.predict(features)
    assert list(found.columns) == ["p_7d", "p_30d", "p_60d", "ready_p10", "ready_p50", "ready_p90"]
    np.testing.assert_array_equal(found[["p_7d", "p_30d", "p_60d"]].to_numpy(), expected.probability)


def test_serving_finds_the_champion_and_only_the_champion(filled, one):
    workspace, _ = filled
    assert load_champion(workspace).version == one.version
    assert sorted(path.name for path in (workspace.root / "champion").iterdir()) == sorted(["CURRENT", one.version])


def test_promotion_changes_what_is_served_and_going_back_works_the_same_way(second, one, two):
    workspace, registry, before = second
    assert before == []  # an empty registry has no versions
    assert load_champion(workspace).version == two.version
    registry.assign(CHAMPION, 1)
    assert load_champion(workspace).version == one.version
    assert registry.aliased(CHAMPION).number == 1
    assert Registry(workspace).aliased(CHAMPION).number == 1  # opened again


@pytest.mark.parametrize("alias", [CHAMPION, CHALLENGER])
def test_a_version_that_does_not_exist_is_one_clear_line(filled, one, alias):
    workspace, registry = filled
    with pytest.raises(ModelError, match="version 99 of the model is not in the registry"):
        registry.assign(alias, 99)
    assert load_champion(workspace).version == one.version


def test_two_workspaces_of_one_process_stay_apart(filled, second, one, two):
    (_, first, *_), (_, other, _) = filled, second
    assert first.load(2).version == two.version
    number = other.register(one).number  # not where the last one looked
    assert other.load(number).version == one.version
    assert [v.number for v in first.versions()] == [2, 1]


def test_who_was_champion_is_remembered_and_rolled_back(one, two, tmp_path):
    registry = Registry(Workspace(tmp_path / "w"))
    with pytest.raises(ModelError, match="no other version was champion before"):
        registry.roll_back()
    for bundle in (one, two, replace(one, base_odds=one.base_odds * 3)):
        registry.register(bundle, alias=CHAMPION)
    registry.assign(CHAMPION, 3)
    assert registry.champions() == [1, 2, 3]
    assert registry.roll_back().number == 2
    assert load_champion(Workspace(tmp_path / "w")).version == two.version
    assert registry.roll_back().number == 1
    assert registry.champions() == [1]
    with pytest.raises(ModelError, match="promote one with"):
        registry.roll_back()
    assert registry.aliased(CHAMPION).number == 1


@pytest.mark.parametrize("killed_before", ["_remember", "set_registered_model_alias"])
def test_a_way_back_that_was_killed_is_done_again_and_not_twice(one, two, tmp_path, monkeypatch, killed_before):
    workspace = Workspace(tmp_path / "w")
    registry = Registry(workspace)
    for bundle in (one, two):
        registry.register(bundle, alias=CHAMPION)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(registry if killed_before == "_remember" else registry._client, killed_before, die)
        with pytest.raises(KeyboardInterrupt):
            registry.roll_back()
    assert load_champion(workspace).version == one.version
    if killed_before == "_remember":
        assert registry.predecessors() == []
    else:
        assert registry.roll_back().number == 1
        assert registry.champions() == [1]


def test_a_damaged_copy_for_serving_is_laid_down_again(one, tmp_path):
    workspace = Workspace(tmp_path / "w")
    registry = Registry(workspace)
    registry.register(one, alias=CHAMPION)
    assert registry.lies_ready(one.version)
    (workspace.root / "champion" / one.version / "conversion.txt").write_text("tree")
    assert not registry.lies_ready(one.version)
    registry.assign(CHAMPION, 1)
    assert registry.lies_ready(one.version)
    assert load_champion(workspace).version == one.version
    assert not registry.lies_ready("another")


def test_a_version_that_was_never_named_is_taken_up(one, tmp_path, monkeypatch):
    registry = Registry(Workspace(tmp_path / "w"))

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(registry, "_named", die)
        with pytest.raises(KeyboardInterrupt):
            registry.register(one)
    assert registry.register(one, alias=CHALLENGER).number == 1
    assert [(v.number, v.version, v.aliases) for v in registry.versions()] == [(1, one.version, (CHALLENGER,))]


def test_a_run_that_a_process_died_within_is_ended(one, two, tmp_path, monkeypatch):
    registry = Registry(Workspace(tmp_path / "w"))
    registry.register(two)

    def die(**_):
        raise SystemExit

    import mlflow  # noqa: PLC0415

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.pyfunc, "log_model", die)
        patched.setattr(mlflow.ActiveRun, "__exit__", lambda *_: None)  # kill -9 leaves nobody to end it
        with pytest.raises(SystemExit):
            registry.register(one)
    mlflow.tracking.fluent._active_run_stack.get().clear()
    states = {run.info.run_name: run.info.status for run in registry._client.search_runs([registry._experiment_id])}
    assert states == {one.version: "RUNNING", two.version: "FINISHED"}
    assert registry.register(one).number == 2
    found = registry._client.search_runs([registry._experiment_id])
    assert sorted((run.info.run_name, run.info.status) for run in found) == sorted(
        [(one.version, "FINISHED"), (one.version, "KILLED"), (two.version, "FINISHED")]
    )


@pytest.mark.parametrize("how", ["changed", "gone", "moved"])
def test_a_damaged_copy_of_the_registry_is_mended_from_the_one_that_serves(one, tmp_path, how):
    workspace = Workspace(tmp_path / "w")
    registry = Registry(workspace)
    registry.register(one, alias=CHAMPION)
    if how == "moved":
        (tmp_path / "w").rename(tmp_path / "elsewhere")
        workspace = Workspace(tmp_path / "elsewhere")
        registry = Registry(workspace)
    [manifest] = workspace.artifacts.glob("**/bundle/manifest.json")
    if how == "gone":
        for path in manifest.parent.iterdir():
            path.unlink()
        manifest.parent.rmdir()
    else:
        (manifest.parent / "conversion.txt").write_text("tree")
    with pytest.raises(ModelError):
        registry.load(1)
    served = registry.laid_down(one.version)
    assert served is not None
    registry.mend(1, served)
    rows = market.data().features
    assert registry.load(1).predict(rows).probability.tobytes() == one.predict(rows).probability.tobytes()
    assert (tmp_path / "w").exists() == (how != "moved"), "nothing is written where the workspace no longer is"
    assert registry.laid_down("another") is None


def test_a_manifest_that_was_cut_short_hides_no_other_model(one, two, tmp_path):
    registry = Registry(Workspace(tmp_path / "w"))
    registry.register(one)
    registry.register(two)
    (tmp_path / "w").rename(tmp_path / "elsewhere")
    for manifest in (tmp_path / "elsewhere").glob("**/bundle/manifest.json"):
        if one.version in manifest.read_text():
            manifest.write_text('{"vers')
    moved = Registry(Workspace(tmp_path / "elsewhere"))
    assert moved.load(2).version == two.version
    with pytest.raises(ModelError, match="version 1 of the model is not in the registry"):
        moved.load(1)


def test_the_address_keeps_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Workspace(tmp_path / "w", tracking_uri_override="http://anne:secret@127.0.0.1:9/mlflow")
    with pytest.raises(
        RegistryError, match=r"the registry http://127\.0\.0\.1:9/mlflow cannot be used: connection refused; "
    ) as caught:
        Registry(away)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_workspace_that_moved_keeps_its_models(one, two, tmp_path):
    registry = Registry(Workspace(tmp_path / "w"))
    registry.register(one, alias=CHAMPION)
    registry.register(two)
    (tmp_path / "w").rename(tmp_path / "elsewhere")
    moved = Registry(Workspace(tmp_path / "elsewhere"))
    assert [moved.load(number).version for number in (1, 2)] == [one.version, two.version]
    moved.assign(CHAMPION, 2)
    assert load_champion(Workspace(tmp_path / "elsewhere")).version == two.version
