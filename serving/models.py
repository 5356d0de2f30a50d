"""Which model serves: the champion that the registry exported into the workspace, and what happens when it changes.

``<workspace>/champion/CURRENT`` is one line, the name of the folder beside it that holds the bundle. Whoever promotes
a model writes the folder first and then replaces CURRENT as a whole.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.bundle import Bundle
from veraison.errors import ModelError
from veraison.settings import Workspace

_log = logging.getLogger("veraison.models")

FOLDER = "champion"
POINTER = "CURRENT"
NO_MODEL = "no model yet; train one with: veraison train"


def load_champion(workspace: Workspace) -> Bundle:
    """The bundle that serves now; ModelError, one line, where there is none or it cannot be read."""
    folder = workspace.root / FOLDER
    return Bundle.load(folder / _named(folder))


@dataclass(frozen=True, slots=True)
class Broken:
    """A promoted bundle that could not be loaded. ``version``: the name CURRENT gives, empty where it gives none."""

    version: str
    problem: str


class ModelHolder:
    """The served bundle, replaced when CURRENT changes; a broken successor leaves the old one in place.

    Looking costs one ``stat``. One thread loads a new bundle while the others go on with the old.

    timer : seconds that only grow
    """

    def __init__(self, workspace: Workspace, timer: Callable[[], float] = time.monotonic) -> None:
        self._workspace = workspace
        self._timer = timer
        self._loaded_at = timer()
        self._pointer = workspace.root / FOLDER / POINTER
        self._loading = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._bundle: Bundle | None = None
        self._broken: Broken | None = None
        self._look()

    def current(self) -> Bundle:
        """The bundle to score with; ModelError where none could ever be loaded."""
        self._look()
        if self._bundle is None:
            raise ModelError(self._broken.problem if self._broken else NO_MODEL)
        return self._bundle

    @property
    def ready(self) -> bool:
        """Whether there is a bundle to score with."""
        self._look()
        return self._bundle is not None

    @property
    def loaded_ago(self) -> float:
        """Seconds since the bundle that serves was loaded."""
        return self._timer() - self._loaded_at

    @property
    def broken(self) -> Broken | None:
        """The newest promoted bundle, if it could not be loaded and an older one (or none) serves in its place."""
        return self._broken

    def _look(self) -> None:
        if self._mark() == self._seen or not self._loading.acquire(blocking=self._bundle is None):
            return
        try:
            mark = self._mark()  # read before the name: a change in between is seen at the next look
            if mark == self._seen:
                return
            self._load(mark)
        finally:
            self._loading.release()

    def _load(self, mark: tuple[int, ...] | None) -> None:
        name = ""
        try:
            name = _named(self._pointer.parent)
            bundle = Bundle.load(self._pointer.parent / name)
        except ModelError as problem:
            self._broken = None if mark is None and self._bundle is None else Broken(name, str(problem))
            if self._broken:
                _log.error("model %s cannot be loaded: %s", name or "?", problem)
        else:
            self._bundle, self._broken = bundle, None
            _log.info("model loaded", extra={"fields": {"model": bundle.version}})
            self._loaded_at = self._timer()
        self._seen = mark

    def _mark(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._pointer)  # noqa: PTH116 (on the path of every request)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _named(folder: Path) -> str:
    try:
        name = (folder / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ModelError(NO_MODEL) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{folder / POINTER} cannot be read ({error}); train again with: veraison train") from None
    if not name or Path(name).name != name or name in (".", ".."):
        raise ModelError(f"{folder / POINTER} does not name a folder beside it; train again with: veraison train")
    return name
