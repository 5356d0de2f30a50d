"""The table of the playbook that says what marketing and sales have promised each other: `[contract]`.

A worked example. Six sellers take ten leads a week each. Marketing promises these sixty leads, and that one in five of
them buys within the primary horizon. Sales promise a first contact within two days, a report within two weeks, and to
send a lead back for one of five reasons only::

    [contract]
    sellers = 6
    leads_per_week = 10
    precision = 0.2
    contact_hours = 48
    report = ["contact_valid", "project_date"]

Whoever keeps such a table has the score from which on a lead is handed over computed from it, week by week
(docs/contract.md); whoever has none goes by the grades.
"""

import hashlib
from typing import Literal

from pydantic import Field, field_validator

from veraison.playbook_returns import REASONS
from veraison.playbook_routes import Routing
from veraison.playbook_table import Name, Table, Whole, refuse


class Contract(Table):
    """What marketing and sales have promised each other.

    leads_per_week  10       leads that each seller takes in a week
    sellers         0        how many they are; 0: those whom `routing.teams` names
    precision       0.2      promised share of the leads handed over that come to what `of` says within the primary
                             horizon, in ]0; 1[
    of              "converted"  or "ready": accepted by sales
    contact_hours   48       hours from the hand-over to the first act of sales, in [1; 8760]
    return_reasons  ['postponed', 'wrong_contact', 'not_mature', 'no_budget', 'other']  for which sales may send a lead
                             back: by default those that the pages offer
    report          []       what sales tell of each lead they accept or send back: properties of that event, or traits
    report_days     14       days after it within which they do
    in_time         0.9      share of the leads for which sales keep both times, in ]0; 1]
    """

    leads_per_week: Whole = Field(default=10, ge=1, le=10_000)
    sellers: Whole = Field(default=0, ge=0, le=100_000)
    precision: float = Field(default=0.2, gt=0, lt=1, strict=True)
    of: Literal["converted", "ready"] = "converted"
    contact_hours: Whole = Field(default=48, ge=1, le=8_760)
    return_reasons: tuple[Name, ...] = REASONS
    report: tuple[Name, ...] = ()
    report_days: Whole = Field(default=14, ge=1, le=365)
    in_time: float = Field(default=0.9, gt=0, le=1, strict=True)

    @field_validator("return_reasons")
    @classmethod
    def _some(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError(f'needs at least one reason, such as "{REASONS[0]}"')
        return names

    @field_validator("return_reasons", "report")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({one for one in names if names.count(one) > 1}):
            raise ValueError(f"names {twice[0]!r} twice")
        return names

    def capacity(self, routing: Routing) -> int:
        """Leads a week, of all sellers.

        >>> Contract(leads_per_week=10).capacity(Routing(teams={"big": ("Amira", "Eva"), "rest": ("Eva",)}))
        20
        """
        return self.leads_per_week * self.sellers_of(routing)

    def sellers_of(self, routing: Routing) -> int:
        """How many sellers there are."""
        return self.sellers or len(_named(routing))

    def terms(self, routing: Routing, primary: int) -> str:
        """Twelve digits that change with whatever the threshold is computed from.

        primary : horizon of the score, days
        """
        told = f"{self.capacity(routing)} {self.precision!r} {self.of} {primary}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def _named(routing: Routing) -> set[str]:
    return {seller for team in routing.teams.values() for seller in team}


def check(contract: Contract | None, routing: Routing, *, has_readiness: bool) -> None:
    """Raise pydantic's ValidationError, with the path of the key, where the contract promises what nobody can count."""
    if contract is None:
        return
    if not contract.capacity(routing):
        _wrong("sellers", 0, "nobody takes leads; say how many sellers there are, or name them in routing.teams")
    if contract.of == "ready" and not has_readiness:
        _wrong(
            "of", "ready", 'journey.ready names no event by which sales accept a lead; name one, or write "converted"'
        )


def _wrong(key: str, value: object, sentence: str) -> None:
    refuse([(("contract", key), sentence, value)])
