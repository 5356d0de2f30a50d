"""Moments: exact in, exact out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import EVENT_SCHEMA, TRAIT_SCHEMA, instant, isoformat, micros, parse_instant
from data.schema import events, traits

zones = st.timezones()


@given(moment=st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=zones))
def test_a_moment_goes_through_text_and_back_to_the_microsecond(moment):
    value = micros(moment)
    assert instant(value) == moment.astimezone(UTC)  # a local time that never was equals nothing else
    assert parse_instant(moment.isoformat()) == parse_instant(isoformat(value)) == value
    assert isoformat(value).endswith("Z")


def test_moments_before_1970_are_negative():
    assert parse_instant("1969-12-31T23:59:59.999999Z") == -1
    assert isoformat(-1) == "1969-12-31T23:59:59.999999Z"


def test_a_date_without_zone_names_no_moment():
    with pytest.raises(ValueError, match="the date 2026-03-01T00:00:00 has no zone"):
        micros(datetime(2026, 3, 1))
    assert micros(datetime(2026, 3, 1, tzinfo=UTC)) == parse_instant("2026-03-01T00:00:00Z")


def test_the_store_holds_the_columns_that_features_read():
    assert set(EVENT_SCHEMA.names) <= set(events.c.keys())
    assert set(TRAIT_SCHEMA.names) <= set(traits.c.keys())
