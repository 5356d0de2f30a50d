"""Models by name and version in MLflow's registry, and the champion where serving looks for it.

Aliases say what a version is for: ``champion`` is served, ``challenger`` waits. When the champion changes, its
bundle is also laid down in the workspace (``champion/<version>/``) and ``champion/CURRENT`` is pointed at it by an
atomic rename, so that serving needs neither MLflow nor the registry to be up.
"""

import contextlib
import functools
import io
import json
import logging
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from data.events import MICROS_PER_DAY
from training.bundle import MANIFEST, Bundle
from veraison.errors import ModelError, RegistryError
from veraison.settings import Workspace

CHAMPION, CHALLENGER = "champion", "challenger"
_REIGNS = "champions"
_REMEMBERED = 50
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_PLACE = Path("artifacts", "bundle")
"""Of a bundle among the files of MLflow's model."""
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own are five minutes of silence before it says that its server does not answer."""
_SILENT: dict[type[BaseException], str] = {
    ConnectionRefusedError: "connection refused",
    TimeoutError: "no answer within {seconds} s, asked {tries} times",
    socket.gaierror: "there is no host of that name",
}

Given = ParamSpec("Given")
Got = TypeVar("Got")


def _answered(method: Callable[Given, Got]) -> Callable[Given, Got]:
    """A method of the registry that fails in one line where MLflow's store or server does."""

    @functools.wraps(method)
    def asked(*args: Given.args, **named: Given.kwargs) -> Got:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (see Registry)

        try:
            return method(*args, **named)
        except MlflowException as error:
            registry = args[0]
            assert isinstance(registry, Registry)
            raise RegistryError(f"the registry {registry.address} cannot be used: {registry.told(error)}") from error

    return asked


@dataclass(frozen=True, slots=True)
class Registered:
    """One version in the registry: its number there, the bundle's own version, and the run that made it."""

    number: int
    version: str
    run_id: str
    aliases: tuple[str, ...] = ()


