"""Models by name and version in MLflow's registry, and the champion where serving looks for it.

Aliases say what a version is for: ``champion`` is served, ``challenger`` waits. When the champion changes, its
bundle is also laid down in the workspace (``champion/<version>/``) and ``champion/CURRENT`` is pointed at it by an
atomic rename, so that serving needs neither MLflow nor the registry to be up.
"""

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.bundle import MANIFEST, Bundle
from veraison.errors import ModelError
from veraison.settings import Workspace

NAME = "veraison"
EXPERIMENT = "veraison"
CHAMPION, CHALLENGER = "champion", "challenger"
_REIGNS = "champions"
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Registered:
    """One version in the registry: its number there, the bundle's own version, and the run that made it."""

    number: int
    version: str
    run_id: str
    aliases: tuple[str, ...] = ()


class Registry:
    """MLflow's tracking store and model registry of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow  # noqa: PLC0415 (three seconds that scoring does not need)

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        workspace.create()
        self._workspace = workspace
        self._mlflow = mlflow
        self._point_here()
        self._client = mlflow.MlflowClient()
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment_id = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(EXPERIMENT, artifact_location=workspace.artifacts.absolute().as_uri())
        )

    def _point_here(self) -> None:
        """MLflow's address is one a process: another workspace may have been opened since."""
        self._mlflow.set_tracking_uri(self._workspace.tracking_uri)
        self._mlflow.set_registry_uri(self._workspace.tracking_uri)

    def register(
        self,
        bundle: Bundle,
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, Any] | None = None,
        reports: Path | None = None,
        alias: str | None = None,
    ) -> Registered:
        """Log a training run (figures, parameters, plots, the bundle) and register its model.

        reports : a folder whose files are kept with the run
        alias   : given to the new version at once
        """
        mlflow = self._mlflow
        self._point_here()
        with (
            contextlib.redirect_stderr(io.StringIO()),  # MLflow announces each version there, past any logger
            tempfile.TemporaryDirectory() as folder,
            mlflow.start_run(experiment_id=self._experiment_id, run_name=bundle.version) as run,
        ):
            bundle.save(Path(folder) / "bundle")
            mlflow.set_tags({"bundle": bundle.version, "trained_on": str(bundle.facts.get("as_of"))})
            mlflow.log_params({key: str(value)[:500] for key, value in (params or {}).items()})
            mlflow.log_metrics({key: value for key, value in (metrics or {}).items() if value == value})  # noqa: PLR0124
            if reports is not None:
                mlflow.log_artifacts(str(reports), "reports")
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("pyfunc.py")),
                artifacts={"bundle": str(Path(folder) / "bundle")},
                registered_model_name=NAME,
                pip_requirements=["veraison"],
            )
        number = int(info.registered_model_version)
        self._client.set_model_version_tag(NAME, str(number), "bundle", bundle.version)
        if alias is not None:
            self.assign(alias, number)
        return Registered(number, bundle.version, run.info.run_id, (alias,) if alias else ())

    @contextlib.contextmanager
    def trials(self, name: str) -> Iterator[Callable[[int, Mapping[str, Any], Mapping[str, float]], None]]:
        """One run for a search and one within it for each trial that the yielded function is told of."""
        mlflow = self._mlflow
        self._point_here()
        with mlflow.start_run(experiment_id=self._experiment_id, run_name=name, tags={"purpose": "tuning"}):

            def record(number: int, settings: Mapping[str, Any], figures: Mapping[str, float]) -> None:
                with mlflow.start_run(experiment_id=self._experiment_id, run_name=f"trial {number}", nested=True):
                    mlflow.log_params(dict(settings))
                    mlflow.log_metrics(dict(figures))

            yield record

    def assign(self, alias: str, number: int) -> None:
        """Point an alias at a version; the champion is also laid down for serving, and remembered."""
        if alias == CHAMPION:
            self._lay_down(self.load(number))
        try:
            self._client.set_registered_model_alias(NAME, alias, str(number))
        except self._mlflow.MlflowException as error:
            raise ModelError(f"version {number} of the model is not in the registry: {error}") from error
        if alias == CHAMPION:
            reigns = self.champions()
            if reigns[-1:] != [number]:
                self._remember([*reigns, number])

    def champions(self) -> list[int]:
        """Numbers of the versions that were champion, one after the other; the last one is it now."""
        said = self._client.get_registered_model(NAME).tags.get(_REIGNS, "")
        return [int(number) for number in said.split(",") if number]

    def roll_back(self) -> Registered:
        """Make the version that was champion before the champion again; ModelError where there was none."""
        reigns = self.champions() if self.versions() else []
        if len(reigns) < 2:
            raise ModelError("no other version was champion before; promote one with: veraison models promote N")
        number = reigns[-2]
        self._remember(reigns[:-2])  # so that the next step goes back further, not forth
        self.assign(CHAMPION, number)
        return next(one for one in self.versions() if one.number == number)

    def _remember(self, reigns: list[int]) -> None:
        self._client.set_registered_model_tag(NAME, _REIGNS, ",".join(map(str, reigns[-_REMEMBERED:])))

    def versions(self) -> list[Registered]:
        """Every registered version, newest first."""
        if not self._client.search_registered_models(f"name = '{NAME}'"):
            return []
        aliases: dict[int, list[str]] = {}
        for alias, number in self._client.get_registered_model(NAME).aliases.items():
            aliases.setdefault(int(number), []).append(alias)
        found = self._client.search_model_versions(f"name = '{NAME}'")
        return [
            Registered(int(v.version), v.tags.get("bundle", ""), v.run_id or "", tuple(aliases.get(int(v.version), ())))
            for v in sorted(found, key=lambda v: -int(v.version))
        ]

    def aliased(self, alias: str) -> Registered | None:
        """The version an alias points at, None where there is none."""
        return next((one for one in self.versions() if alias in one.aliases), None)

    def load(self, number: int) -> Bundle:
        """The bundle of one version."""
        self._point_here()
        try:
            found = self._client.get_model_version(NAME, str(number))
            folder = Path(self._mlflow.artifacts.download_artifacts(found.source)) / "artifacts" / "bundle"
        except (self._mlflow.MlflowException, OSError) as error:
            moved = self._moved(number)
            if moved is None:
                raise ModelError(f"version {number} of the model is not in the registry: {error}") from error
            folder = moved
        return Bundle.load(folder)

    def _moved(self, number: int) -> Path | None:
        """The bundle of a version whose workspace is no longer where MLflow wrote down that it is."""
        try:
            version = self._client.get_model_version(NAME, str(number)).tags.get("bundle")
        except self._mlflow.MlflowException:
            return None
        for manifest in sorted(self._workspace.artifacts.glob(f"**/artifacts/bundle/{MANIFEST}")):
            if json.loads(manifest.read_text(encoding="utf-8")).get("version") == version:
                return manifest.parent
        return None

    def params(self, number: int) -> dict[str, str]:
        """What was logged about where a version comes from (training.provenance), and how it was trained."""
        run_id = self._client.get_model_version(NAME, str(number)).run_id
        return dict(self._client.get_run(str(run_id)).data.params)

    def metrics(self, number: int) -> dict[str, float]:
        """The figures logged with a version."""
        run_id = self._client.get_model_version(NAME, str(number)).run_id
        return dict(self._client.get_run(str(run_id)).data.metrics)

    def _lay_down(self, bundle: Bundle) -> None:
        home = self._workspace.root / "champion"
        folder = home / bundle.version
        if not folder.exists():
            fresh = home / f".{bundle.version}.{os.getpid()}"
            bundle.save(fresh)
            try:
                fresh.rename(folder)
            except OSError:  # another process laid the same content down first
                shutil.rmtree(fresh)
        pointer = home / f".CURRENT.{os.getpid()}"
        pointer.write_text(bundle.version + "\n", encoding="utf-8")
        pointer.replace(home / "CURRENT")
