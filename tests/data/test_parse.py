"""A Segment message becomes an event or one sentence, and whatever becomes an event can be stored."""

import json
import math

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from data.events import EVENT_TYPES, MICROS_PER_DAY, Event, RawRecord, Rejection, isoformat, parse_instant
from data.parse import MAX_VALUE, InvalidEvent, judge, parse_event
from data.schema import events, quarantine, traits
from data.store import Store
from tests.conftest import empty_postgres

NOON = parse_instant("2026-03-01T12:00:00Z")
TRACK = {"type": "track", "messageId": "m-1", "userId": "L42", "timestamp": "2026-03-01T09:12:00Z", "event": "Seen"}
NOTHING = object()


def message(**changes):
    return {key: value for key, value in (TRACK | changes).items() if value is not NOTHING}


def parsed(received=None, **changes):
    return parse_event(message(**changes), now=NOON, received=received)


def refusal(received=None, **changes):
    with pytest.raises(InvalidEvent) as raised:
        parse_event(message(**changes), now=NOON, received=received)
    return str(raised.value)


# The calls of the specification


def test_a_track_call_is_what_happened():
    event = parsed(event=" Pricing Page Viewed ", properties={"value": 3, "channel": "site"})
    assert event == Event(
        event_id="m-1",
        lead_id="L42",
        type="track",
        kind="Pricing Page Viewed",
        occurred_at=parse_instant("2026-03-01T09:12:00Z"),
        known_at=parse_instant("2026-03-01T09:12:00Z"),
        value=3_000_000,
        properties={"value": 3, "channel": "site"},
    )


@pytest.mark.parametrize("name", [NOTHING, None, "", "  ", 3, "\x00"])
def test_a_track_call_says_what_happened(name):
    assert refusal(event=name) == "event is missing: a track message says what happened"


@pytest.mark.parametrize(
    ("call", "name", "kind"),
    [
        ("page", "Pricing", "Viewed Pricing Page"),
        ("screen", " Cart ", "Viewed Cart Screen"),
        ("page", NOTHING, "Viewed Page"),
        ("page", " ", "Viewed Page"),
        ("screen", 3, "Viewed Screen"),
        ("page", "a\x00b\ud800", "Viewed ab Page"),
    ],
)
def test_a_page_or_screen_is_named_in_its_kind(call, name, kind):
    assert parsed(type=call, name=name).kind == kind


@pytest.mark.parametrize("call", [NOTHING, None, "Track", "delete", 3, [], {}])
def test_any_other_call_is_refused_with_those_there_are(call):
    assert refusal(type=call).endswith("is not one of track, page, screen, identify, group, alias")


def test_an_identify_with_both_ids_says_that_the_visitor_is_the_user():
    event = parsed(type="identify", anonymousId="a-9", traits={"email": "A@b.fr"})
    assert (event.kind, event.lead_id, event.previous_id) == ("identify", "L42", "a-9")
    assert event.traits == {"email": "A@b.fr"}
    assert parsed(type="identify").previous_id is None
    assert parsed(type="identify", userId=NOTHING, anonymousId="a-9").previous_id is None
    assert parsed(type="identify", anonymousId="L42").previous_id is None


@pytest.mark.parametrize("call", ["track", "page"])
def test_no_other_call_with_both_ids_merges(call):
    event = parsed(type=call, anonymousId="a-9")
    assert (event.lead_id, event.previous_id) == ("L42", None)


def test_an_alias_continues_its_previous_id():
    event = parsed(type="alias", previousId="a-9")
    assert (event.kind, event.lead_id, event.previous_id) == ("alias", "L42", "a-9")
    assert parsed(type="alias", previousId="L42").previous_id is None


@pytest.mark.parametrize("changes", [{}, {"previousId": "a-9", "userId": NOTHING, "anonymousId": "b"}])
def test_an_alias_needs_both_of_its_ids(changes):
    assert refusal(type="alias", **changes) == "alias needs previousId and userId"


def test_a_group_says_which_company():
    event = parsed(type="group", groupId="acme.fr", traits={"country": "FR"})
    assert event.traits == {"group_id": "acme.fr", "country": "FR"}
    assert parsed(type="group", groupId=7, traits={"group_id": "other"}).traits == {"group_id": "7"}
    assert refusal(type="group") == "group needs groupId"


# Ids


