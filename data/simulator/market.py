"""The rules of the simulated market: who acts how often, what an act means, and what comes of it.

A lead is a small Markov state, and that state is a function of what its history shows:

    kind     the source it came from, as that source was on the day of creation (`KINDS`)
    stage    with marketing, or accepted by sales (`Stage`)
    company  what is known of the firm: nothing, or how well it fits the offer (`UNKNOWN`..3)
    role     what is known of the person: nothing, another role, one that decides (`UNKNOWN`..2)
    level    engagement, 0..`TOP`: raised by the acts of a day, lowered by a working day without any

Each market day a lead acts, then firm and role may become known, then at most one outcome happens. Every
chance below depends on the state and the calendar day only. The journey draws from these tables and the
truth sums over the same tables, so neither can hold a rule that the other does not.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.events import micros

Drift = Literal["none", "source", "rename", "price", "bots", "season", "silent", "quality"]
DRIFTS: Final[tuple[Drift, ...]] = get_args(Drift)

START: Final = micros(datetime(2025, 1, 6, tzinfo=UTC))
"""Midnight of market day 0, a Monday; microseconds UTC."""


class Stage(IntEnum):
    """In whose hands an open lead is."""

    MARKETING = 0
    SALES = 1


class Outcome(IntEnum):
    """What can end a lead's day; `MOVE` is acceptance by sales, or with sales the return to marketing."""

    WIN = 0
    LOSE = 1
    OPT_OUT = 2
    MOVE = 3
    NOTHING = 4


@dataclass(frozen=True, slots=True)
class Source:
    """Where leads come from.

    share         : part of all leads, before drift
    quality       : factor on the chance to win, its square root on acceptance
    level         : engagement that the first contact stands for
    web           : whether its people visit the site before anyone knows them
    act           : the event that made the contact known; None for a bought list
    company, role : chance that firm and role are known from the first day
    """

    name: str
    share: float
    quality: float
    level: int
    web: bool
    act: str | None
    company: float
    role: float
    campaigns: tuple[str, str]


SOURCES: Final = (
    Source("Paid Search", 0.30, 1.00, 5, True, "Form Submitted", 0.05, 0.20, ("brand", "generic")),
    Source("Organic Search", 0.22, 1.20, 4, True, "White Paper Downloaded", 0.05, 0.15, ("guide", "blog")),
    Source("Webinar", 0.14, 1.10, 5, True, "Webinar Registered", 0.10, 0.60, ("autumn", "spring")),
    Source("Bought List", 0.14, 0.40, 1, False, None, 0.75, 0.40, ("list A", "list B")),
    Source("Trade Fair", 0.10, 0.90, 4, False, "Fair Visited", 0.30, 0.80, ("Lyon", "Hanover")),
    Source("Referral", 0.10, 2.00, 6, False, "Call Received", 0.40, 0.50, ("partners", "customers")),
    Source("Social Ads", 0.00, 0.35, 3, True, "Form Submitted", 0.02, 0.05, ("carousel", "video")),
)
LARGEST, NEW = 0, 6
"""Places in `SOURCES`: the source that collapses under drifts "source" and "quality", and the one that appears under
"source"."""

SILENT: Final = 1
"""Place of the source that delivers no leads any more under drift "silent"; its visitors still come and go."""

NEW_SHARE: Final = 0.20
COLLAPSED: Final = 0.15
"""Quality of the largest source, for leads created after its collapse."""

KINDS: Final = (*(source.quality for source in SOURCES), COLLAPSED)
COLLAPSED_KIND: Final = len(SOURCES)

UNKNOWN: Final = 0
COMPANY_FACTOR: Final = np.array([0.9, 0.30, 1.0, 2.3])
"""Unknown, then by how many of {core industry, mid size} the firm is: none, one, both."""
ROLE_FACTOR: Final = np.array([1.0, 0.7, 1.6])
"""Unknown, another role, a role that decides."""

TOP: Final = 12
RETURN_DROP: Final = 3
"""Levels lost on return: the seller found less than the acts had promised."""

SHAPE: Final = (len(KINDS), len(Stage), len(COMPANY_FACTOR), len(ROLE_FACTOR), TOP + 1)
"""The states, in the order kind, stage, company, role, level."""

CORE_INDUSTRIES: Final = {"Manufacturing": 0.20, "Logistics": 0.13, "Construction": 0.11}
OTHER_INDUSTRIES: Final = {"Retail": 0.18, "Software": 0.14, "Education": 0.12, "Public Sector": 0.12}
SIZES: Final = {(5, 49): 0.40, (50, 999): 0.42, (1_000, 8_000): 0.18}
MID: Final = (50, 999)
DECIDING_ROLES: Final = {"Head of Operations": 0.14, "Purchasing Director": 0.12, "Managing Director": 0.10}
OTHER_ROLES: Final = {"Analyst": 0.22, "Project Manager": 0.20, "Assistant": 0.14, "Student": 0.08}

