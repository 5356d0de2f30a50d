"""The compiled kernel against an independent, slow and obvious SQL version, on random histories.

Integers must be equal, other numbers to 1e-9. The SQL below reads raw rows: nothing of data.log or features.compute.
"""

import duckdb
import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Event
from data.log import NEVER
from features import compute
from features.catalogue import FeatureSet, Op, TraitSpec
from tests.histories import START, log_of, named

DAY = 86_400_000_000
LEADS = ["a", "b", "c"]
KINDS = ["Called", "Quote", "Mail Sent", "Lead Created", "Rare", "identify", "other", "all"]
COUNTED = {Op.count, Op.active_days, Op.profile, Op.trait}


# --- the oracle -----------------------------------------------------------------------------------------------------


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def names(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(text, values))}]::varchar[]"


def column(feature) -> str:  # noqa: PLR0911 (one line an op)
    """One SQL expression over the visible events of one pair."""
    groups = {
        "all": "class <> 'neutral'",
        "inbound": "class = 'inbound'",
        "outbound": "class = 'outbound'",
        "other": "class = 'other'",
    }
    mine = groups.get(feature.subject, f"kind = {text(feature.subject)} and class <> 'other'")

    def in_window(days: int) -> str:
        return f"{mine} and as_of - occurred < {days}::bigint * {DAY}" if days else mine

    match feature.op:
        case Op.count:
            return f"count(kind) filter ({in_window(feature.short)})"
        case Op.since:
            return f"(any_value(as_of) - max(occurred) filter ({mine})) / {DAY}.0::double"
        case Op.active_days:
            return f"count(distinct (as_of - occurred) // {DAY}) filter ({in_window(feature.short)})"
        case Op.sum:
            return f"sum(value) filter ({in_window(feature.short)}) / 1000000.0::double"
        case Op.trend:
            short, long = (f"count(kind) filter ({in_window(days)})" for days in (feature.short, feature.long))
            return f"{short} * ({feature.long} / {feature.short}::double) / nullif({long}, 0)"
        case Op.age:
            return f"(any_value(as_of) - any_value(started)) / {DAY}.0::double"
        case Op.profile:
            return "any_value(profile)"
        case Op.trait:
            return f"any_value({text(feature.subject).replace(chr(39), chr(34))})"