def test_an_id_is_text_even_when_it_came_as_a_number():
    event = parsed(messageId=12, userId=173688, type="alias", previousId=0)
    assert (event.event_id, event.lead_id, event.previous_id) == ("12", "173688", "0")
    assert parsed(userId=" 007 ").lead_id == "007"


@pytest.mark.parametrize("nothing", [NOTHING, None, "", "  "])
def test_an_id_that_says_nothing_is_missing(nothing):
    assert parsed(userId=nothing, anonymousId="a-9").lead_id == "a-9"
    assert refusal(messageId=nothing).startswith("messageId is missing")
    assert refusal(userId=nothing).startswith("userId and anonymousId are both missing")


@pytest.mark.parametrize("bad", [True, 1.5, [], {}, ["L42"]])
def test_an_id_of_another_type_is_refused(bad):
    assert refusal(userId=bad) == f"userId: {bad!r} is not text"


@pytest.mark.parametrize("bad", ["a\x00b", "a\nb", "\ud800", "x" * 257])
def test_an_id_can_be_printed_and_kept(bad):
    assert refusal(messageId=bad).endswith("is not printable text of at most 256 characters")
    assert parsed(userId="é🍇" * 128).lead_id == "é🍇" * 128


# Moments


@pytest.mark.parametrize(
    ("given_", "occurred", "known"),
    [
        ({}, "09:12", "09:12"),
        ({"receivedAt": "2026-03-01T10:00:00Z"}, "09:12", "10:00"),
        ({"receivedAt": "2026-03-01T09:00:00Z"}, "09:12", "09:12"),
        ({"timestamp": "2026-03-01T10:12:00+01:00"}, "09:12", "09:12"),
        ({"timestamp": NOTHING, "originalTimestamp": "2026-03-01T08:00:00Z"}, "08:00", "08:00"),
        ({"originalTimestamp": "2026-03-01T08:00:00Z"}, "09:12", "09:12"),
        ({"timestamp": NOTHING, "receivedAt": "2026-03-01T10:00:00Z"}, "10:00", "10:00"),
    ],
)
def test_an_event_is_known_when_it_was_received_and_never_before_it_happened(given_, occurred, known):
    event = parsed(**given_)
    assert isoformat(event.occurred_at) == f"2026-03-01T{occurred}:00Z"
    assert isoformat(event.known_at) == f"2026-03-01T{known}:00Z"


def test_over_http_the_servers_clock_counts_and_not_the_bodys():
    assert parsed(received=NOON, receivedAt="2026-03-01T10:00:00Z").known_at == NOON
    assert parsed(received=NOON, receivedAt="nonsense").known_at == NOON
    ahead = parsed(received=NOON, timestamp="2026-03-01T13:00:00Z")
    assert ahead.known_at == ahead.occurred_at


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (NOTHING, "timestamp is missing; write it as 2026-03-01T09:12:00Z"),
        (
            "2026-03-01T09:12:00",
            "timestamp: the date '2026-03-01T09:12:00' has no zone; write it as 2026-03-01T09:12:00Z",
        ),
        ("2026-03-01", "timestamp: the date '2026-03-01' has no zone; write it as 2026-03-01T00:00:00Z"),
        ("yesterday", "timestamp: 'yesterday' is not a date; write it as 2026-03-01T09:12:00Z"),
        ("", "timestamp: '' is not a date; write it as 2026-03-01T09:12:00Z"),
        (1772356320, "timestamp: a date is text such as 2026-03-01T09:12:00Z, not 1772356320"),
        ("1969-12-31T23:59:59Z", "timestamp: '1969-12-31T23:59:59Z' is outside 1970 to 9000"),
        ("0001-01-01T00:00:00+23:59", "timestamp: '0001-01-01T00:00:00+23:59' is outside 1970 to 9000"),
        ("9999-12-31T23:59:59-23:59", "timestamp: '9999-12-31T23:59:59-23:59' is outside 1970 to 9000"),
    ],
)
def test_a_moment_that_cannot_be_used_is_refused(bad, sentence):
    assert refusal(timestamp=bad) == sentence


def test_a_long_or_odd_moment_is_not_repeated_whole():
    assert len(refusal(timestamp="x" * 10_000)) < 200
    assert len(refusal(receivedAt=["x" * 10_000])) < 200
    assert len(refusal(timestamp={"a": 10**4299})) < 200


