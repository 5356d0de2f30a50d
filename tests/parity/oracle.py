"""Every feature of the catalogue said a second time, in slow and obvious SQL over raw rows.

Nothing here knows data.log or the kernel: DuckDB reads events as they were sent, and each op is one expression over
what one lead showed at one moment. Merges are of the simple kind: an id that is nobody's lead continues as a lead.
"""

import duckdb
import numpy as np
import polars as pl

from data.domains import domain_kind
from data.events import Event
from features.catalogue import DOMAIN_KINDS, GROUPS, FeatureSet
from features.ops import Feature, Op
from features.rates import WEIGHT

DAY = 86_400_000_000
HOUR = 3_600_000_000
_ACCOUNT = {Op.colleagues, Op.active_colleagues, Op.colleague_acts, Op.since_colleague, Op.won_colleagues}
_OF_EVENTS = {op for op in Op if op < Op.trait} - {Op.sequence} | {Op.custom}
_BIG = pl.Int64
_EVENTS = {
    "id": pl.String, "lead": pl.String, "kind": pl.String, "occurred": _BIG, "known": _BIG, "value": _BIG,
    "actor": pl.String, "previous": pl.String,
}  # fmt: skip
_TRAITS = {
    "id": pl.String, "lead": pl.String, "occurred": _BIG, "known": _BIG, "name": pl.String, "text": pl.String,
    "number": pl.Float64,
}  # fmt: skip
_OUTCOMES = {"subject": pl.String, "category": pl.String, "known": _BIG, "leads": _BIG, "won": _BIG}

Asked = tuple[str, int, int | None]
"""Lead, moment, when its journey started."""


def oracle(
    happened: list[Event],
    feature_set: FeatureSet,
    asked: list[Asked],
    outcomes: dict[str, list[tuple[str | None, int, int, int]]],
) -> np.ndarray:
    """(asked, features) float64, NaN for NULL."""
    features = feature_set.features
    of_events = [feature for feature in features if feature.op in _OF_EVENTS]
    with duckdb.connect() as db:
        _raw(db, happened, asked, outcomes)
        db.execute(_stories(feature_set))
        own = ", ".join(_of_events(feature) for feature in of_events) or "1"
        together = db.execute(
            f"select {own} from pairs p left join seen s using (pair) group by p.pair order by p.pair"
        ).fetchall()
        columns = dict(zip(of_events, zip(*together, strict=True), strict=False))
        for feature in features:
            if feature not in columns:
                rows = db.execute(f"{_of_others(feature, feature_set)} order by p.pair").fetchall()
                columns[feature] = tuple(value for (value,) in rows)
    return np.array([columns[feature] for feature in features], dtype=np.float64).T


