"""Names in the playbook that the log has never seen: warned of, or refused where they would change what is learned."""

import doctest

import pytest

from tests.histories import playbook
from training import checks
from training.checks import check_names
from veraison.errors import PlaybookError

SEEN = {"Lead Created", "Deal Won", "Deal Lost", "Visited"}


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(checks).failed == 0


def test_a_playbook_that_fits_has_nothing_to_say():
    assert check_names(playbook(), SEEN) == []


def test_what_has_not_occurred_so_far_is_a_warning():
    book = playbook(journey={"lost": ["Deal Lost", "Thrown Out"], "opted_out": ["Unsubscribed"]})
    assert check_names(book, SEEN) == [
        "journey.lost: no event 'Thrown Out' has occurred so far",
        "journey.opted_out: no event 'Unsubscribed' has occurred so far",
    ]


@pytest.mark.parametrize("key", ["created", "ready", "converted", "lost", "returned", "opted_out"])
def test_a_typing_mistake_is_refused_with_the_name_meant(key):
    with pytest.raises(
        PlaybookError, match=rf"journey\.{key}: no event 'Visitted' ever occurs; did you mean 'Visited'"
    ):
        check_names(playbook(journey={key: ["Visitted"]}), SEEN)


@pytest.mark.parametrize("key", ["created", "ready", "converted"])
def test_what_is_needed_and_never_occurs_is_refused_with_what_there_is(key):
    with pytest.raises(
        PlaybookError, match=rf"journey\.{key}: no event 'Zebra' ever occurs; the store holds: Deal Lost, "
    ):
        check_names(playbook(journey={key: ["Zebra"]}), SEEN)
    check_names(playbook(journey={key: ["Zebra", "Visited"]}), SEEN)  # one of several is enough


def test_an_empty_store_says_so():
    with pytest.raises(PlaybookError, match="the store holds: nothing"):
        check_names(playbook(), set())


def test_a_name_that_the_playbook_uses_elsewhere_is_nobodys_typing_mistake():
    journey = {"converted": ["Deal Closed Won"], "lost": ["Deal Closed Lost"]}
    assert check_names(playbook(journey=journey), {"Lead Created", "Deal Closed Won"}) == [
        "journey.lost: no event 'Deal Closed Lost' has occurred so far"
    ]
