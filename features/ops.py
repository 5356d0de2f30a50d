"""One column: how it is computed, of what, and the name that follows from both."""

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

from veraison.playbook_model import Family


class Op(IntEnum):
    """How a feature is computed. Those before `trait` are the kernel's, from one lead's events."""

    count = 0
    since = 1
    first = 2
    active_days = 3
    trend = 4
    decayed = 5
    age = 6
    gap_mean = 7
    gap_longest = 8
    burstiness = 9
    overdue = 10
    busiest_day = 11
    office_hours = 12
    sum = 13
    highest = 14
    latest = 15
    recent_kind = 16
    stage = 17
    in_stage = 18
    actors = 19
    last_actor = 20
    sequence = 21
    trait = 22
    missing = 23
    learned = 24
    profile = 25
    rate = 26
    colleagues = 27
    active_colleagues = 28
    colleague_acts = 29
    since_colleague = 30
    won_colleagues = 31
    custom = 32


FAMILY: dict[Op, Family] = {
    Op.count: "activity", Op.decayed: "activity", Op.since: "recency", Op.first: "recency",
    Op.active_days: "rhythm", Op.trend: "rhythm", Op.gap_mean: "rhythm", Op.gap_longest: "rhythm",
    Op.burstiness: "rhythm", Op.overdue: "rhythm", Op.busiest_day: "rhythm", Op.office_hours: "rhythm",
    Op.age: "journey", Op.sum: "values", Op.highest: "values", Op.latest: "values",
    Op.recent_kind: "stage", Op.stage: "stage", Op.in_stage: "stage", Op.actors: "people", Op.last_actor: "people",
    Op.sequence: "sequences", Op.trait: "profile", Op.missing: "profile", Op.learned: "profile", Op.profile: "profile",
    Op.rate: "rates", Op.colleagues: "account", Op.active_colleagues: "account", Op.colleague_acts: "account",
    Op.since_colleague: "account", Op.won_colleagues: "account", Op.custom: "custom",
}  # fmt: skip
_WITHOUT_SUBJECT = {
    Op.age, Op.profile, Op.recent_kind, Op.stage, Op.in_stage, Op.actors, Op.colleagues, Op.active_colleagues,
    Op.colleague_acts, Op.since_colleague, Op.won_colleagues,
}  # fmt: skip
_WINDOWED = {Op.count, Op.sum, Op.active_days, Op.active_colleagues, Op.colleague_acts}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column.

    op      : how it is computed
    subject : the kind of event, the group of kinds, the trait, or the custom feature's name
    short   : days of the window (0 for all time), days of the half-life, or which of the newest kinds
    long    : days of the longer window of a trend
    then    : the kind that ends a sequence
    """

    op: Op
    subject: str = "all"
    short: int = 0
    long: int = 0
    then: str = ""

    @property
    def name(self) -> str:
        """A name derived from the parameters: a change of one is a change of the other.

        >>> Feature(Op.count, "Pricing Page Viewed", 7).name
        'count__pricing_page_viewed__7d'
        >>> Feature(Op.trend, "inbound", 7, 30).name, Feature(Op.recent_kind, short=2).name
        ('trend__inbound__7d_30d', 'recent_kind__2')
        """
        parts = [self.op.name]
        if self.op not in _WITHOUT_SUBJECT:
            parts.append(_slug(self.subject))
        if self.op in _WINDOWED:
            parts.append(f"{self.short}d" if self.short else "ever")
        elif self.op is Op.decayed:
            parts.append(f"half_{self.short}d")
        elif self.op is Op.recent_kind:
            parts.append(str(self.short))
        elif self.op is Op.trend:
            parts.append(f"{self.short}d_{self.long}d")
        elif self.op is Op.sequence:
            parts += [_slug(self.then), f"{self.short}d"]
        return "__".join(parts)

    @property
    def family(self) -> Family:
        return FAMILY[self.op]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "kind"
