"""The table of the playbook that says what follows when sales give a lead back: `[returns.<reason>]`.

A worked example. Whom a seller postpones to a day comes back on it; whom a seller finds not mature is left alone for
six weeks and nurtured meanwhile::

    [returns.not_mature]
    days = 42
    next = "Send the series on return on investment."

Reasons are written as sales are asked for them: small letters, ``_`` for a space. A reason without a table of its own
keeps what is usual, and one that another system calls as it likes rests for `USUAL_DAYS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from veraison.playbook_table import Table

REASONS = ("postponed", "wrong_contact", "not_mature", "no_budget", "other")
"""Why a lead is given back, as sales are asked."""
USUAL_DAYS, LONGEST = 30, 731
ALWAYS: Literal["always"] = "always"
Mistake = tuple[tuple[str, ...], str, object]
"""Where, what is wrong there, and what stands there."""


class Return(Table):
    """What follows a reason.

    days     30     so long the lead is left alone by sales, in [0; 731]; "always": until sales say something else
    on_date  false  true: where a day was agreed, it is left alone until then, and called on it
    next     ""     what to do meanwhile, as a sentence; where there is none, what its family says
    """

    days: int | Literal["always"] = USUAL_DAYS
    on_date: bool = Field(default=False, strict=True)
    next: str = ""

    @field_validator("days", mode="before")
    @classmethod
    def _days_or_always(cls, value: object) -> object:
        if value != ALWAYS and not (type(value) is int and 0 <= value <= LONGEST):
            raise ValueError(f'is a whole number of days in [0; {LONGEST}], or "{ALWAYS}"')
        return value


USUAL: dict[str, Return] = {
    "postponed": Return(on_date=True),
    "wrong_contact": Return(days=ALWAYS),
}
"""What follows where the playbook does not say it; of every other reason what `Return` has by default."""


def follows(returns: Mapping[str, Return], reason: str | None) -> Return:
    """What follows a reason; what the playbook leaves out is as usual.

    >>> follows({"postponed": Return(days=14)}, "postponed")
    Return(days=14, on_date=True, next='')
    >>> follows({}, "no answer").days
    30
    """
    usual = USUAL.get(reason or "", Return())
    said = returns.get(reason or "")
    return usual if said is None else usual.model_copy(update=said.model_dump(exclude_unset=True))


def mistakes(returns: Mapping[str, Return], reasons: Sequence[str]) -> Iterator[Mistake]:
    """Whatever is wrong in the table.

    reasons : those that sales may give
    """
    for name in returns:
        if name not in reasons:
            yield ("returns", name), f"is no reason that sales are asked for; those are: {', '.join(reasons)}", name