_CORE, _MIDDLE, _DECIDES = sum(CORE_INDUSTRIES.values()), SIZES[MID], sum(DECIDING_ROLES.values())
COMPANY_PRIOR: Final = np.array(
    [
        0.0,
        (1 - _CORE) * (1 - _MIDDLE),
        _CORE * (1 - _MIDDLE) + (1 - _CORE) * _MIDDLE,
        _CORE * _MIDDLE,
    ]
)
ROLE_PRIOR: Final = np.array([0.0, 1 - _DECIDES, _DECIDES])
"""What a firm, a role turns out to be once known; until then nothing a lead does depends on it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that can happen on a lead's day, by the lead or by the firm (`outbound`).

    names  : the event's name the first time, the second ...; the last one from then on. Both count alike, so
             that a trial or a webinar needs no memory in the state
    points : levels gained on a day on which it happens; 0 moves nothing
    rates  : chance a day at level 0, with marketing and with sales
    growth : the chance grows by this part of itself per level
    when   : the calendar it follows: visits, sellers at work, or days of the mailing
    page   : a `page` call, not a `track` call
    web    : done in a browser, so it carries a user agent
    """

    names: tuple[str, ...]
    points: int
    rates: tuple[float, float]
    growth: float = 0.0
    when: Literal["visit", "work", "mail"] = "visit"
    page: bool = False
    web: bool = False
    outbound: bool = False


SLOTS: Final = (
    Slot(("Product",), 1, (0.055, 0.080), 0.18, page=True, web=True),
    Slot(("Pricing",), 2, (0.014, 0.028), 0.30, page=True, web=True),
    Slot(("Email Clicked",), 1, (0.06, 0.10), 0.30, "mail", web=True),
    Slot(("White Paper Downloaded",), 2, (0.008, 0.008), 0.20, web=True),
    Slot(("Webinar Registered", "Webinar Attended"), 2, (0.006, 0.006), 0.25, web=True),
    Slot(("Form Submitted",), 2, (0.005, 0.007), 0.25, web=True),
    Slot(("Trial Started", "Trial Used"), 3, (0.0020, 0.008), 0.30, web=True),
    Slot(("Call Received",), 3, (0.0020, 0.009), 0.25, "work"),
    Slot(("Demo Requested",), 5, (0.0012, 0.006), 0.40, "work", web=True),
    Slot(("Quote Requested",), 7, (0.0008, 0.006), 0.45, "work", web=True),
    Slot(("Home",), 0, (0.045, 0.050), 0.10, page=True, web=True),
    Slot(("Careers",), 0, (0.004, 0.002), 0.00, page=True, web=True),
    Slot(("Newsletter Subscribed",), 0, (0.0010, 0.0005), 0.05),
    Slot(("Fair Visited",), 0, (0.0010, 0.0010), 0.00),
    Slot(("Email Opened",), 0, (0.20, 0.30), 0.12, "mail"),
    Slot(("Email Sent",), 0, (1.0, 1.0), 0.0, "mail", outbound=True),
    Slot(("Call Made",), 0, (0.006, 0.16), 0.05, "work", outbound=True),
    Slot(("Meeting Scheduled",), 0, (0.0, 0.03), 0.10, "work", outbound=True),
    Slot(("Proposal Sent",), 0, (0.0, 0.015), 0.20, "work", outbound=True),
)
POINTS: Final = np.array([slot.points for slot in SLOTS])
OUTBOUND: Final = tuple(slot.names[0] for slot in SLOTS if slot.outbound)
PAGE_POINTS: Final = {slot.names[0]: slot.points for slot in SLOTS if slot.page}

RENAMED: Final = {"Quote Requested": "Quote Form Sent"}
"""Drift "rename": what an event is called from then on."""

_RATES: Final = np.array([slot.rates for slot in SLOTS]).T[:, None, :]
_GROWTH: Final = 1 + np.arange(TOP + 1)[:, None] * np.array([slot.growth for slot in SLOTS])
_WEEK: Final = (1.00, 1.10, 1.10, 1.00, 0.85, 0.22, 0.18)
_LEARN: Final[NDArray[np.float64]] = np.array([[0.010, 0.10], [0.012, 0.12]])
"""Chance a working day to learn (company, role) with (marketing, sales)."""

