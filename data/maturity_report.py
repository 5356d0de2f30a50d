"""What acts, rules and the score would have handed over (`data.reports`); whoever measures it is `monitoring.maturity`.

All ways are held against the same leads: those that are new to the model whose scores are compared. A way *hands over*
a lead at the first moment at which it says that the lead is mature while the lead is open, not off topic, and not with
sales already.
"""

from typing import ClassVar, Literal

from data.journey_report import Share
from data.reports import Part, Report

Kind = Literal["act", "rule", "signs", "score", "as_many", "all"]


class Handed(Part):
    """What one way would have handed over.

    kind        : an act; a rule; "signs", all acts and rules together; the score at the bound of the list; "as_many",
                  the score at the bound at which it hands over as many leads as the signs do; "all", what the playbook
                  calls mature
    name        : of the act or rule, else empty
    bound       : of the score, else null
    leads       : that it would have handed over; each was won, is lost, has opted out or is still open
    accepted    : of them, how many sales accepted, or were won, afterwards; null where the journey names no acceptance
    seen        : of them, those followed for the days of the report, and
    bought      : how many of these were won within these days
    share       : the same as a share; null where there are none
    median_days : from the hand-over to the win, of `bought`; null where there are none
    missed      : leads that were won and that it had not handed over before
    too_late    : leads that it called mature only while sales had them already; not in `leads`
    weeks       : of `leads`, by the weeks of the report
    """

    kind: Kind
    name: str = ""
    bound: float | None = None
    leads: int
    won: int
    lost: int
    opted_out: int
    open: int
    accepted: int | None
    seen: int
    bought: int
    share: Share | None
    median_days: float | None
    missed: int
    too_late: int
    weeks: tuple[int, ...] = ()

    @property
    def label(self) -> tuple[Kind, str]:
        """What tells it from all others."""
        return self.kind, self.name


class Overlap(Part):
    """Leads by who would have handed them over: acts and rules, the score, both or neither.

    seen, bought : as of `Handed`, from the first hand-over on; of neither, from the creation on
    """

    by: Literal["signs", "score", "both", "neither"]
    leads: int
    won: int
    seen: int
    bought: int
    share: Share | None


class Aside(Part):
    """Leads that a rule took out as off topic while they were open, and how many of them were won all the same."""

    name: str
    leads: int
    accepted: int | None
    won: int


class MaturityReport(Report):
    """What each way to tell a mature lead would have handed over, as known at a moment.

    days      : within which a win counts for a share: the primary horizon
    since     : the leads are those created since then, ISO 8601; null where there are none
    leads     : all of them
    won       : how many of them were won so far
    sample    : of how many leads these were drawn by chance; null where they are all
    counts    : whether the playbook lets the score make a lead mature
    model     : whose scores these are; null where none could be had, and then no way speaks of scores
    twin      : whether that is a twin of the model that serves, trained on what was known at `since` only
    weeks     : the Mondays of the weeks that are counted (``2026-03-02``)
    off_topic : by rule
    notes     : what the playbook names and nobody sent, and what could not be measured
    """

    FILE: ClassVar[str] = "maturity.json"
    COMMAND: ClassVar[str] = "veraison report maturity"

    days: int
    since: str | None
    leads: int
    won: int
    sample: int | None = None
    counts: bool = True
    model: str | None = None
    twin: bool = False
    ways: tuple[Handed, ...] = ()
    overlap: tuple[Overlap, ...] = ()
    weeks: tuple[str, ...] = ()
    off_topic: tuple[Aside, ...] = ()
    notes: tuple[str, ...] = ()

    def way(self, kind: Kind) -> Handed | None:
        """The first of a kind; None where there is none."""
        return next((one for one in self.ways if one.kind == kind), None)
