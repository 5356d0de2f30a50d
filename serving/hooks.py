"""Webhooks of other systems: their own bodies, made messages by a mapping as the rows of a file are."""

import json
import logging
import re
import threading
from pathlib import Path
from typing import Any

from data.events import RawRecord
from data.mapping import Mapping, flat_rows, load_mapping
from data.sources import EXAMPLES
from serving.intake import MAX_DEPTH, too_deep
from serving.problems import Problem
from veraison.errors import MappingError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_log = logging.getLogger("veraison.serving")


class Hooks:
    """The mappings that senders may post to: those of a folder, and those that are shipped.

    folder : of the firm's own mappings, which come first; None where there is none
    """

    def __init__(self, folder: Path | None) -> None:
        self._folders = [EXAMPLES] if folder is None else [folder, EXAMPLES]
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[int, Mapping]] = {}

    def records(self, name: str, said: Any, most: int) -> tuple[list[RawRecord], int]:
        """The messages of a body, and how many of its objects give none.

        name : of a mapping, without ``.toml``
        said : one JSON object, or a list of at most `most`
        Raises Problem: 404 where there is no such mapping, 503 where it cannot be used, 422 and 413 for the body.
        """
        mapping = self._mapping(name)
        items = said if isinstance(said, list) else [said]
        if len(items) > most:
            raise Problem(413, "too-large", f"the body is a list of at most {most:,} objects, not {len(items):,}")
        found, ignored = [], 0
        for place, item in enumerate(items):
            made = _made(mapping, f"hooks/{name}", place + 1, item)
            ignored += not made
            found += made
        return found, ignored

    def _mapping(self, name: str) -> Mapping:
        for path in (folder / f"{name}.toml" for folder in self._folders) if _NAME.fullmatch(name) else ():
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue
            return self._loaded(path, changed, name)
        raise Problem(404, "unknown-mapping", "there is no mapping of this name; put NAME.toml into mappings/")

    def _loaded(self, path: Path, changed: int, name: str) -> Mapping:
        with self._lock:
            at, mapping = self._read.get(path, (None, None))
            if mapping is None or at != changed:
                try:
                    mapping = load_mapping(path)
                except MappingError as error:
                    _log.error("a webhook came for a mapping that cannot be used: %s", error)
                    detail = f"the mapping {name!r} cannot be used; the server's log says why"
                    raise Problem(503, "mapping", detail) from None
                self._read[path] = changed, mapping
        return mapping


def _made(mapping: Mapping, source: str, line: int, item: Any) -> list[RawRecord]:
    if too_deep(item):
        problem = f"the object is nested more than {MAX_DEPTH} levels deep"
        return [RawRecord(source, line, "(nested too deep to keep)", None, problem)]
    raw = json.dumps(item)
    if not isinstance(item, dict):
        return [RawRecord(source, line, raw, None, "a row is a JSON object")]
    rows = flat_rows(item, mapping.file.each)
    return [record for row in rows for record in mapping.records(source, line, row, raw)]