def oracle(events: list[Event], feature_set: FeatureSet, pairs: pl.DataFrame) -> list[tuple]:
    rows = [(e.event_id, e.lead_id, e.kind, e.occurred_at, e.known_at, e.value) for e in events]
    facts = [
        (e.event_id, e.lead_id, e.occurred_at, e.known_at, name, str(value), value if name == "size" else None)
        for e in events
        for name, value in e.traits.items()
        if not (name == "size" and isinstance(value, str))
    ]
    big = pl.Int64
    events_table = pl.DataFrame(  # noqa: F841 (DuckDB finds it by name)
        rows,
        schema={"id": pl.String, "lead": pl.String, "kind": pl.String, "occurred": big, "known": big, "value": big},
        orient="row",
    )
    traits_table = pl.DataFrame(  # noqa: F841
        facts,
        schema={
            "id": pl.String, "lead": pl.String, "occurred": big, "known": big, "name": pl.String, "text": pl.String,
            "number": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    newest = ",\n".join(
        f"""(select {"number" if trait.kind == "number" else f"list_position({names(trait.categories)}, text)"}
             from traits_table t where t.lead = p.lead and t.known < p.as_of and t.name = {text(trait.name)}
             order by t.occurred desc, t.known desc, t.id desc limit 1) as "value of {trait.name}",
            exists (from traits_table t where t.lead = p.lead and t.known < p.as_of and t.name = {text(trait.name)})
             as "{trait.name} is known" """
        for trait in feature_set.traits
    )
    readings = ",\n".join(
        f'case when "{t.name} is known" then coalesce("value of {t.name}", 0) end as "{t.name}"'
        for t in feature_set.traits
    )
    known = " + ".join(f'"{t.name} is known"::int' for t in feature_set.traits)
    query = f"""
        with facts as (select p.pair, {newest} from pairs p),
        profiles as (select pair, {readings}, {known} as profile from facts),
        classed as (
            select *, case
                when list_contains({names(feature_set.kinds)}, kind) then case
                    when list_contains({names(feature_set.outbound)}, kind) then 'outbound'
                    when list_contains({names(feature_set.neutral)}, kind) then 'neutral'
                    else 'inbound' end
                when list_contains({names(feature_set.neutral)}, kind) then 'neutral'
                else 'other' end as class
            from events_table
        )
        select {", ".join(column(feature) for feature in feature_set.features)}
        from pairs p
        join profiles using (pair)
        left join classed e on e.lead = p.lead and e.known < p.as_of
        group by pair order by pair
    """
    assert len(pairs)  # DuckDB finds it by name
    return duckdb.sql(query).fetchall()


# --- random histories -----------------------------------------------------------------------------------------------

moments = st.one_of(
    st.sampled_from([START + 7 * DAY, START + 10 * DAY]),
    st.integers(0, 40).map(lambda days: START + days * DAY),  # ties, and the very edges of windows
    st.integers(0, 40 * 24).map(lambda hours: START + hours * DAY // 24),
    st.integers(0, 40 * DAY).map(lambda micros: START + micros),
)
delays = st.one_of(st.just(0), st.sampled_from([1, DAY // 24, DAY, 9 * DAY]))
facts = st.fixed_dictionaries(
    {},
    optional={
        "size": st.one_of(st.integers(-3, 3).map(float), st.just(1e12), st.just("unreadable")),
        "country": st.sampled_from(["FR", "DE", "elsewhere", "fr"]),
        "unused": st.just("x"),
    },
)


@st.composite
def histories(draw) -> list[Event]:
    size = draw(st.integers(1, 40))  # by itself a list would hold five or so
    return named(draw(st.lists(events(), min_size=size, max_size=size)))


@st.composite
def events(draw) -> Event:
    occurred = draw(moments)
    kind = draw(st.sampled_from([*KINDS, "identify", "identify"]))
    teaching = kind == "identify"
    return Event(
        event_id="",
        lead_id=draw(st.sampled_from(LEADS)),
        type="identify" if teaching else "track",
        kind=kind,
        occurred_at=occurred,
        known_at=occurred + draw(delays),
        value=draw(st.one_of(st.none(), st.integers(-5_000_000, 5_000_000), st.just(10**15))),
        traits=draw(facts) if teaching else {},
    )


@st.composite
def feature_sets(draw) -> FeatureSet:
    kinds = draw(st.permutations([*KINDS[:4], "Never Seen"]))[: draw(st.integers(0, 5))]
    traits = (TraitSpec("size", "number"), TraitSpec("country", "category", ("FR", "DE")), TraitSpec("gone", "number"))
    return FeatureSet(
        windows=draw(st.sampled_from([(1, 7, 30), (3,), (2, 9), (1, 2, 3, 4)])),
        kinds=tuple(kinds),
        outbound=draw(st.sampled_from([(), ("Mail Sent",)])),
        neutral=("Lead Created", "identify"),
        valued=tuple(kinds[:2]),
        traits=traits,
    )


pairs = st.lists(
    st.tuples(st.sampled_from(LEADS), moments, st.one_of(st.none(), st.integers(0, 20))), min_size=1, max_size=8
)


@settings(max_examples=100)
@given(histories(), feature_sets(), pairs)
def test_the_kernel_says_what_sql_says(happened, feature_set, asked):
    log = log_of(*happened)
    asked = [(lead, as_of, started) for lead, as_of, started in asked if lead in log.leads]
    started = [None if days is None else START - days * DAY for _, _, days in asked]
    ours = compute.batch(
        log,
        feature_set,
        log.codes([lead for lead, _, _ in asked]),
        np.array([as_of for _, as_of, _ in asked], dtype=np.int64),
        np.array([NEVER if moment is None else moment for moment in started], dtype=np.int64),
    )
    if not asked:
        assert ours.shape == (0, len(feature_set.names))
        return
    table = pl.DataFrame(
        {"pair": range(len(asked)), "lead": [a[0] for a in asked], "as_of": [a[1] for a in asked], "started": started},
        schema_overrides={"as_of": pl.Int64, "started": pl.Int64},
    )
    theirs = np.array(oracle(happened, feature_set, table), dtype=np.float64)
    for place, feature in enumerate(feature_set.features):
        if feature.op in COUNTED:
            np.testing.assert_array_equal(ours[:, place], theirs[:, place], err_msg=feature.name)
        else:
            np.testing.assert_allclose(ours[:, place], theirs[:, place], rtol=1e-9, atol=1e-9, err_msg=feature.name)
