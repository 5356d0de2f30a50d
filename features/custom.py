"""A firm's own features: one decorated function on one lead's visible history.

::

    from features.custom import feature

    @feature(kinds=("Pricing Page Viewed",), en="pricing pages seen at night", fr="pages de prix vues la nuit")
    def pricing_at_night(as_of, occurred, kind, value):
        night = 0
        for e in range(len(occurred)):
            hour = occurred[e] // 3_600_000_000 % 24
            night += kind[e] == 0 and (hour < 6 or hour >= 22)
        return night

as_of    : int, microseconds UTC
occurred : (n,) int64, when each visible event happened, in the order of the history; what is not visible is not there
kind     : (n,) int64, place of its kind in `kinds`, -1 for any other
value    : (n,) float64, its value, NaN where it has none
Returns  : a number, NaN for "not known"

The function is compiled by numba where numba can; otherwise it runs as Python, only slower. The playbook names the
module: ``[features] custom = ["our_features"]``. Training asks each function twice and refuses one whose answers
differ; the bundle keeps a digest of the module's source, and serving refuses another.
"""

import hashlib
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from data.log import NO_VALUE, EventLog, Floats, Ints
from features.catalogue import CustomSpec
from veraison.errors import CustomFeatureError

Function = Callable[[int, Ints, Ints, Floats], float]


@dataclass(frozen=True)
class CustomFeature:
    """A registered function.

    kinds    : the kinds of event it tells apart
    words    : language -> what it counts, for the reasons
    compiled : whether numba compiled it
    """

    spec: CustomSpec
    function: Any
    kinds: tuple[str, ...]
    words: dict[str, str]
    compiled: bool


_REGISTERED: dict[tuple[str, str], CustomFeature] = {}
_SIGNATURE = (
    numba.int64, numba.types.Array(numba.int64, 1, "C", readonly=True),
    numba.types.Array(numba.int64, 1, "C", readonly=True), numba.types.Array(numba.float64, 1, "C", readonly=True),
)  # fmt: skip


def feature(*, kinds: Iterable[str] = (), en: str, fr: str | None = None) -> Callable[[Function], Function]:
    """Make a function a feature, under its own name.

    kinds  : kinds of event that the function tells apart
    en, fr : what the number is, in a seller's words

    >>> @feature(en="events so far")
    ... def events_so_far(as_of, occurred, kind, value):
    ...     return len(occurred)
    >>> registered(events_so_far.__module__)[0].compiled
    True
    """

    def register(function: Function) -> Function:
        digest = hashlib.sha256(_source(function).encode()).hexdigest()[:12]
        spec = CustomSpec(function.__module__, function.__name__, digest)
        compiled = _compiled(function)
        words = {"en": en, "fr": en if fr is None else fr}
        _REGISTERED[spec.module, spec.name] = CustomFeature(
            spec, function if compiled is None else compiled, tuple(kinds), words, compiled is not None
        )
        return function

    return register


def registered(module: str) -> list[CustomFeature]:
    """The features of a module by name; CustomFeatureError where it cannot be imported or has none."""
    _import(module)
    found = [one for (where, _), one in sorted(_REGISTERED.items()) if where == module]
    if not found:
        raise CustomFeatureError(f"features.custom: module {module!r} has no function decorated with @feature")
    return found


def load(spec: CustomSpec) -> CustomFeature:
    """The very function that training used; CustomFeatureError where it is gone or has changed since."""
    if (spec.module, spec.name) not in _REGISTERED:
        _import(spec.module)
    found = _REGISTERED.get((spec.module, spec.name))
    if found is None:
        raise CustomFeatureError(
            f"the model uses the feature {spec.name!r}, which module {spec.module!r} no longer has"
        )
    if found.spec.digest != spec.digest:
        raise CustomFeatureError(
            f"the feature {spec.name!r} of module {spec.module!r} has changed since the model was trained; "
            "train again with: veraison train"
        )
    return found


def compute(log: EventLog, custom: CustomFeature, lead: Ints, as_of: Ints) -> Floats:
    """(pairs,) the feature of each lead at each moment, of what was visible then."""
    place = {kind: code for code, kind in enumerate(custom.kinds)}
    codes = np.array([place.get(kind, -1) for kind in log.kinds], dtype=np.int64)
    kind = codes[log.kind] if len(log.kind) else np.empty(0, dtype=np.int64)
    value = np.where(log.value == NO_VALUE, np.nan, log.value / 1e6)
    occurred = np.array(log.occurred, dtype=np.int64)
    for column in (occurred, kind, value):
        column.flags.writeable = False  # a function that writes would change what the next one sees
    found = np.empty(len(lead))
    whose = ""
    try:
        if custom.compiled:
            _each(custom.function, log.offsets, log.known, occurred, kind, value, lead, as_of, found)
            return found
        for p in range(len(lead)):
            whose = f" for lead {log.leads[int(lead[p])]!r}"
            seen = log.visible(int(lead[p]), int(as_of[p]))
            found[p] = custom.function(int(as_of[p]), occurred[seen], kind[seen], value[seen])
    except Exception as error:  # whatever a firm's own code raises is told with its name
        raise CustomFeatureError(
            f"the feature {custom.spec.name!r} failed{whose}: {type(error).__name__}: {error}"
        ) from error
    return found


@numba.njit(nogil=True, error_model="numpy")
def _each(function, offsets, known, occurred, kind, value, lead, as_of, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(lead)):
        start = offsets[lead[p]]
        stop = start + np.searchsorted(known[start : offsets[lead[p] + 1]], as_of[p])
        found[p] = function(as_of[p], occurred[start:stop], kind[start:stop], value[start:stop])


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0] or "" in sys.path:
            raise CustomFeatureError(f"features.custom: module {module!r} cannot be imported: {error}") from error
        sys.path.insert(0, "")  # a file beside the workspace, as `python -m` would find it
        try:
            _import(module)
        finally:
            sys.path.remove("")
    except CustomFeatureError:
        raise
    except Exception as error:
        raise CustomFeatureError(
            f"features.custom: module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _source(function: Function) -> str:
    """What a change of the feature shows in: its module, whose helpers and constants it may use."""
    for what in (inspect.getmodule(function), function):
        try:
            return inspect.getsource(what)  # type: ignore[arg-type]  # no module is a TypeError, caught
        except (OSError, TypeError):  # a notebook's module has no file, though its functions have a source
            continue
    return function.__code__.co_code.hex()


def _compiled(function: Function) -> Any:
    """The function compiled, with its bounds checked: beyond them lies what is not visible. None where numba cannot."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy", boundscheck=True)(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what cannot be compiled: it runs as Python
        try:
            compiled.compile(_SIGNATURE)
        except numba.core.errors.NumbaError:
            return None
    returned = compiled.nopython_signatures[0].return_type
    if not isinstance(returned, numba.types.Number | numba.types.Boolean):
        raise CustomFeatureError(f"the feature {function.__name__!r} returns {returned}; it must return a number")
    return compiled
