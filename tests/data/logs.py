"""Small random histories, and a log read back into plain rows."""

from hypothesis import strategies as st

from data.events import Event
from data.log import NO_VALUE

LEADS = tuple("abcd")
KINDS = ("Seen", "Created", "Accepted", "Returned", "Won", "Lost", "Stop")
EMAILS = ("x@y.fr", " X@Y.fr", "z@y.fr", "1")


@st.composite
def some_events(draw, prefix="e", least_known=0):
    """Events of a few people within a few moments, so that times tie, ids merge and addresses meet."""
    size = draw(st.integers(0, 20))  # by itself a list would hold five or so
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(LEADS),
                st.sampled_from(KINDS),
                st.integers(0, 8),
                st.integers(0, 4),
                st.sampled_from((None,) * 6 + LEADS),
                st.sampled_from((None,) * 6 + EMAILS),
                st.none() | st.integers(-3, 3),
                st.sampled_from((None, None, "Petit", "Durand")),
            ),
            min_size=size,
            max_size=size,
        )
    )
    return [
        Event(
            event_id=f"{prefix}{number}",
            lead_id=lead,
            type="track" if previous in (None, lead) else "alias",
            kind=kind,
            occurred_at=occurred,
            known_at=max(occurred + delay, least_known),
            value=value,
            traits={} if email is None else {"email": email, "size": float(number)},
            previous_id=None if previous == lead else previous,
            actor=actor,
        )
        for number, (lead, kind, occurred, delay, previous, email, value, actor) in enumerate(rows)
    ]


def told(log, lead_id):
    """All that a log says of one lead, in words instead of codes."""
    code = int(log.codes([lead_id])[0])
    if code < 0:
        return None
    events = range(log.offsets[code], log.offsets[code + 1])
    traits = range(log.trait_offsets[code], log.trait_offsets[code + 1])
    return {
        "events": [
            (
                log.event_ids[n],
                int(log.known[n]),
                int(log.occurred[n]),
                log.kinds[log.kind[n]],
                None if log.value[n] == NO_VALUE else int(log.value[n]),
                log.actors[log.actor[n]] if log.actors and log.actor[n] >= 0 else None,
            )
            for n in events
        ],
        "traits": [
            (
                int(log.trait_known[n]),
                int(log.trait_occurred[n]),
                log.trait_names[log.trait_name[n]],
                log.trait_texts[log.trait_text[n]],
                repr(float(log.trait_number[n])),
            )
            for n in traits
        ],
        "merged_at": int(log.merged_at[code]),
    }
