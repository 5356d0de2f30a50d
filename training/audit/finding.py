"""What an audit says: findings, each with its evidence, and which of them stop a training."""

from collections.abc import Iterable, Sequence
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
    """Leaks first, then by name; what is found twice stands once, with the severer verdict."""
    found: dict[tuple[str, Sign], Finding] = {}
    for one in sorted(findings, key=lambda one: one.severity is not Severity.leak):
        found.setdefault((one.column, one.sign), one)
    return sorted(found.values(), key=lambda one: (one.severity is not Severity.leak, one.column, one.sign))


def leaks(findings: Iterable[Finding], allowed: Sequence[str] = ()) -> list[Finding]:
    """Those that stop a training: leaks of columns that nobody allowed by name."""
    return [one for one in findings if one.severity is Severity.leak and not {one.column, one.source} & {*allowed}]


def refuse(findings: Iterable[Finding], allowed: Sequence[str]) -> None:
    """Raise TrainingError, one line, where a leak was found that the playbook does not allow.

    >>> refuse([Finding("status", Sign.near_perfect, Severity.leak, "AUC 0.99", 0.99)], allowed=["status"])
    >>> refuse([Finding("status", Sign.near_perfect, Severity.leak, "AUC 0.99", 0.99)], allowed=[])
    Traceback (most recent call last):
    ...
    veraison.errors.TrainingError: 'status' tells the outcome: near perfect alone, AUC 0.99; take it out of \
features.traits, date it when it was really known, or write training.allow_leaks = ["status"]; see: veraison audit
    """
    stopping = leaks(findings, allowed)
    if not stopping:
        return
    names = list(dict.fromkeys(one.name for one in stopping))
    first = stopping[0]
    quoted = ", ".join(f'"{name}"' for name in names)
    others = f" (and {len(names) - 1} more)" if names[1:] else ""
    raise TrainingError(
        f"{first.column!r} tells the outcome: {first.sign}, {first.evidence}{others}; take it out of "
        f"features.traits, date it when it was really known, or write training.allow_leaks = [{quoted}]; "
        "see: veraison audit"
    )