class Registry:
    """MLflow's tracking store and model registry of one workspace."""

    @_answered
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._name = workspace.model_name
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow  # noqa: PLC0415 (three seconds that scoring does not need)

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        workspace.create()
        self._mlflow = mlflow
        self._point_here()
        self._client = mlflow.MlflowClient()
        experiment = self._client.get_experiment_by_name(self._name)
        self._experiment_id = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(self._name, artifact_location=workspace.artifacts.absolute().as_uri())
        )

    @property
    def address(self) -> str:
        """Where it is, without the password that may stand in it."""
        found = urlsplit(self._workspace.tracking_uri)
        return found._replace(netloc=found.netloc.rpartition("@")[2]).geturl()

    def told(self, error: Exception) -> str:
        """Why it fails: of a server that does not answer, or a database of ours, what is wrong there; else MLflow's
        first words, without that password.
        """
        innermost: BaseException = error
        while (deeper := innermost.__cause__ or innermost.__context__) is not None:
            innermost = deeper
        for kind, why in _SILENT.items():
            if isinstance(innermost, kind):
                seconds, more = (os.environ[name] for name in reversed(_PATIENCE))
                said = why.format(seconds=seconds, tries=int(more) + 1)
                return f"{said}; is its server up? VERAISON_TRACKING_URI says where it is"
        words = " ".join(str(innermost if isinstance(innermost, sqlite3.Error) else error).split())
        secret = urlsplit(self._workspace.tracking_uri).netloc.rpartition("@")[0]
        return (words.replace(f"{secret}@", "") if secret else words)[:200]

    def _point_here(self) -> None:
        """MLflow's address is one a process: another workspace may have been opened since."""
        self._mlflow.set_tracking_uri(self._workspace.tracking_uri)
        self._mlflow.set_registry_uri(self._workspace.tracking_uri)

    @_answered
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

        Where a process died when MLflow had the version and we had not named it yet, that version is taken up; where
        it died earlier, its run is ended and another one logged.
        """
        mlflow = self._mlflow
        self._point_here()
        begun = self._nameless(bundle.version)
        self.end_runs(bundle.version, whole=None if begun is None else begun.run_id)
        if begun is not None:
            return self._named(begun, alias)
        with (
            contextlib.redirect_stderr(io.StringIO()),  # MLflow announces each version there, past any logger
            tempfile.TemporaryDirectory() as folder,
            mlflow.start_run(experiment_id=self._experiment_id, run_name=bundle.version) as run,
        ):
            bundle.save(Path(folder) / "bundle")
            mlflow.set_tags({"bundle": bundle.version, "trained_on": str(bundle.facts.get("as_of"))})
            mlflow.log_params({key: str(value)[:500] for key, value in (params or {}).items()})
            mlflow.log_metrics({key: value for key, value in (metrics or {}).items() if value == value})  # noqa: PLR0124 (NaN)
            if reports is not None:
                mlflow.log_artifacts(str(reports), "reports")
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("pyfunc.py")),
                artifacts={"bundle": str(Path(folder) / "bundle")},
                registered_model_name=self._name,
                pip_requirements=["veraison"],
            )
        return self._named(Registered(int(info.registered_model_version), bundle.version, run.info.run_id), alias)

    @_answered
    def end_runs(self, version: str, *, whole: str | None = None) -> None:
        """End the runs that a process which died while it registered a bundle left RUNNING: as KILLED.

        whole : the run of which nothing but its end is missing; FINISHED
        """
        told = f"attributes.status = 'RUNNING' AND attributes.run_name = '{version}'"
        for run in self._client.search_runs([self._experiment_id], told):
            self._client.set_terminated(run.info.run_id, "FINISHED" if run.info.run_id == whole else "KILLED")

    def _named(self, one: Registered, alias: str | None) -> Registered:
        self._client.set_model_version_tag(self._name, str(one.number), "bundle", one.version)
        if alias is not None:
            self.assign(alias, one.number)
        return replace(one, aliases=(alias,) if alias else ())

    def _nameless(self, version: str) -> Registered | None:
        """A version that MLflow has of a bundle, where the process died before it was named after it."""
        for one in self.versions():
            if not one.version and self._client.get_run(one.run_id).data.tags.get("bundle") == version:
                return replace(one, version=version)
        return None

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

    @_answered
    def assign(self, alias: str, number: int) -> None:
        """Point an alias at a version; the champion is also laid down for serving, and remembered."""
        self._point(alias, number)
        if alias == CHAMPION:
            reigns = self.champions()
            if reigns[-1:] != [number]:
                self._remember([*reigns, number])

    def _point(self, alias: str, number: int) -> None:
        if alias == CHAMPION:
            self._lay_down(self.load(number))
        try:
            self._client.set_registered_model_alias(self._name, alias, str(number))
        except self._mlflow.MlflowException as error:
            if error.error_code != _ABSENT:
                raise
            raise ModelError(f"version {number} of the model is not in the registry: {error}") from error

    @_answered
    def champions(self) -> list[int]:
        """Numbers of the versions that were champion, one after the other; the last one is it now."""
        said = self._client.get_registered_model(self._name).tags.get(_REIGNS, "")
        return [int(number) for number in said.split(",") if number]

    @_answered
    def roll_back(self) -> Registered:
        """Make the version that was champion before the champion again; ModelError where there was none."""
        earlier = self.predecessors()
        if not earlier:
            raise ModelError("no other version was champion before; promote one with: veraison models promote N")
        self._point(CHAMPION, earlier[-1])
        self._remember(earlier)  # so that the next step goes back further, not forth
        return next(one for one in self.versions() if one.number == earlier[-1])

    @_answered
    def end_roll_back(self) -> None:
        """End a way back within which a process died: who was champion after the one that is now is forgotten."""
        now = self.aliased(CHAMPION)
        if now is not None:
            self._point(CHAMPION, now.number)
            self._remember([*self.predecessors(), now.number])

    @_answered
    def predecessors(self) -> list[int]:
        """Numbers of the versions that were champion before the one that is, one after the other."""
        now = self.aliased(CHAMPION)
        reigns = self.champions() if now is not None else []
        last = max((place for place, number in enumerate(reigns) if now and number == now.number), default=len(reigns))
        return reigns[:last]

    def _remember(self, reigns: list[int]) -> None:
        self._client.set_registered_model_tag(self._name, _REIGNS, ",".join(map(str, reigns[-_REMEMBERED:])))

    @_answered
    def versions(self) -> list[Registered]:
        """Every registered version, newest first."""
        if not self._client.search_registered_models(f"name = '{self._name}'"):
            return []
        aliases: dict[int, list[str]] = {}
        for alias, number in self._client.get_registered_model(self._name).aliases.items():
            aliases.setdefault(int(number), []).append(alias)
        found = self._client.search_model_versions(f"name = '{self._name}'")
        return [
            Registered(int(v.version), v.tags.get("bundle", ""), v.run_id or "", tuple(aliases.get(int(v.version), ())))
            for v in sorted(found, key=lambda v: -int(v.version))
        ]

    @_answered
    def aliased(self, alias: str) -> Registered | None:
        """The version an alias points at, None where there is none."""
        return next((one for one in self.versions() if alias in one.aliases), None)

    @_answered
    def load(self, number: int) -> Bundle:
        """The bundle of one version."""
        return Bundle.load(self._folder(number))

    @_answered
    def mend(self, number: int, bundle: Bundle) -> None:
        """Write the files of a version again, from a copy of it that can be loaded (`laid_down`)."""
        try:
            folder = self._folder(number)
        except ModelError:
            folder = Path()
        if folder.is_relative_to(self._workspace.artifacts.absolute()):
            bundle.save(folder)
            return
        source = str(self._client.get_model_version(self._name, str(number)).source)
        with tempfile.TemporaryDirectory() as fresh:
            bundle.save(Path(fresh))
            self._client.log_model_artifacts(source.removeprefix("models:/"), fresh, str(_PLACE))

    def keep_whole(self, number: int, bundle: Bundle) -> None:
        """Mend the files of a version where they cannot be loaded."""
        try:
            self.load(number)
        except RegistryError:
            raise
        except ModelError:
            self.mend(number, bundle)

    def _folder(self, number: int) -> Path:
        """Where the bundle of a version lies on this machine; a server's is brought here."""
        self._point_here()
        try:
            found = self._client.get_model_version(self._name, str(number))
        except self._mlflow.MlflowException as error:
            if error.error_code != _ABSENT:
                raise
            raise ModelError(f"version {number} of the model is not in the registry: {error}") from error
        try:
            return Path(self._mlflow.artifacts.download_artifacts(found.source)) / _PLACE
        except (self._mlflow.MlflowException, OSError) as error:
            moved = self._moved(number)
            if moved is None:
                raise ModelError(f"version {number} of the model is not in the registry: {error}") from error
            return moved

    def _moved(self, number: int) -> Path | None:
        """The bundle of a version whose workspace is no longer where MLflow wrote down that it is."""
        version = self._client.get_model_version(self._name, str(number)).tags.get("bundle")
        for manifest in sorted(self._workspace.artifacts.glob(f"**/{_PLACE}/{MANIFEST}")):
            with contextlib.suppress(ValueError):  # a damaged one is not the one that is looked for
                if json.loads(manifest.read_text(encoding="utf-8")).get("version") == version:
                    return manifest.parent
        return None

    @_answered
    def params(self, number: int) -> dict[str, str]:
        """What was logged about where a version comes from (training.provenance), and how it was trained."""
        run_id = self._client.get_model_version(self._name, str(number)).run_id
        return dict(self._client.get_run(str(run_id)).data.params)

    @_answered
    def metrics(self, number: int) -> dict[str, float]:
        """The figures logged with a version."""
        run_id = self._client.get_model_version(self._name, str(number)).run_id
        return dict(self._client.get_run(str(run_id)).data.metrics)

    @_answered
    def observe(self, one: Registered, figures: Mapping[str, float], *, at: int) -> None:
        """Log what was found of a version later, beside what was logged when it was made; MLflow draws it in time.

        at : the moment the figures speak of, microseconds UTC; the same figures of it again change nothing
        """
        for name, value in sorted(figures.items()):
            self._client.log_metric(one.run_id, name, value, timestamp=at // 1_000, step=at // MICROS_PER_DAY)

    def page_of(self, one: Registered) -> str:
        """The path of a version's run on the pages of an MLflow server."""
        return f"/experiments/{self._experiment_id}/runs/{one.run_id}"

    def lies_ready(self, version: str) -> bool:
        """Whether serving would find this version in the workspace, whole."""
        home = self._workspace.root / "champion"
        try:
            named = (home / "CURRENT").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return False
        return named == version and self.laid_down(version) is not None

    def laid_down(self, version: str) -> Bundle | None:
        """A version as it was laid down for serving, now or earlier; None where that cannot be loaded."""
        try:
            return Bundle.load(self._workspace.root / "champion" / version)
        except ModelError:
            return None

    def _lay_down(self, bundle: Bundle) -> None:
        home = self._workspace.root / "champion"
        folder = home / bundle.version
        if self.laid_down(bundle.version) is None:
            shutil.rmtree(folder, ignore_errors=True)
            fresh = home / f".{bundle.version}.{os.getpid()}"
            bundle.save(fresh)
            try:
                fresh.rename(folder)
            except OSError:  # another process laid the same content down first
                shutil.rmtree(fresh)
        pointer = home / f".CURRENT.{os.getpid()}"
        pointer.write_text(bundle.version + "\n", encoding="utf-8")
        pointer.replace(home / "CURRENT")
