"""Before anything trains: do the playbook's names mean something in this log?"""

import difflib
from collections.abc import Collection

from features.catalogue import FeatureSet
from veraison.errors import PlaybookError
from veraison.playbook import Playbook

_KEYS = ("created", "ready", "converted", "lost", "returned", "opted_out", "worked")
_NEEDED = ("created", "ready", "converted")


def check_names(playbook: Playbook, kinds: Collection[str]) -> list[str]:
    """Warnings about events that the playbook names and that never occur.

    Raises PlaybookError where that would change what is learned: none of the events of ``created``, ``ready`` or
    ``converted`` occurs, or a name that never occurs is much like an event that the playbook does not name.

    >>> from veraison.playbook import Journey
    >>> check_names(Playbook(journey=Journey(converted=("Deal Wom",))), {"Deal Won"})
    Traceback (most recent call last):
    ...
    veraison.errors.PlaybookError: journey.converted: no event 'Deal Wom' ever occurs; did you mean 'Deal Won'?
    """
    warnings = []
    named = {name for key in _KEYS for name in getattr(playbook.journey, key)}
    others = sorted({*kinds} - named)
    for key in _KEYS:
        names = getattr(playbook.journey, key)
        absent = [name for name in names if name not in kinds]
        for name in absent:
            if near := difflib.get_close_matches(name, others, n=1, cutoff=0.8):
                raise PlaybookError(f"journey.{key}: no event {name!r} ever occurs; did you mean {near[0]!r}?")
            warnings.append(f"journey.{key}: no event {name!r} has occurred so far")
        if key in _NEEDED and names and len(absent) == len(names):
            known = ", ".join(sorted(kinds)[:12])
            raise PlaybookError(
                f"journey.{key}: no event {absent[0]!r} ever occurs; the store holds: {known or 'nothing'}"
            )
    return warnings


def check_monotone(playbook: Playbook, feature_set: FeatureSet) -> None:
    """Raise PlaybookError where `training.monotone` names no feature, or a category, which has no order."""
    for name in playbook.training.monotone:
        if name not in feature_set.names:
            near = difflib.get_close_matches(name, feature_set.names, n=1, cutoff=0.6)
            raise PlaybookError(
                f"training.monotone: no feature {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + "; `veraison features` lists their names"
            )
        if feature_set.names.index(name) in feature_set.categorical:
            raise PlaybookError(f"training.monotone: {name!r} is a category, of which there is no more or less")