def test_a_day_ahead_is_a_clock_that_is_wrong():
    assert parsed(timestamp="2026-03-02T12:00:00Z").known_at == NOON + MICROS_PER_DAY
    late = "2026-03-02T12:00:00.000001Z lies more than 24 h in the future; check the sender's clock"
    assert refusal(timestamp="2026-03-02T12:00:00.000001Z") == late
    assert refusal(receivedAt="2026-03-02T12:00:00.000001Z") == late
    assert refusal(received=NOON, timestamp="2026-03-02T12:00:00.000001Z") == late


# Values and traits


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (3, 3_000_000),
        (-0.5, -500_000),
        (1e-7, 0),
        (0.1, 100_000),
        (MAX_VALUE, 9 * 10**18),
        (-int(MAX_VALUE), -9 * 10**18),
        (True, None),
        ("3", None),
        (None, None),
        ([], None),
    ],
)
def test_a_value_is_kept_in_millionths(value, micros):
    assert parsed(properties={"value": value}).value == micros
    assert parsed(properties={"revenue": value}).value == micros


def test_value_comes_before_revenue():
    assert parsed(properties={"value": 1, "revenue": 2}).value == 1_000_000
    assert parsed(properties={"value": None, "revenue": 2}).value == 2_000_000


@pytest.mark.parametrize("value", [9.1e12, -(10**13), 10**400, math.inf, -math.inf, math.nan])
def test_a_value_that_would_not_fit_is_refused(value):
    sentence = refusal(properties={"value": value})
    assert sentence.startswith("properties.value: ")
    assert sentence.endswith("is outside +-9e+12")


@pytest.mark.parametrize("key", ["properties", "traits", "context"])
def test_a_table_is_an_object(key):
    assert refusal(**{key: ["a"]}) == f"{key}: ['a'] is not an object"
    assert parsed(**{key: None}).lead_id == "L42"


def test_traits_are_text_numbers_and_truths_one_level_deep():
    given_ = {"a": " x ", "b": 2, "c": True, "d": None, "e": [1], "f": "", "address": {"city": "Lyon", "geo": {"x": 1}}}
    assert parsed(type="identify", traits=given_).traits == {"a": "x", "b": 2.0, "c": True, "address.city": "Lyon"}


def test_traits_of_the_context_count_where_there_are_no_others():
    context = {"traits": {"plan": "pro"}, "ip": "1.2.3.4"}
    event = parsed(context=context, properties={"x": 1})
    assert event.traits == {"plan": "pro"}
    assert event.properties == {"x": 1, "context": context}
    assert parsed(context=context, traits={"plan": "free"}).traits == {"plan": "free"}
    assert refusal(context={"traits": 3}) == "context.traits: 3 is not an object"


@pytest.mark.parametrize("number", [math.inf, math.nan, 1e301, -(10**400)])
def test_a_trait_that_is_no_usable_number_is_refused_by_its_name(number):
    assert refusal(traits={"staff": number}).startswith("traits.staff: ")
    assert refusal(traits={"company": {"staff": number}}).startswith("traits.company.staff: ")
    assert "\n" not in refusal(traits={"a\nb\ud800": number})


def test_the_name_of_a_trait_can_be_kept():
    assert parsed(traits={" a\x00\ud800b ": 1, "": 2, "\x00": 3}).traits == {"ab": 1.0}
    sentence = refusal(traits={"x" * 257: 1})
    assert sentence == f"traits: the name '{'x' * 56}... is longer than 256 characters"
    assert refusal(traits={"x" * 200: {"y" * 100: 1}}).endswith("is longer than 256 characters")


def test_no_name_can_move_a_terminals_cursor():
    event = parsed(event="Deal\nWon\x1b[2J", traits={"a": "x\ty\x9b"})
    assert (event.kind, event.traits) == ("Deal Won [2J", {"a": "x y"})
    assert parsed(event="Été\u202f🍇").kind == "Été\u202f🍇"


def test_text_is_kept_to_a_thousand_characters():
    event = parsed(event="e" * 5_000, traits={"note": "n" * 5_000})
    assert len(event.kind) == len(event.traits["note"]) == 1_000


# Judging


def test_a_rejection_keeps_the_record_whole():
    record = RawRecord("leads.ndjson", 7, '{"type": "track"}', {"type": "track"})
    rejected = judge(record, now=NOON)
    assert isinstance(rejected, Rejection)
    assert (rejected.source, rejected.line, rejected.raw) == ("leads.ndjson", 7, '{"type": "track"}')
    assert rejected.reason.startswith("messageId is missing")
    broken = judge(RawRecord("s", 1, "{", None, "not valid JSON"), now=NOON)
    assert broken == Rejection("s", 1, "not valid JSON", "{")
    assert judge(RawRecord("s", 1, "", TRACK), now=NOON) == parsed()


