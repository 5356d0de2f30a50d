"""What marketing and sales have promised each other, and what came of it (`data.reports`); measured by
`monitoring.contract`.
"""

from typing import ClassVar, Literal

from data.contract_lines import Bound, Breach
from data.reports import Part, Report


class Share(Part):
    """So many of so many, as a share with its 95 % bounds (Wilson), each in [0; 1]; null where there are none."""

    of: int
    kept: int
    share: float | None
    low: float | None
    high: float | None


class Week(Part):
    """What came of a week.

    bound    : with what was expected when it began
    over     : whether it is
    handed   : leads handed over
    expected : share of them that will come to what was promised, by their scores, for those of whom it is open too
    won      : of the leads whose primary horizon is over, those that did
    settled  : whether it is over for all of them
    contact  : of the leads whose time to first contact is over, those contacted in time
    hours    : median to the first contact, of these leads; null where so many were never contacted
    report   : of the acceptances and returns in the week whose time to report is over, those with all of it
    returned : leads sent back in the week; `undeclared` of them without a declared reason
    """

    bound: Bound
    over: bool
    handed: int
    expected: float | None
    won: Share
    settled: bool
    contact: Share
    hours: float | None
    report: Share
    returned: int
    undeclared: int


class Seller(Part):
    """What came of one seller's leads in the weeks of the report; ``name`` null: of nobody's."""

    name: str | None
    handed: int
    won: Share
    contact: Share
    hours: float | None
    report: Share
    returned: int
    undeclared: int


class Reason(Part):
    """For which reason leads were sent back; ``name`` null: for none."""

    name: str | None
    declared: bool
    returns: int


class Terms(Part):
    """What was promised, as the playbook says it; ``days``: the primary horizon."""

    leads: int
    sellers: int
    leads_per_week: int
    precision: float
    of: Literal["converted", "ready"]
    days: int
    contact_hours: int
    in_time: float
    report: tuple[str, ...]
    report_days: int
    return_reasons: tuple[str, ...]


class Totals(Part):
    """All weeks of the report together; volumes are of those that are over.

    promised, handed : leads
    """

    weeks: int
    promised: int
    handed: int
    won: Share
    contact: Share
    hours: float | None
    report: Share
    returned: int
    undeclared: int


class ContractReport(Report):
    """The contract as known at a moment.

    weeks    : the oldest first, the last one that in which the moment lies; none where no model has served yet
    totals   : of all weeks, with the same meaning
    sellers  : who had most leads first
    reasons  : the most frequent first
    breaches : the newest first
    """

    FILE: ClassVar[str] = "contract.json"
    COMMAND: ClassVar[str] = "veraison report contract"

    terms: Terms
    weeks: tuple[Week, ...] = ()
    totals: Totals
    sellers: tuple[Seller, ...] = ()
    reasons: tuple[Reason, ...] = ()
    breaches: tuple[Breach, ...] = ()

    @property
    def bound(self) -> Bound | None:
        """The newest bound."""
        return self.weeks[-1].bound if self.weeks else None
