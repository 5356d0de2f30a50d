"""Histories in columns: the one shape that features, labels and monitoring read, for one lead or for millions.

A history is ordered by ``(known_at, occurred_at, event_id)``. What is visible at ``as_of`` is the prefix with
``known_at < as_of``: :meth:`EventLog.visible` decides it here, and the kernels use the same comparison.

An event of an id that later continues as another shows twice: in the history of the id it came under, and in the
history of the person, there from the moment of the merge on (``known_at = max(known_at, merge)``).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.columns import NO_VALUE, Codes, Floats, Ints, encode, gather, numbers, ordered, views
from data.identity import Identity

if TYPE_CHECKING:
    from data.handovers import HandOvers

__all__ = ["NEVER", "NO_VALUE", "Codes", "EventIds", "EventLog", "Floats", "Ints"]

NEVER = np.iinfo(np.int64).max


class EventIds(Sequence[str]):
    """The senders' ids of rows, fetched from where they stand when they are asked for: features need none.

    column : texts, or what gives them; None where nobody gave any (then the id of a row is its place)
    rows   : the places in `column` that these are
    """

    def __init__(self, column: pa.ChunkedArray | Callable[[], pa.ChunkedArray] | None, rows: Ints | range) -> None:
        self._column, self._rows = column, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice | npt.NDArray[np.generic]) -> "EventIds": ...
    def __getitem__(self, at: int | slice | npt.NDArray[np.generic]) -> "str | EventIds":
        if isinstance(at, slice | np.ndarray):
            return EventIds(self._column, np.asarray(self._rows)[at] if isinstance(at, np.ndarray) else self._rows[at])
        return self[np.array([at])].to_list()[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_list())

    def to_list(self) -> list[str]:
        """All of them."""
        found: list[str] = self.to_arrow().to_pylist()
        return found

    def to_arrow(self) -> pa.ChunkedArray:
        """All of them as one Arrow column."""
        rows = pa.chunked_array([pa.array(self._rows, pa.int64())])
        column = self._column() if callable(self._column) else self._column
        return rows.cast(pa.string()) if column is None else column.take(rows)


@dataclass(frozen=True)
class EventLog:
    """Events and traits of `leads`, sorted by lead and then in the order of a history.

    leads         : ids in ascending order; the code of a lead is its place here
    offsets       : (leads + 1,) events of lead i are ``offsets[i]:offsets[i + 1]``
    known         : (events,) microseconds UTC, when that lead's history could show the event
    occurred      : (events,) microseconds UTC
    kind          : (events,) place in `kinds`
    value         : (events,) millionths, `NO_VALUE` where the event has none
    actor         : (events,) place in `actors`, who at the firm acted; -1 where nobody is named; empty where no event
                    names anybody
    event_ids     : (events,) the senders' ids
    trait_*       : the same for traits; `trait_name` is a place in `trait_names`, `trait_text` in `trait_texts`,
                    `trait_number` is NaN where the text is not a number
    merged_at     : (leads,) when the lead became part of another, `NEVER` where it did not
    hand_overs    : which leads were handed over to sales; None where that was not asked for (data.handovers)
    """

    leads: list[str]
    offsets: Ints
    known: Ints
    occurred: Ints
    kind: Codes
    value: Ints
    actor: Codes
    event_ids: EventIds
    kinds: list[str]
    actors: list[str]
    trait_offsets: Ints
    trait_known: Ints
    trait_occurred: Ints
    trait_name: Codes
    trait_text: Codes
    trait_number: Floats
    trait_names: list[str]
    trait_texts: list[str]
    merged_at: Ints
    identity: Identity = field(repr=False)
    hand_overs: "HandOvers | None" = None

    @staticmethod
    def build(events: pa.Table, traits: pa.Table, identity: Identity, threads: int = 1) -> "EventLog":
        """Columns of rows; `events` and `traits` have the columns of data.events' schemas, in any order of rows.

        Texts may be dictionaries. Without ``event_id`` the order of rows stands for the order of ids.
        """
        lead, own = encode(events["lead_id"])
        trait_lead, teaching = encode(traits["lead_id"])
        seen = views(own if own == teaching or not teaching else sorted({*own, *teaching}), identity)
        lead, trait_lead = _recode(lead, own, seen.names), _recode(trait_lead, teaching, seen.names)
        name, names = encode(traits["name"])
        ids, trait_ids = (rows["event_id"] if "event_id" in rows.column_names else None for rows in (events, traits))
        e = ordered(lead, numbers(events["known_at"]), numbers(events["occurred_at"]), ids, None, seen, threads)
        t = ordered(
            trait_lead, numbers(traits["known_at"]), numbers(traits["occurred_at"]), trait_ids, name, seen
        )  # fmt: skip
        kind, kinds = encode(events["kind"])
        actor, actors = encode(events["actor"])
        text, texts = encode(traits["text"])
        return EventLog(
            leads=seen.names,
            offsets=e.offsets,
            known=e.known,
            occurred=e.occurred,
            kind=gather(kind, e.row, threads),
            value=gather(numbers(events["value"]), e.row, threads),
            actor=gather(actor, e.row, threads) if actors else actor[:0],
            event_ids=EventIds(ids, e.row),
            kinds=kinds,
            actors=actors,
            trait_offsets=t.offsets,
            trait_known=t.known,
            trait_occurred=t.occurred,
            trait_name=name[t.row],
            trait_text=text[t.row],
            trait_number=numbers(traits["number"], np.nan)[t.row],
            trait_names=names,
            trait_texts=texts,
            merged_at=_merged_at(seen.names, identity),
            identity=identity,
        )

    def codes(self, lead_ids: list[str]) -> Ints:
        """The code of each lead, -1 for one that has no history."""
        place = {lead: code for code, lead in enumerate(self.leads)}
        return np.array([place.get(lead, -1) for lead in lead_ids], dtype=np.int64)

    def visible(self, code: int, as_of: int) -> slice:
        """The events of one lead that are visible at `as_of`, as a slice of the columns."""
        start, stop = int(self.offsets[code]), int(self.offsets[code + 1])
        return slice(start, start + int(np.searchsorted(self.known[start:stop], as_of, side="left")))

    def visible_event_ids(self, lead_id: str, as_of: int) -> list[str]:
        """The ids of one lead's visible events, oldest first; empty for an unknown lead."""
        code = int(self.codes([lead_id])[0])
        return [] if code < 0 else self.event_ids[self.visible(code, as_of)].to_list()

    @property
    def newest(self) -> int:
        """The newest ``known_at``; raises ValueError on an empty log."""
        if not len(self.known):
            raise ValueError("the log is empty")
        return int(self.known.max())

    def persons(self, as_of: int) -> Codes:
        """(leads,) the code under which each lead is known at `as_of`."""
        found = np.arange(len(self.leads), dtype=np.int32)
        place = {lead: code for code, lead in enumerate(self.leads)}
        for code in np.flatnonzero(self.merged_at < as_of):
            found[code] = place[self.identity.person(self.leads[code], as_of)]
        return found


def _recode(codes: Codes, names: list[str], among: list[str]) -> Codes:
    if names is among or names == among or not len(codes):
        return codes
    place = {name: code for code, name in enumerate(among)}
    return np.array([place[name] for name in names], dtype=np.int32)[codes]


def _merged_at(leads: list[str], identity: Identity) -> Ints:
    merged = identity.merged
    found = np.full(len(leads), NEVER, dtype=np.int64)
    if merged:
        for code, lead in enumerate(leads):
            found[code] = merged.get(lead, ("", NEVER))[1]
    return found
