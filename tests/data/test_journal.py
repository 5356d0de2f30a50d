"""Lines of a journal, wherever reading begins: what the writer and all its readers agree on."""

import json

from hypothesis import given
from hypothesis import strategies as st

from data.journal import lines

WHOLE = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2).map(json.dumps)
OTHER = st.sampled_from(["", " ", "[1]", '"text"', '{"decision": "no', '{"psi": NaN}', "é", "[" * 100_000])


@given(written=st.lists(WHOLE | OTHER), ended=st.booleans(), cut=st.integers(min_value=0))
def test_a_part_read_later_says_what_the_whole_says(written: list[str], ended: bool, cut: int):
    """A reader that remembers how far it came sees the same lines, numbers and places as one that begins anew."""
    text = "\n".join(written).encode() + (b"\n" if ended else b"")
    until = text[: cut % (len(text) + 1)].rfind(b"\n") + 1
    first, later = text[:until], text[until:]
    assert [*lines(first), *lines(later, number=first.count(b"\n"), start=until)] == [*lines(text)]


@given(written=st.lists(WHOLE | OTHER))
def test_every_line_is_told_once_and_stands_where_it_says(written: list[str]):
    text = "\n".join(written).encode()
    told = list(lines(text))
    assert [one.number for one in told] == [place for place, one in enumerate(written, 1) if one.strip()]
    assert [text[one.start : one.end].decode() for one in told] == [one for one in written if one.strip()]
    for one in told:
        mine = written[one.number - 1]
        is_object = mine.startswith("{") and mine.endswith("}") and "NaN" not in mine
        assert one.document == (json.loads(mine) if is_object else None)
        assert one.ended == (one.end < len(text))
