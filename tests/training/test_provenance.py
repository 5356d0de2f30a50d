"""Where a model comes from: the fingerprint of its data sees every change of what was known, and nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests import market
from tests.histories import alias, at, identify, log_of, named, playbook, track
from training import provenance

BEFORE = 10

tracked = st.builds(
    track,
    st.sampled_from("abc"),
    st.sampled_from(["Seen", "Deal Won", "Quote"]),
    st.integers(0, 20),
    value=st.none() | st.integers(0, 3),
)
taught = st.builds(
    lambda lead, day, city: identify(lead, day, city=city),
    st.sampled_from("ab"),
    st.integers(0, 20),
    st.sampled_from("xy"),
)
merged = st.builds(alias, st.sampled_from("de"), st.sampled_from("ab"), st.integers(0, 20))
histories = st.lists(tracked | taught | merged, max_size=25).map(named)


def digits(events):
    return provenance.fingerprint(log_of(*events), at(BEFORE))


@given(histories)
def test_what_came_in_later_changes_nothing(events):
    assert digits(events) == digits([one for one in events if one.known_at < at(BEFORE)])


@given(histories, st.data())
def test_any_change_of_what_was_known_shows(events, data):
    last = replace(track("a", "Seen", 1), event_id="last")
    events = [*events, last]
    known = [n for n, one in enumerate(events) if one.known_at < at(BEFORE) and one.type != "alias"]
    place = data.draw(st.sampled_from(known))
    one = events[place]
    if one.type == "track":
        others = [
            replace(one, kind="Other"),
            replace(one, value=9),
            replace(one, lead_id="z"),
            replace(one, actor="me"),
        ]
    else:
        others = [replace(one, traits={"city": "other"}), replace(one, traits={"town": "x"})]
    for other in others:
        assert digits([*events[:place], other, *events[place + 1 :]]) != digits(events)


def test_a_merge_shows():
    events = [track("d", "Seen", 1), track("a", "Seen", 2)]
    found = {digits(named([*events, alias("d", lead, day)])) for lead in "ab" for day in (3, 4)}
    assert len(found | {digits(named(events))}) == 5


def test_a_run_says_what_can_change_its_bytes():
    found = provenance.of_run(market.log(), market.BOOK, before=market.SNAPSHOT, threads=2)
    assert found["data"] == provenance.fingerprint(market.log(), market.SNAPSHOT)
    assert found["data"] != provenance.fingerprint(market.log(), market.SNAPSHOT - 1_000_000_000_000)
    assert found["code"].startswith("0.1.0+")
    assert {"lightgbm", "numpy", "python", "seed", "threads", "playbook"} <= found.keys()
    assert provenance.of_run(market.log(), playbook(), before=0, threads=2)["playbook"] != found["playbook"]
