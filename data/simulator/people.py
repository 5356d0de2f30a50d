"""Who becomes a lead, when and from where, and who they are; all of it drawn before the first day.

The draws never depend on the drift: a drift only changes what is made of them from its day on, so that
everything before that day is the same, to the byte, as in the market without drift.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.simulator.market import (
    BOT_SHARE,
    BOT_WAVE,
    COLLAPSED_KIND,
    CORE_INDUSTRIES,
    DECIDING_ROLES,
    LARGEST,
    MID,
    NEW,
    NEW_SHARE,
    OTHER_INDUSTRIES,
    OTHER_ROLES,
    PAGE_POINTS,
    SILENT,
    SIZES,
    SOURCES,
    START,
    UNKNOWN,
    Market,
    Source,
    Stage,
    next_level,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EARLY_DAYS = 14
_EARLY_VISIT, _EARLY_PRODUCT, _EARLY_PRICING = 0.10, 0.60, 0.25
EARLIEST, LATEST = 6.5 * 3_600, 17 * 3_600
"""Leads are created between these seconds of a day; see `simulate` on why not later."""

_INDUSTRIES = CORE_INDUSTRIES | OTHER_INDUSTRIES
_ROLES = DECIDING_ROLES | OTHER_ROLES
_COUNTRIES = {"FR": 0.46, "DE": 0.18, "BE": 0.12, "ES": 0.10, "IT": 0.08, "CH": 0.06}
_FIRST_NAMES = ("anne", "ben", "carla", "denis", "elsa", "farid", "greta", "hugo", "ines", "jan", "lea", "marc")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/134.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0",
)
BOT_AGENT = "Mozilla/5.0 (compatible; LinkScanner/2.1; bot)"

_DRAWS = (
    *("source", "new_source", "bot", "dip", "industry", "size", "employees", "country", "role"),
    *("company_known", "role_known", "alias", "campaign", "name", "agent"),
)
"""What chance decides about each lead, one number in [0, 1[ each."""


@dataclass(frozen=True, slots=True)
class Person:
    """One lead, as far as nothing changes it.

    anonymous_id : the browser's id, where the person visited before being known, or is a bot
    alias        : whether an alias links that id, not an identify
    day, second  : market day of the creation, and seconds after its midnight
    """

    lead_id: str
    anonymous_id: str | None
    alias: bool
    day: int
    second: int
    source: Source
    campaign: str
    email: str
    agent: str
    industry: str
    employees: int
    country: str
    role: str

    @property
    def born(self) -> int:
        """Moment of creation, microseconds UTC."""
        return START + self.day * MICROS_PER_DAY + self.second * MICROS_PER_SECOND

    def at(self, day: int, part: float) -> int:
        """A moment of a day, `part` in [0, 1[ of the time from 2 minutes after the hour of creation to 20:00."""
        first = self.second + 120
        return START + day * MICROS_PER_DAY + int(first + part * (20 * 3_600 - first)) * MICROS_PER_SECOND


@dataclass(frozen=True, slots=True)
class People:
    """All leads of a market in order of creation.

    state   : (5, n) at creation, rows as in `market.SHAPE`
    hidden  : (2, n) what firm and role turn out to be once known
    day     : (n,) market day of creation
    bot     : (n,)
    early   : by market day: (anonymous id, page, second of the day) of visits before anyone was known
    """

    persons: list[Person]
    state: Ints
    hidden: Ints
    day: Ints
    bot: NDArray[np.bool_]
    early: dict[int, list[tuple[str, str, int]]]


def _pick(shares: dict[str, float] | dict[tuple[int, int], float], luck: Floats) -> Ints:
    """Places in `shares`, by cumulated share."""
    return np.minimum(np.searchsorted(np.cumsum(list(shares.values())), luck, side="right"), len(shares) - 1)


def settle(market: Market, leads: int, days: int, rng: np.random.Generator) -> People:
    """Draw the people of a market of `days` days with `leads` leads before any dip of volumes."""
    volume = np.array([market.season(day) for day in range(days)])
    day = rng.choice(days, size=leads, p=volume / volume.sum())
    second = (EARLIEST + (LATEST - EARLIEST) * rng.random((2, leads)).mean(axis=0)).astype(np.int64)
    order = np.lexsort((second, day))
    day, second = day[order], second[order]
    luck = dict(zip(_DRAWS, rng.random((len(_DRAWS), leads)), strict=True))

    usual = _pick({one.name: one.share for one in SOURCES if one.share}, luck["source"])
    new_source = market.under("source", day)
    bot = luck["bot"] < np.where(market.under("bots", day), BOT_WAVE, BOT_SHARE)
    source = np.where(new_source & (luck["new_source"] < NEW_SHARE), NEW, usual)
    source = np.where(bot, LARGEST, source)  # bots come by paid clicks
    collapsed = (new_source | market.under("quality", day)) & (source == LARGEST)
    kind = np.where(collapsed, COLLAPSED_KIND, source)
    kept = luck["dip"] < np.array([market.dip(today) for today in range(days)])[day]
    kept &= ~(market.under("silent", day) & (source == SILENT))

    industry, size, role = _pick(_INDUSTRIES, luck["industry"]), _pick(SIZES, luck["size"]), _pick(_ROLES, luck["role"])
    country = _pick(_COUNTRIES, luck["country"])
    fit = 1 + (industry < len(CORE_INDUSTRIES)) + (size == list(SIZES).index(MID))
    decides = np.where(role < len(DECIDING_ROLES), 2, 1)
    low, high = np.array(list(SIZES)).T[:, size]
    employees = (low * ((high + 1) / low) ** luck["employees"]).astype(np.int64)

    early_level, visited, early = _early_visits(day, np.array([one.web for one in SOURCES])[usual], rng)
    linked = visited & ~bot
    first_contact = np.array([one.level for one in SOURCES])[source]
    company_known, role_known = np.array([(one.company, one.role) for one in SOURCES]).T[:, source]
    state = np.stack(
        [
            kind,
            np.full(leads, Stage.MARKETING),
            np.where(luck["company_known"] < company_known, fit, UNKNOWN),
            np.where(luck["role_known"] < role_known, decides, UNKNOWN),
            next_level(early_level, first_contact, day),
        ]
    )
    industries, roles, countries = list(_INDUSTRIES), list(_ROLES), list(_COUNTRIES)
    persons = []
    for number, i in enumerate(np.flatnonzero(kept).tolist(), start=1):
        anonymous = f"a-{i + 1:06d}" if linked[i] else f"a-{i + 1:06d}-s" if bot[i] else None
        where = SOURCES[int(source[i])]
        persons.append(
            Person(
                lead_id=f"L{number:05d}",
                anonymous_id=anonymous,
                alias=bool(linked[i] and luck["alias"][i] < 0.2),
                day=int(day[i]),
                second=int(second[i]),
                source=where,
                campaign=where.campaigns[int(luck["campaign"][i] < 0.4)],
                email=f"{_FIRST_NAMES[int(luck['name'][i] * len(_FIRST_NAMES))]}@firm{i + 1}.example",
                agent=BOT_AGENT if bot[i] else AGENTS[int(luck["agent"][i] * len(AGENTS))],
                industry=industries[industry[i]],
                employees=int(employees[i]),
                country=countries[country[i]],
                role=roles[role[i]],
            )
        )
    return People(persons, state[:, kept], np.stack([fit, decides])[:, kept], day[kept], bot[kept], early)


def _early_visits(
    day: Ints, web: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Ints, NDArray[np.bool_], dict[int, list[tuple[str, str, int]]]]:
    """Anonymous visits in the days before creation.

    Returns the level they led to, (n,); whether there was any visit, (n,); and the visits by day. They are
    drawn from the source as it is without drift and happen even where a drift takes the lead away.
    """
    level = np.zeros_like(day)
    visited = np.zeros(len(day), dtype=np.bool_)
    early: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    for back in range(EARLY_DAYS, 0, -1):
        today = day - back
        luck = rng.random((4, len(day)))
        visit = web & (luck[0] < _EARLY_VISIT) & (today >= 0)
        pages = {
            "Home": visit,
            "Product": visit & (luck[1] < _EARLY_PRODUCT),
            "Pricing": visit & (luck[2] < _EARLY_PRICING),
        }
        gain = sum(PAGE_POINTS[page] * seen for page, seen in pages.items())
        level = next_level(level, np.asarray(gain, dtype=np.int64), today)
        visited |= visit
        for minute, (page, seen) in enumerate(pages.items()):
            for i in np.flatnonzero(seen).tolist():
                second = int(EARLIEST + luck[3, i] * (LATEST - EARLIEST)) + 60 * minute
                early[int(today[i])].append((f"a-{i + 1:06d}", page, second))
    return level, visited, early
