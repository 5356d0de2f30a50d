"""Small worlds for tests: what can happen to a few leads, and feature sets that look at it."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY as DAY
from data.events import Event, parse_instant
from features import custom
from features.catalogue import CustomSpec, FeatureSet, Sequence, TraitSpec
from features.ops import Op
from features.rates import RateHistory
from tests.histories import named

LEADS = ("a", "b", "c", "d")
ANONYMOUS = ("v", "w")
"""Ids that may continue as one of the leads."""
KINDS = ("Called", "Quote", "Mail Sent", "Lead Created", "Rare", "Deal Won", "other", "all")
SPAN = 40
"""Everything happens within so many days."""
BEGINNINGS = tuple(
    parse_instant(f"{day}T00:00:00Z")
    for day in ("2026-01-01", "2024-02-20", "2028-02-20", "2026-03-20", "2026-10-10", "2027-12-20")
)
"""A plain month; about leap days; about both changes of the clock; about a new year."""
ZONES = ("UTC", "Europe/Paris", "Asia/Kolkata")
COMPANIES = ("acme.fr", "Acme.FR ", "other.fr", "gmail.com")
ADDRESSES = ("x@acme.fr", " Y@ACME.fr", "z@gmail.com", "w@etu.univ-lyon1.fr", "other.fr", "by phone")
SOURCES = ("fair", " Fair", "web", "unheard")
ACTORS = ("Petit", "Durand", "machine")

Outcome = tuple[str | None, int, int, int]
"""Category (None for one without a place of its own), when it is known, leads, won."""

traits = st.fixed_dictionaries(
    {},
    optional={
        "size": st.one_of(st.integers(-3, 3).map(float), st.just(1e12), st.just("unreadable")),
        "country": st.sampled_from(["FR", "DE", "elsewhere", "fr"]),
        "source": st.sampled_from(SOURCES),
        "company": st.sampled_from(COMPANIES),
        "email": st.sampled_from(ADDRESSES),
        "unused": st.just("x"),
    },
)
delays = st.one_of(st.just(0), st.sampled_from([1, DAY // 24, DAY, 9 * DAY]))
beginnings = st.sampled_from(BEGINNINGS)


def moments(beginning: int) -> st.SearchStrategy[int]:
    """Often the same ones, the very edges of windows, and the hours at which clocks change."""
    return st.one_of(
        st.sampled_from([beginning + 7 * DAY, beginning + 10 * DAY]),
        st.integers(0, SPAN).map(lambda days: beginning + days * DAY),
        st.integers(0, SPAN * 24).map(lambda hours: beginning + hours * DAY // 24),
        st.integers(0, SPAN * DAY).map(lambda micros: beginning + micros),
    )


@st.composite
def events(draw, beginning: int, known_from: int = 0, chained: bool = False) -> Event:
    """Anything that can happen, known from some moment on.

    chained : any id may continue as any other, not only an anonymous one as a lead
    """
    occurred = draw(moments(beginning))
    kind = draw(st.sampled_from((*KINDS, "Quote", "Called", "identify", "identify", "identify", "alias")))
    teaching = kind in ("identify", "alias")
    lead = draw(st.sampled_from((*LEADS, *LEADS, *ANONYMOUS)))
    previous = None
    if kind == "alias" or (kind == "identify" and draw(st.integers(0, 5)) == 0):
        lead, previous = draw(st.sampled_from(LEADS)), draw(st.sampled_from(ANONYMOUS))
        if chained:
            lead, previous = draw(st.permutations((*LEADS, *ANONYMOUS)))[:2]
    return Event(
        event_id="",
        lead_id=lead,
        type=kind if teaching else "track",  # type: ignore[arg-type]
        kind=kind,
        occurred_at=occurred,
        known_at=max(occurred + draw(delays), known_from),
        value=draw(st.one_of(st.none(), st.integers(-5_000_000, 5_000_000), st.just(10**15))),
        traits=draw(traits) if kind == "identify" else {},
        previous_id=previous,
        actor=draw(st.sampled_from((None, *ACTORS))),
    )


@st.composite
def histories(
    draw, beginning: int, known_from: int = 0, prefix: str = "m", least: int = 1, chained: bool = False
) -> list[Event]:
    """Events with ids; some happen twice, the same to the microsecond."""
    size = draw(st.integers(least, 40))  # by itself a list would hold five or so
    found = draw(st.lists(events(beginning, known_from, chained), min_size=size, max_size=size))
    again = draw(st.lists(st.sampled_from(found), max_size=3)) if found else []
    return [replace(one, event_id=prefix + one.event_id) for one in named([*found, *again])]


def outcomes(beginning: int) -> st.SearchStrategy[list[Outcome]]:
    """What became of leads from before the beginning until its end."""
    return st.lists(
        st.tuples(
            st.sampled_from((None, "fair", "web", "Petit")),
            st.integers(-SPAN, SPAN).flatmap(lambda day: st.sampled_from((day * DAY, day * DAY + 1, day * DAY - 1)))
            .map(lambda moment: beginning + moment),
            st.integers(0, 3),
            st.integers(-1, 2),
        ),
        max_size=12,
    )  # fmt: skip


def rate_history(subject: str, told: list[Outcome]) -> RateHistory:
    """The history that these outcomes make."""
    texts = tuple(sorted({text for text, *_ in told if text is not None}))
    place = np.array([0 if text is None else texts.index(text) + 1 for text, *_ in told], dtype=np.int32)
    known, leads, won = (np.array([one[part] for one in told], dtype=np.int64) for part in (1, 2, 3))
    return RateHistory.build(subject, texts, place, known, leads, won)


def custom_specs() -> tuple[CustomSpec, ...]:
    """Of the functions in tests.features.firm."""
    return tuple(one.spec for one in custom.registered("tests.features.firm"))


def traits_of(account: str) -> tuple[TraitSpec, ...]:
    """A trait of each kind, and one that nobody has."""
    return (
        TraitSpec("size", "number"),
        TraitSpec("country", "category", ("FR", "DE")),
        TraitSpec("source", "category", ("fair", "web")),
        TraitSpec("email", "email"),
        TraitSpec(account, "account"),
        TraitSpec("gone", "number"),
    )


def everything(told: list[Outcome] | None = None, zone: str = "Europe/Paris") -> FeatureSet:
    """A set with columns of every op of the catalogue."""
    told = told if told is not None else [("fair", BEGINNINGS[0], 2, 1), ("Petit", BEGINNINGS[0] + 9 * DAY, 1, 1)]
    return FeatureSet(
        windows=(1, 7, 30),
        kinds=("Called", "Quote", "Mail Sent", "Lead Created"),
        outbound=("Mail Sent",),
        neutral=("Lead Created", "Deal Won", "identify", "alias"),
        valued=("Called", "Quote"),
        traits=traits_of("company"),
        half_lives=(7, 30),
        sequences=(Sequence("Called", "Quote", 7), Sequence("Quote", "Quote", 2), Sequence("Quote", "Lead Created", 1)),
        people=True,
        rates=(rate_history("source", told), rate_history("actor", told)),
        won=("Deal Won",),
        time_zone=zone,
        custom=custom_specs(),
    )


def ops(feature_set: FeatureSet) -> set[Op]:
    """Every op that the set makes the kernel compute; who acted last shows in the rate of the actor only."""
    found = {one.op for one in feature_set.features}
    return found | {Op.last_actor} if any(one.subject == "actor" for one in feature_set.rates) else found


@st.composite
def feature_sets(draw, beginning: int) -> tuple[FeatureSet, dict[str, list[Outcome]]]:
    """Any choice of what the catalogue has, with the outcomes that its rates are made of."""
    kinds = tuple(draw(st.permutations((*KINDS[:4], "Never Seen")))[: draw(st.integers(0, 5))])
    told = {subject: draw(outcomes(beginning)) for subject in ("source", "actor")}
    pairs = [(first, then) for first in kinds for then in kinds]
    return (
        FeatureSet(
            windows=draw(st.sampled_from([(1, 7, 30), (3,), (2, 9), (1, 2, 3, 4)])),
            kinds=kinds,
            outbound=draw(st.sampled_from([(), ("Mail Sent",), ("Mail Sent", "Rare")])),
            neutral=draw(st.sampled_from([("Lead Created", "Deal Won", "identify", "alias"), ("identify",), ()])),
            valued=kinds[:2],
            traits=traits_of(draw(st.sampled_from(["company", "email_domain"]))),
            half_lives=draw(st.sampled_from([(), (7, 30), (1,)])),
            sequences=tuple(
                Sequence(first, then, days)
                for (first, then), days in draw(
                    st.lists(st.tuples(st.sampled_from(pairs), st.sampled_from([1, 7])), max_size=3, unique=True)
                    if pairs
                    else st.just([])
                )
            ),
            people=draw(st.booleans()),
            rates=tuple(rate_history(subject, told[subject]) for subject in told),
            won=draw(st.sampled_from([("Deal Won",), ()])),
            time_zone=draw(st.sampled_from(ZONES)),
            custom=custom_specs(),
        ),
        told,
    )