# Anything at all

letters = st.characters() | st.sampled_from("\x00\n\ud800\udfff🍇é\u202e\ufdfa")
words = st.text(letters, max_size=12)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 10**400, -(10**400), 1e300, 5e-324, 9e12, -9e12])
leaves = st.none() | st.booleans() | numbers | words
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
tables = st.dictionaries(words | st.sampled_from(["value", "revenue", "email", "a.b"]), values, max_size=4)
moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.just("2026-03-01T09:12:00Z")
ids = st.text(letters, min_size=1, max_size=300) | st.integers(0, 10**20) | st.sampled_from(["L1", "L2", "a-9"])
fields = {
    "type": st.sampled_from(EVENT_TYPES),
    "messageId": ids,
    "userId": ids,
    "anonymousId": ids,
    "previousId": ids,
    "groupId": ids,
    "event": words,
    "name": words,
    "timestamp": moments,
    "receivedAt": moments,
    "properties": tables,
    "traits": tables,
    "context": st.fixed_dictionaries({}, optional={"traits": tables, "page": tables}),
}
usual = st.fixed_dictionaries(
    {"type": fields["type"], "messageId": ids, "userId": ids, "timestamp": moments, "event": st.just("Seen")},
    optional={key: fields[key] for key in ("anonymousId", "previousId", "groupId", *list(fields)[9:])},
)
anything = (
    usual
    | st.fixed_dictionaries({}, optional={key: plan | values for key, plan in fields.items()})
    | st.dictionaries(words, values, max_size=5)
)


@given(message=anything, received=st.none() | st.just(NOON))
def test_any_message_is_an_event_or_one_sentence(message, received):
    one = judge(RawRecord("s", 1, "raw", message), now=NOON, received=received)
    if isinstance(one, Rejection):
        assert one.reason.isprintable()
        assert 10 < len(one.reason) < 500
    else:
        assert 0 <= one.occurred_at <= one.known_at <= NOON + MICROS_PER_DAY
        assert one.previous_id != one.lead_id
        assert one.type in EVENT_TYPES


def kept(store, batch):
    """What a store gives back of a batch, the batch taken out again."""
    store.append(batch)
    with store.engine.begin() as connection:
        rows = [
            [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in (events, traits, quarantine)
        ]
        for table in (events, traits, quarantine):
            connection.execute(sa.delete(table))
    return rows


@given(messages=st.lists(usual | anything, max_size=4))
@example(
    messages=[message(type="page", name="\x00🍇\ud800", properties={"\ud800\x00": ["🍇\udfff\x00", 10**400, -0.0]})]
)
@example(
    messages=[message(traits={"\ud800a\x00": "\ufdfa" * 1_000, "🍇" * 256: 1e300, "n": 5e-324}, messageId="é" * 256)]
)
@example(
    messages=[message(traits={"\x00": math.nan, "\ud800": math.inf}), message(messageId="\x00"), {"\ud800": "\x00"}]
)
def test_whatever_is_accepted_or_refused_can_be_stored_and_read_back_alike(both_stores, messages):
    batch = [judge(RawRecord("s\ud800\x00", n, str(one), one), now=NOON) for n, one in enumerate(messages)]
    first, second = (kept(store, batch) for store in both_stores)
    assert first == second
    firsts = {}
    for one in batch:
        if isinstance(one, Event):
            firsts.setdefault(one.event_id, one)
    assert len(first[2]) == sum(isinstance(one, Rejection) for one in batch)
    assert {row[0] for row in first[0]} == set(firsts)
    for row in first[0]:
        event = firsts[row[0]]
        assert row[1:8] == (
            event.lead_id,
            event.type,
            event.kind,
            event.occurred_at,
            event.known_at,
            event.value,
            event.previous_id,
        )
        json.loads(row[8])["properties"].keys()
        json.dumps(json.loads(row[8]), ensure_ascii=False).encode()  # as the API sends it
    assert {(row[0], row[1]) for row in first[1]} == {(e.event_id, name) for e in firsts.values() for name in e.traits}


@pytest.fixture(scope="module")
def both_stores(postgres):
    empty_postgres(postgres)
    with Store("sqlite://", ["email"]) as here, Store(postgres, ["email"]) as there:
        yield here, there
