"""In which family each open lead is at a moment: one place for every lead, so that nobody is forgotten.

The places and their order are those of veraison.playbook_families; the first that fits takes the lead. Everything that
decides was visible at the moment (``known_at < as_of``).

A worked example, with the usual families, on 1 June. L1 was accepted on 20 May, and the seller called on the 28th: it
is with sales. L2 was accepted in April, and nobody has done anything since: marketing takes it back. L3 was given back
on 10 May, postponed to 1 July: postponed, untouched for 22 days, which is as agreed. L4 looked at prices yesterday and
scores 71: hot. L5 has done nothing since January: dormant. L6 opened a mail in May and scores 44: nurture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.identity import fold
from data.journey import Role, Status, roles, standing
from data.known import amounts_at, traits_at
from data.log import NEVER, EventLog, Floats, Ints
from data.maturity import on_list, signalled
from data.routes import Clause, Rule, Value, clauses, comparable
from data.stays import Exit, stays
from data.worked import acts
from veraison.playbook import Playbook
from veraison.playbook_conditions import Names
from veraison.playbook_families import HOT, OFF_TOPIC, PLACES, TAKEN_BACK, WITH_SALES, family_domains

Bools = npt.NDArray[np.bool_]
OPEN = (Status.scored, Status.too_early)
NOWHERE = -1
"""Of a lead that is not open: closed, merged, opted out, not begun."""
_TEACHING = ("identify", "group", "alias")


@dataclass(frozen=True, slots=True)
class Heard:
    """What sales' last word on a lead still means at a moment.

    reason : why they gave it back, None once the time of that reason is over, or where they did not
    agreed : whether a day was agreed that has come lately
    rests  : whether it is to be left alone now
    """

    reason: str | None = None
    agreed: bool = False
    rests: bool = False


NOTHING = Heard()


@dataclass(frozen=True)
class Families:
    """Where leads are. (n,) arrays in the order asked.

    names     : of the places, in their order
    place     : of each lead, `NOWHERE` where it is not open
    since     : when the lead, or sales, last did something (microseconds UTC), else when it began; `NEVER` of who is
                not open
    of_sales  : when sales last did something, `NEVER` where they never did
    untouched : whether nothing has been done for longer than its place allows
    as_of     : microseconds UTC
    """

    names: tuple[str, ...]
    place: Ints
    since: Ints
    of_sales: Ints
    untouched: Bools
    as_of: int

    def __len__(self) -> int:
        return len(self.place)

    def of(self, places: Ints) -> "Families":
        """Those at some places of the order."""
        kept = {name: getattr(self, name)[places] for name in ("place", "since", "of_sales", "untouched")}
        return replace(self, **kept)

    def at(self, name: str) -> Bools:
        """(n,) who is in a place."""
        found: Bools = self.place == self.names.index(name)
        return found

    def name(self, at: int) -> str | None:
        """The family of one; None where it is not open."""
        return None if self.place[at] == NOWHERE else self.names[int(self.place[at])]

    def idle_days(self, at: int) -> float:
        """Days since anything was done with one that is open."""
        return float(self.as_of - self.since[at]) / MICROS_PER_DAY


def families_at(
    log: EventLog,
    book: Playbook,
    lead: Ints,
    as_of: int,
    *,
    score: Floats,
    probability: Floats,
    heard: Mapping[int, Heard],
    least: float,
) -> Families:
    """Where each lead is at a moment, microseconds UTC.

    lead               : (n,) codes in the log, -1 for one that is not in it
    score, probability : (n,) what the scorer says, NaN where it says nothing
    heard              : by code, what sales' last word still means; of the others nothing
    least              : score from which on a lead is on the list
    """
    table, rules = book.families, _rules(book)
    then = standing(log, book.journey, lead, np.full(len(lead), as_of))
    is_open = np.isin(then.status, OPEN)
    acted, of_sales = _touched(log, book, as_of)
    since, sold = np.where(acted[lead] == _NONE, then.started, acted[lead]), of_sales[lead]
    idle = (as_of - since) / MICROS_PER_DAY
    words = [heard.get(code, NOTHING) for code in lead.tolist()]
    names = (*PLACES, *(rule.name for rule in rules))
    place = np.full(len(lead), NOWHERE, dtype=np.int64)

    accepted = is_open & (then.ready != NEVER)
    left = as_of - np.maximum(sold, then.ready) > table.take_back_days * MICROS_PER_DAY
    taken = accepted & left & bool(table.take_back_days)
    place[accepted], place[taken] = names.index(WITH_SALES), names.index(TAKEN_BACK)
    rests = np.array([one.rests for one in words], dtype=np.bool_)
    agreed = np.array([one.agreed for one in words], dtype=np.bool_)
    signs = signalled(log, book, lead, np.full(len(lead), as_of))
    off_topic = signs.off_topic >= 0
    listed = on_list(book, score, least, signs.spoken, off_topic)
    place[is_open & ~accepted & ~rests & (agreed | listed)] = names.index(HOT)
    place[is_open & ~accepted & off_topic] = names.index(OFF_TOPIC)

    others = np.flatnonzero(is_open & (place == NOWHERE))
    known = _known(log, book, rules, lead[others], as_of, score[others], probability[others])
    for at, values in zip(others.tolist(), known, strict=True):
        reason = words[at].reason
        values |= {"days_idle": float(idle[at]), "returned": reason}
        place[at] = names.index(next(rule.name for rule in rules if rule.takes(values)))

    allowed = [*(table.idle_of(name) for name in PLACES), *(one.idle_days or 0 for one in table.in_order.values())]
    most = np.array([*allowed, 0])[place]
    return Families(
        names=names,
        place=place,
        since=np.where(is_open, since, NEVER),
        of_sales=np.where(sold == _NONE, NEVER, sold),
        untouched=is_open & (most > 0) & (idle > most),
        as_of=as_of,
    )


def _rules(book: Playbook) -> tuple[Rule, ...]:
    """The families in their order, their conditions read."""
    grades = book.scoring.grades
    known = family_domains(book.features.traits, grades, [one.name for one in book.zones])
    return tuple(
        Rule(name, "", False, tuple(map(_as_asked, clauses(one.when or {}, known, grades))))
        for name, one in book.families.in_order.items()
    )


def _as_asked(clause: Clause) -> Clause:
    """A reason is written as sales are asked for it, whatever a playbook puts between its words."""
    if clause.word == "returned" and isinstance(clause.values, Names):
        return replace(clause, values=clause.values.written(lambda text: text.replace(" ", "_")))
    return clause


_NONE = int(np.iinfo(np.int64).min)


def _touched(log: EventLog, book: Playbook, as_of: int) -> tuple[Ints, Ints]:
    """(leads + 1,) when each lead or sales last did something, and sales alone; `_NONE` for never, and of nobody.

    An act of the lead is what is neither a touch by the firm (`features.outbound`) nor the journey's own; an act of
    sales is what data.worked takes for one.
    """
    others = {*book.features.outbound, *_TEACHING}
    role = roles(log.kinds, book.journey)
    own = np.array([name not in others for name in log.kinds], dtype=np.bool_) & (role == Role.other)
    theirs = acts(log, book.journey)
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))
    newest, sold = (np.full(len(log.leads) + 1, _NONE, dtype=np.int64) for _ in range(2))
    seen = log.known < as_of
    for found, which in ((newest, theirs | own[log.kind] if len(log.kind) else theirs), (sold, theirs)):
        there = seen & which
        np.maximum.at(found, rows[there], log.occurred[there])
    return newest, sold


def _known(
    log: EventLog, book: Playbook, rules: Sequence[Rule], lead: Ints, as_of: int, score: Floats, probability: Floats
) -> list[dict[str, Value]]:
    """(n,) what the families ask of each lead, as conditions compare it; what nobody asks for is left out."""
    asked = {clause.axis for rule in rules for clause in rule.clauses}
    amounts = "expected_value" in asked
    wanted = {name: kind for name, kind in book.features.traits.items() if name in asked}
    if amounts and book.routing.amount_trait:
        wanted[book.routing.amount_trait] = "number"
    moments = np.full(len(lead), as_of, dtype=np.int64)
    found = traits_at(log, wanted, lead, moments) if wanted else [dict[str, Value]() for _ in lead]
    for values, points, chance in zip(found, score.tolist(), probability.tolist(), strict=True):
        values["score"], values["probability"] = (None if isnan(one) else one for one in (points, chance))
    if amounts:
        for values, amount in zip(found, amounts_at(log, book.routing, found, lead, moments), strict=True):
            chance = values["probability"]
            values["expected_value"] = chance * amount if isinstance(chance, float) and amount is not None else None
    if "stage" in asked:
        stage = _stages(log, book, as_of)
        for values, code in zip(found, lead.tolist(), strict=True):
            values["stage"] = stage.get(code)
    return [{word: comparable(value) for word, value in values.items()} for values in found]


def _stages(log: EventLog, book: Playbook, as_of: int) -> dict[int, str]:
    """The stage that each lead is in, by its code."""
    found, names = stays(log, book, as_of), [one.name for one in book.zones]
    here = found[found.exit == Exit.still]
    return {int(code): fold(names[stage]) for code, stage in zip(here.lead.tolist(), here.stage.tolist(), strict=True)}
