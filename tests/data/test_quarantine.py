"""When something was refused, and of which class its reason is: nothing of what was sent."""

import pytest

from data.events import RawRecord, Rejection, parse_instant
from data.parse import judge
from data.quarantine import CLASSES, reason_class, refused
from data.store import Store

NOW = parse_instant("2026-03-02T12:00:00Z")
DAY = 86_400_000_000


def known(message: dict[str, object] | None, received: int | None = None) -> int | None:
    found = judge(RawRecord("s", 1, "raw", message, None if message else "not valid JSON"), now=NOW, received=received)
    assert isinstance(found, Rejection)
    return found.known_at


def test_a_rejection_is_known_when_its_event_would_have_been_and_else_when_it_was_judged():
    march = "2026-03-01T09:12:00Z"
    assert known({"type": "track", "timestamp": march}) == parse_instant(march)
    assert known({"type": "track", "timestamp": march, "receivedAt": "2026-03-01T10:00:00Z"}) == parse_instant(
        "2026-03-01T10:00:00Z"
    )
    assert known({"type": "track", "timestamp": march}, received=NOW - 5) == NOW - 5
    for unreadable in (None, {"type": "track"}, {"timestamp": "yesterday"}, {"timestamp": "2090-01-01T00:00:00Z"}):
        assert known(unreadable) == NOW
        assert known(unreadable, received=NOW - 5) == NOW - 5


def test_what_was_refused_between_two_moments_is_told_by_class(store_url: str):
    with Store(store_url) as store:
        rejections = [
            Rejection("/home/anne/crm.csv", 1, "timestamp: 'anne@x.fr' is not a date", "anne@x.fr", NOW),
            Rejection("http", 2, "anne@x.fr is no reason of ours", "{}", NOW - DAY),
            Rejection("http", 3, "not valid JSON", "{", NOW + 1),
            Rejection("http", 4, "not valid JSON", "{", NOW - 9 * DAY),
        ]
        store.append(rejections)
        store.append(rejections)  # kept once
        found = refused(store, since=NOW - 7 * DAY, before=NOW + 1)
    assert found.known.tolist() == [NOW - DAY, NOW]
    assert (found.reason, found.source, found.since) == (("other", "time"), ("http", "crm.csv"), None)
    assert "anne" not in str(found)


def test_where_nobody_noted_when_it_is_said_since_when_somebody_did(store_url: str):
    with Store(store_url) as store:
        store.append([Rejection("http", 1, "not valid JSON", "{")])
        assert refused(store, since=0, before=NOW).since == NOW
        store.append([Rejection("http", 2, "not valid JSON", "{", NOW - DAY)])
        found = refused(store, since=0, before=NOW)
    assert (found.known.tolist(), found.since) == ([NOW - DAY], NOW - DAY)


@pytest.mark.parametrize("reason", ["not valid JSON", "a batch is a list", "cannot be read", "the message is no table"])
def test_what_is_no_message_at_all_is_unreadable(reason: str):
    assert reason_class(reason) == "unreadable"
    assert reason_class(reason) in CLASSES