def _raw(
    db: duckdb.DuckDBPyConnection,
    happened: list[Event],
    asked: list[Asked],
    outcomes: dict[str, list[tuple[str | None, int, int, int]]],
) -> None:
    """Tables of what was sent, asked and known of other leads."""
    tables = {
        "raw_events": (
            _EVENTS,
            [(e.event_id, e.lead_id, e.kind, e.occurred_at, e.known_at, e.value, e.actor, e.previous_id)
             for e in happened],
        ),
        "raw_traits": (_TRAITS, [row for e in happened for row in _facts(e)]),
        "outcomes": (_OUTCOMES, [(subject, *one) for subject, told in outcomes.items() for one in told]),
        "pairs": (
            {"pair": _BIG, "lead": pl.String, "as_of": _BIG, "started": _BIG},
            [(n, *one) for n, one in enumerate(asked)],
        ),
        "texts": (
            {"text": pl.String, "domain_kind": _BIG},
            [(text, None if (kind := domain_kind(text)) is None else DOMAIN_KINDS.index(kind) + 1)
             for text in {str(row[5]) for e in happened for row in _facts(e)}],
        ),
    }  # fmt: skip
    for name, (schema, rows) in tables.items():
        db.register("rows_given", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
        db.execute(f"create table {name} as select * from rows_given")
        db.unregister("rows_given")


def _facts(event: Event) -> list[tuple[object, ...]]:
    said = dict(event.traits)
    if "@" in str(said.get("email", "")):
        said["email_domain"] = str(said["email"]).strip().lower().partition("@")[2]
    return [
        (event.event_id, event.lead_id, event.occurred_at, event.known_at, name, str(value),
         value if isinstance(value, float) else None)
        for name, value in said.items()
    ]  # fmt: skip


def _stories(feature_set: FeatureSet) -> str:
    """Who is who; each lead's own rows; and table `seen`: for each pair the visible events, numbered in their order.

    A gap of group g is the way from the newest event of g before, where this one is newer, and else nothing.
    """
    groups = {group: _mine(group) for group in GROUPS}
    gaps = ", ".join(
        f"""case when {mine} and max(occurred) filter ({mine}) over past is not null
                 then greatest(0, occurred - max(occurred) filter ({mine}) over past) end as gap_{group},
            count(*) filter ({mine}) over (partition by pair, local_day) as that_day_{group}"""
        for group, mine in groups.items()
    )
    account = next((t.name for t in feature_set.traits if t.kind == "account"), "")
    numbers = tuple(t.name for t in feature_set.traits if t.kind == "number")
    addresses = tuple(t.name for t in feature_set.traits if t.kind == "email")
    return f"""
        create table merges as  -- an id continues as the first that it is said to be
        select previous as source, arg_min(lead, (known, occurred, id)) as target, min(known) as since
        from raw_events where previous is not null group by previous;

        create table stories as
        select *, case
            when list_contains({_names(feature_set.kinds)}, kind) then case
                when list_contains({_names(feature_set.outbound)}, kind) then 'outbound'
                when list_contains({_names(feature_set.neutral)}, kind) then 'neutral'
                else 'inbound' end
            when list_contains({_names(feature_set.neutral)}, kind) then 'neutral'
            else 'other' end as class,
            class <> 'neutral' or list_contains({_names(feature_set.kinds)}, kind) as counts,
            coalesce(list_position({_names(feature_set.kinds)}, kind), 0) as code
        from (
            select id, lead, kind, occurred, known, value, actor from raw_events
            union all
            select id, target, kind, occurred, greatest(known, since), value, actor
            from raw_events join merges on lead = source
        );

        create table knowledge as
        select t.*, t.name = {_text(account)} as names_company, domain_kind, case
                when list_contains({_names(numbers)}, t.name) then number is not null
                when list_contains({_names(addresses)}, t.name) then domain_kind is not null
                else true end as readable,
            case when domain_kind = {DOMAIN_KINDS.index("free") + 1} then null else lower(trim(text)) end as company
        from (
            select * from raw_traits
            union all
            select id, target, occurred, greatest(known, since), name, text, number
            from raw_traits join merges on lead = source
        ) t join texts using (text);

        create table seen as
        with visible as (
            select p.pair, s.* exclude (lead),
                row_number() over (partition by p.pair order by s.known, s.occurred, s.id) as n,
                timezone({_text(feature_set.time_zone)}, make_timestamptz(s.occurred)) as local,
                local::date as local_day,
                min(s.occurred) over (partition by p.pair, s.kind) as kind_began
            from pairs p join stories s on s.lead = p.lead and s.known < p.as_of
        )
        select *, {gaps} from visible
        window past as (partition by pair order by n rows between unbounded preceding and 1 preceding);

        create table newest as  -- the visible value true of the latest moment, of those that can be read as they should
        select p.pair, p.as_of, t.* from pairs p join knowledge t on t.lead = p.lead and t.known < p.as_of and readable
        qualify row_number() over (partition by p.pair, t.name order by t.occurred desc, t.known desc, t.id desc) = 1;

        create table categories as  -- whose conversion rate counts
        select pair, name as subject, lower(trim(text)) as category from newest
        union all
        select pair, 'actor', arg_max(actor, (occurred, n)) from seen where counts and actor is not null group by pair;

        create table companies as  -- of everybody whose company was known at the moment of a pair
        select p.pair, t.lead, arg_max(coalesce(t.company, ''), (t.occurred, t.known, t.id)) as newest
        from pairs p join knowledge t on t.names_company and t.known < p.as_of
        group by p.pair, t.lead having newest <> '';

        create table colleagues as
        select p.pair, p.as_of, c.lead
        from pairs p join companies mine on mine.pair = p.pair and mine.lead = p.lead
        join companies c on c.pair = p.pair and c.newest = mine.newest and c.lead <> p.lead
        where c.lead not in (select source from merges where since < p.as_of);

        create table their_acts as
        select c.pair, c.lead, s.* exclude (lead),
            class = 'inbound' as act, list_contains({_names(feature_set.won)}, kind) as won
        from colleagues c join stories s on s.lead = c.lead and s.known < c.as_of;
    """


def _mine(subject: str) -> str:
    """Which events count for a group or a kind."""
    if subject == "all":
        return "class <> 'neutral'"
    return f"class = {_text(subject)}" if subject in GROUPS else f"kind = {_text(subject)}"


def _of_events(feature: Feature) -> str:  # noqa: PLR0911, PLR0912 (a line or two an op)
    """One expression over the visible events of one pair."""
    mine = _mine(feature.subject)

    def within(days: int) -> str:
        return f"{mine} and p.as_of - occurred < {days}::bigint * {DAY}" if days else mine

    now = "any_value(p.as_of)"
    mean = f"avg(gap_{feature.subject})"
    match feature.op:
        case Op.count:
            return f"count(kind) filter ({within(feature.short)})"
        case Op.since:
            return f"({now} - max(occurred) filter ({mine})) / {DAY}.0::double"
        case Op.first:
            return f"({now} - min(occurred) filter ({mine})) / {DAY}.0::double"
        case Op.active_days:
            return f"count(distinct local_day) filter ({within(feature.short)})"
        case Op.trend:
            short, long = (f"count(kind) filter ({within(days)})" for days in (feature.short, feature.long))
            return f"{short} * ({feature.long} / {feature.short}::double) / nullif({long}, 0)"
        case Op.decayed:
            age = f"(p.as_of - occurred) / ({feature.short}::double * {DAY})"
            return f"coalesce(sum(pow(2::double, -{age})) filter ({mine}), 0)"
        case Op.age:
            return f"({now} - any_value(p.started)) / {DAY}.0::double"
        case Op.gap_mean:
            return f"{mean} / {DAY}.0::double"
        case Op.gap_longest:
            return f"max(gap_{feature.subject}) / {DAY}.0::double"
        case Op.burstiness:
            variation = f"stddev_pop(gap_{feature.subject} / {DAY}.0::double) / ({mean} / {DAY}.0::double)"
            return f"""case when count(gap_{feature.subject}) >= 2 and sum(gap_{feature.subject}) > 0
                       then ({variation} - 1) / ({variation} + 1) end"""
        case Op.overdue:
            return f"({now} - max(occurred) filter ({mine})) / nullif({mean}, 0)"
        case Op.busiest_day:
            return f"coalesce(max(that_day_{feature.subject}) filter ({mine}), 0)"
        case Op.office_hours:
            return f"avg((isodow(local) <= 5 and hour(local) >= 9 and hour(local) < 18)::int) filter ({mine})"
        case Op.sum:
            return f"sum(value) filter ({within(feature.short)}) / 1000000.0::double"
        case Op.highest:
            return f"max(value) filter ({mine}) / 1000000.0::double"
        case Op.latest:
            values = f"list(value order by occurred desc, n desc) filter ({mine} and value is not null)"
            return f"({values})[1] / 1000000.0::double"
        case Op.recent_kind:
            return f"(list(code order by occurred desc, n desc) filter (counts))[{feature.short}]"
        case Op.stage:
            return "count(distinct kind) filter (code > 0)"
        case Op.in_stage:
            return f"({now} - max(kind_began) filter (code > 0)) / {DAY}.0::double"
        case Op.actors:
            return "count(distinct actor) filter (counts)"
        case Op.custom if feature.subject == "quotes_at_night":
            hour = f"occurred // {HOUR} % 24"
            return f"count(kind) filter (kind = 'Quote' and ({hour} < 6 or {hour} >= 22))"
        case Op.custom if feature.subject == "usual_worth":
            return "median(value / 1000000.0::double)"
    raise NotImplementedError(feature.op)


def _of_others(feature: Feature, feature_set: FeatureSet) -> str:  # noqa: PLR0911
    """A query for one value a pair `p`, of traits, other leads, or pairs of events."""
    known = f"from pairs p left join newest t on t.pair = p.pair and t.name = {_text(feature.subject)}"
    match feature.op:
        case Op.sequence:
            return f"""select exists (from seen b where b.pair = p.pair and b.kind = {_text(feature.then)}
                and b.occurred - (select max(a.occurred) from seen a where a.pair = b.pair and a.n < b.n
                and a.kind = {_text(feature.subject)}) between 0 and {feature.short}::bigint * {DAY} - 1
                )::int from pairs p"""
        case Op.trait:
            trait = feature_set.trait(feature.subject)
            category = f"coalesce(list_position({_names(trait.categories)}, text), 0)"
            reading = {"number": "number", "email": "domain_kind", "category": category}[trait.kind]
            return f"select case when text is not null then {reading} end {known}"
        case Op.missing:
            return f"select (text is null)::int {known}"
        case Op.learned:
            return f"select (p.as_of - occurred) / {DAY}.0::double {known}"
        case Op.profile:
            names = _names(tuple(trait.name for trait in feature_set.traits))
            return f"""select count(t.name) from pairs p left join newest t
                       on t.pair = p.pair and list_contains({names}, t.name) group by p.pair"""
        case Op.rate:
            return _rate(feature)
        case op if op in _ACCOUNT:
            return f"""select case when count(c.lead) > 0 then {_account(feature)} end from pairs p
                left join companies c on c.pair = p.pair and c.lead = p.lead
                left join colleagues k on k.pair = p.pair
                left join their_acts s on s.pair = p.pair and s.lead = k.lead
                group by p.pair"""
    raise NotImplementedError(feature.op)


def _rate(feature: Feature) -> str:
    """Everyone's rate, and the category's drawn towards it; days count once they ended."""
    return f"""
        select case when any_value(c.category) is not null then
            (coalesce(sum(o.won) filter (o.category = c.category), 0) + {WEIGHT} * sum(o.won) / nullif(sum(o.leads), 0))
            / (coalesce(sum(o.leads) filter (o.category = c.category), 0) + {WEIGHT}) end
        from pairs p
        left join categories c on c.pair = p.pair and c.subject = {_text(feature.subject)}
        left join outcomes o on o.subject = c.subject and o.known // {DAY} < p.as_of // {DAY}
        group by p.pair"""


def _account(feature: Feature) -> str:
    """One expression over the colleagues of a pair and their visible events."""
    within = f"act and p.as_of - occurred < {feature.short}::bigint * {DAY}"
    return {
        Op.colleagues: "count(distinct k.lead)",
        Op.active_colleagues: f"count(distinct k.lead) filter ({within})",
        Op.colleague_acts: f"count(s.id) filter ({within})",
        Op.since_colleague: f"(any_value(p.as_of) - max(occurred) filter (act)) / {DAY}.0::double",
        Op.won_colleagues: "count(distinct k.lead) filter (won)",
    }[feature.op]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _names(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, values))}]::varchar[]"
