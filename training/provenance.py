"""Where a model comes from: which data, which code, which packages. Logged with every run.

Two runs with the same data, playbook, code and seed give the same bytes; where they do not, these say what differs.
"""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import veraison
from data.log import EventLog
from veraison.playbook import Playbook

PACKAGES = ("lightgbm", "scikit-learn", "numba", "numpy", "pyarrow")
"""Those whose version can change a model's bytes."""
_ROOT = Path(__file__).parents[1]
_CODE = ("data", "features", "training")


def fingerprint(log: EventLog, before: int) -> str:
    """Twelve digits of everything that was known before a moment; what came in later changes nothing.

    before : microseconds UTC

    >>> from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
    >>> from data.identity import Identity
    >>> nothing = EventLog.build(EVENT_SCHEMA.empty_table(), TRAIT_SCHEMA.empty_table(), Identity())
    >>> len(fingerprint(nothing, 0))
    12
    """
    found = hashlib.blake2b(digest_size=6)
    events = log.known < before
    traits = log.trait_known < before
    told = [_owners(log.offsets)[events], _owners(log.trait_offsets)[traits]]
    people = np.unique(np.concatenate(told))
    _add(found, [log.leads[code] for code in people])
    for owner in told:
        _add(found, np.searchsorted(people, owner))
    merged = np.where(log.merged_at[people] < before, log.merged_at[people], -1)
    for numbers in (log.known[events], log.occurred[events], log.value[events], log.trait_known[traits], merged):
        _add(found, numbers)
    _add(found, log.trait_occurred[traits])
    _add_texts(found, log.kind[events], log.kinds)
    _add_texts(found, log.actor[events] if log.actors else log.actor, log.actors)
    _add_texts(found, log.trait_name[traits], log.trait_names)
    _add_texts(found, log.trait_text[traits], log.trait_texts)
    return found.hexdigest()


@cache
def code() -> str:
    """The version of Véraison and ten digits of the sources that make a model, so that an edited copy shows."""
    found = hashlib.sha256()
    for package in _CODE:
        for file in sorted((_ROOT / package).glob("*.py")):
            found.update(f"{package}/{file.name}\x00".encode() + file.read_bytes() + b"\x00")
    return f"{veraison.__version__}+{found.hexdigest()[:10]}"


def of_run(log: EventLog, playbook: Playbook, *, before: int, threads: int) -> dict[str, Any]:
    """What every run logs: data, playbook, code, seed, packages, machine."""
    return {
        "data": fingerprint(log, before),
        "playbook": playbook.fingerprint,
        "code": code(),
        "seed": playbook.training.seed,
        "threads": threads,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in PACKAGES},
    }


def _owners(offsets: Any) -> Any:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _add_texts(found: Any, codes: Any, texts: list[str]) -> None:
    """Texts by what they say: their codes depend on texts that came in later."""
    used, places = np.unique(codes, return_inverse=True)
    _add(found, [texts[code] if code >= 0 else "\x00" for code in used])
    _add(found, places)


def _add(found: Any, what: Any) -> None:
    """Numbers as 64-bit integers, texts with their lengths: no two inputs share their bytes."""
    if isinstance(what, list):
        what = np.array([len(text.encode()) for text in what], dtype=np.int64), "".join(what).encode()
        found.update(what[0].tobytes() + what[1])
    else:
        found.update(len(what).to_bytes(8, "little") + np.ascontiguousarray(what, dtype=np.int64).tobytes())
