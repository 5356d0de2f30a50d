"""Models by name and version in MLflow's registry, and the champion where serving looks for it.

Aliases say what a version is for: ``champion`` is served, ``challenger`` waits. When the champion changes, its
bundle is also laid down in the workspace (``champion/<version>/``) and ``champion/CURRENT`` is pointed at it by an
atomic rename, so that serving needs neither MLflow nor the registry to be up.
"""

import contextlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.bundle import Bundle
from veraison.errors import ModelError
from veraison.settings import Workspace

NAME = "veraison"
EXPERIMENT = "veraison"
CHAMPION, CHALLENGER = "champion", "challenger"


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

    def assign(self, alias: str, number: int) -> None:
        """Point an alias at a version; the champion is also laid down for serving."""
        if alias == CHAMPION:
            self._lay_down(self.load(number))
        try:
            self._client.set_registered_model_alias(NAME, alias, str(number))
        except self._mlflow.MlflowException as error:
            raise ModelError(f"version {number} of the model is not in the registry: {error}") from error

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
            source = self._client.get_model_version(NAME, str(number)).source
            folder = self._mlflow.artifacts.download_artifacts(source)
        except (self._mlflow.MlflowException, OSError) as error:
            raise ModelError(f"version {number} of the model is not in the registry: {error}") from error
        return Bundle.load(Path(folder) / "artifacts" / "bundle")

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
