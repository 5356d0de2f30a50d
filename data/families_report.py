"""What there is to say of the families of leads (`data.reports`); whoever measures it is `monitoring.families`.

Counts alone: who the leads are stands in no file, so that who is erased is in none, and each seller sees the own ones.
"""

from typing import ClassVar

from data.reports import Part, Report


class Family(Part):
    """The open leads of one family.

    next      : what the playbook says is to be done with them, empty where it leaves that to what is usual
    idle_days : untouched for longer, a lead is forgotten; 0: never
    untouched : how many are
    half_idle : half of them are untouched for longer than so many days; null where there are none
    expected  : how many of them are expected to be won within `days`, by the model; null where there is none
    """

    name: str
    next: str
    leads: int
    untouched: int
    idle_days: int
    half_idle: float | None
    expected: float | None


class Closed(Part):
    """Leads that are in no family, and why: a name of `data.journey.Status`."""

    status: str
    leads: int


class FamiliesReport(Report):
    """The families of all open leads as known at a moment: each lead counts in one.

    days           : the primary horizon
    take_back_days : marketing takes a lead back that sales left idle for longer; 0: never
    families       : the places and the families in their order, empty ones too
    closed         : leads that are in none, by why
    no_consent     : open leads that may not be contacted
    scored         : whether a model said who is hot; without one nobody is, but by an agreed day
    """

    FILE: ClassVar[str] = "families.json"
    COMMAND: ClassVar[str] = "veraison report families"

    days: int
    take_back_days: int
    families: tuple[Family, ...]
    closed: tuple[Closed, ...]
    no_consent: int
    scored: bool

    def named(self, name: str) -> Family | None:
        """The family of a name."""
        return next((one for one in self.families if one.name == name), None)