DIP, DIP_DAYS = 0.30, 56
"""Drift "season": for so many days, volumes are this part of the usual."""
PRICE_FACTOR: Final = 0.5
"""Drift "price": what the rise leaves of the daily chance to win."""
BOT_SHARE, BOT_WAVE = 0.012, 0.25
"""Part of new leads that are bots, in general and under drift "bots"."""


def next_level(level: NDArray[np.int64], gain: NDArray[np.int64], day: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Engagement after a day with this gain; a working day without gain costs one level.

    >>> next_level(np.array([0, 4, 4, 11]), np.array([0, 0, 2, 7]), day=0)
    array([ 0,  3,  6, 12])
    """
    cost = np.where(np.mod(day, 7) < 5, 1, 0)
    return np.where(gain > 0, np.minimum(level + gain, TOP), np.maximum(level - cost, 0))


def day_of(day: int) -> date:
    """The calendar date of a market day."""
    return date(2025, 1, 6) + timedelta(days=day)


class Market:
    """The market under one drift from `drift_day` on; every method is asked for one market day >= 0.

    steady : whether the weeks of the year are alike: no wave, no August, no end of December
    """

    def __init__(self, drift: Drift = "none", drift_day: int = 0, steady: bool = False) -> None:
        self.drift = drift
        self.drift_day = drift_day
        self.steady = steady
        kind, stage, company, role, level = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
        fit = COMPANY_FACTOR[company] * ROLE_FACTOR[role]
        quality = np.array(KINDS)[kind]
        warmth = level / TOP
        sales = stage == Stage.SALES
        self._outcomes: NDArray[np.float64] = np.zeros((len(Outcome) - 1, *SHAPE))
        self._outcomes[Outcome.WIN] = sales * np.minimum(0.023 * quality * fit * (0.15 + 2.6 * warmth**1.5), 0.4)
        self._outcomes[Outcome.LOSE] = np.where(
            sales, 0.030 * (1.5 - warmth), np.where(company == 1, 0.006, 0.0030) * (1.2 - warmth)
        )
        self._outcomes[Outcome.OPT_OUT] = 0.003 * (1.2 - warmth)
        self._outcomes[Outcome.MOVE] = np.where(
            sales, 0.020 * (1.2 - warmth), np.sqrt(quality * fit) * (0.0008 + 0.17 * warmth**2)
        )

    def under(self, drift: Drift, day: int | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether this drift rules the day."""
        return np.asarray((self.drift == drift) & (np.asarray(day) >= self.drift_day))

    def mailing(self, day: int) -> bool:
        """The firm mails every open lead on the Tuesday of every second week."""
        return day % 14 == 1

    def year(self, day: int) -> float:
        """Season within the year, without drift: a mild wave, August and the last days of December low."""
        if self.steady:
            return 1.0
        today = day_of(day)
        wave = 1 + 0.10 * float(np.cos(2 * np.pi * (today.timetuple().tm_yday - 80) / 365.25))
        if today.month == 8:
            return 0.55 * wave
        return 0.35 * wave if (today.month, today.day) >= (12, 23) else wave

    def dip(self, day: int) -> float:
        """What drift "season" leaves of the volumes, 1 outside it."""
        return DIP if self.under("season", day) and day < self.drift_day + DIP_DAYS else 1.0

    def season(self, day: int) -> float:
        """Volumes without drift, about 1 on a working day: the week times the year."""
        return _WEEK[day % 7] * self.year(day)

    def selling(self, day: int) -> float:
        """How much sellers work, 0 at the weekend."""
        return min(self.year(day), 1.0) if day % 7 < 5 else 0.0

    def acts(self, day: int) -> NDArray[np.float64]:
        """Chance of each slot today, (stage, level, slot)."""
        calendar = {
            "visit": self.season(day) * self.dip(day),
            "work": self.selling(day),
            "mail": float(self.mailing(day)),
        }
        chances: NDArray[np.float64] = np.minimum(
            _RATES * _GROWTH * np.array([calendar[slot.when] for slot in SLOTS]), 1.0
        )
        return chances

    def learning(self, day: int) -> NDArray[np.float64]:
        """Chance that firm and role become known today where they are not, (company or role, stage)."""
        return _LEARN * self.selling(day)

    def outcomes(self, day: int) -> NDArray[np.float64]:
        """Chance of each outcome but `NOTHING` today, (outcome, *SHAPE); they exclude each other."""
        work = self.selling(day)
        price = PRICE_FACTOR if self.under("price", day) else 1.0
        scale = np.array([work * price, work, float(self.mailing(day)), work])
        chances: NDArray[np.float64] = self._outcomes * scale[:, None, None, None, None, None]
        return chances
