"""What an audit says: findings, each with its evidence, and which of them stop a training."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from veraison.errors import TrainingError


class Severity(StrEnum):
    """`leak` stops training; `notice` is printed."""

    leak = "leak"
    notice = "notice"


class Sign(StrEnum):
    """What was found; `docs/audit.md` says what each means, and why its thresholds are what they are."""

    near_perfect = "near perfect alone"
    one_outcome = "known for one outcome only"
    filled_one_outcome = "filled for one outcome only"
    both_ways = "decides both ways"
    overwritten_copy = "overwritten copy"
    rewritten = "rewritten in place"
    after_outcome = "arrives after the outcome"
    changed_by_outcome = "changes with the outcome"
    one_import = "all known at one moment"
    fades = "fades when dated later"
    duplicates = "duplicates across the split"
    missing_tells = "being missing tells"
    undated_state = "named as a latest state"


@dataclass(frozen=True)
class Finding:
    """One reason to doubt one column.

    column   : a trait, a kind of event, a feature, or the column of a table
    sign     : what was found
    evidence : the same in words with its figures
    figure   : the figure that decided: an AUC or a share in [0; 1], or an odds ratio
    source   : of a feature: the trait or kind of event it is made of
    """

    column: str
    sign: Sign
    severity: Severity
    evidence: str
    figure: float
    source: str = ""

    @property
    def name(self) -> str:
        """By what name the playbook allows it."""
        return self.source or self.column


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Leaks first, then by name and sign; what is found twice stands once, with the severer verdict."""
    place = {sign: at for at, sign in enumerate(Sign)}
    found: dict[tuple[str, Sign], Finding] = {}
    for one in sorted(findings, key=lambda one: one.severity is not Severity.leak):
        found.setdefault((one.column, one.sign), one)
    return sorted(found.values(), key=lambda one: (one.severity is not Severity.leak, one.column, place[one.sign]))


def leaks(findings: Iterable[Finding], allowed: Sequence[str] = ()) -> list[Finding]:
    """Those that stop a training: leaks of columns that nobody allowed by name."""
    return [one for one in findings if one.severity is Severity.leak and not {one.column, one.source} & {*allowed}]


def refuse(findings: Iterable[Finding], allowed: Sequence[str], say: Callable[[str], None] = lambda _: None) -> None:
    """Raise TrainingError, one line, where a leak was found that the playbook does not allow.

    say : told of leaks that it allows

    >>> found = [Finding("status", Sign.near_perfect, Severity.leak, "AUC 0.990", 0.99)]
    >>> refuse(found, allowed=["status"], say=print)
    allowed by training.allow_leaks: 'status', near perfect alone: AUC 0.990
    >>> refuse(found, allowed=[])
    Traceback (most recent call last):
    ...
    veraison.errors.TrainingError: leak: 'status', near perfect alone: AUC 0.990; take it out of the playbook's \
features, date it when it was really known, or, if it is honest, write [training] allow_leaks = ["status"]; \
more: veraison audit
    """
    found = list(findings)
    stopping = leaks(found, allowed)
    for one in leaks(found):
        if one not in stopping:
            say(f"allowed by training.allow_leaks: {one.column!r}, {one.sign}: {one.evidence}")
    if not stopping:
        return
    names = list(dict.fromkeys(one.name for one in stopping))
    quoted = json.dumps(names, ensure_ascii=False)
    first = stopping[0]
    others = f" (and {len(names) - 1} more: {', '.join(map(repr, names[1:4]))}{', ...' if names[4:] else ''})"
    raise TrainingError(
        f"leak: {first.column!r}, {first.sign}: {first.evidence}{others if names[1:] else ''}; take it out of the "
        "playbook's features, date it when it was really known, or, if it is honest, write [training] "
        f"allow_leaks = {quoted}; more: veraison audit"
    )
