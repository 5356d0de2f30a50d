"""Histories in columns: the one shape that features, labels and monitoring read, for one lead or for millions.

A history is ordered by ``(known_at, occurred_at, event_id)``. What is visible at ``as_of`` is the prefix with
``known_at < as_of``: :meth:`EventLog.visible` decides it here, and the kernels use the same comparison.

An event of an id that later continues as another shows twice: in the history of the id it came under, and in the
history of the person, there from the moment of the merge on (``known_at = max(known_at, merge)``).
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from data.identity import Identity

NO_VALUE = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EventLog:
    """Events and traits of `leads`, sorted by lead and then in the order of a history.

    leads         : ids in ascending order; the code of a lead is its place here
    offsets       : (leads + 1,) events of lead i are ``offsets[i]:offsets[i + 1]``
    known         : (events,) microseconds UTC, when that lead's history could show the event
    occurred      : (events,) microseconds UTC
    kind          : (events,) place in `kinds`
    value         : (events,) millionths, `NO_VALUE` where the event has none
    event_ids     : (events,) the senders' ids
    trait_*       : the same for traits; `trait_name` is a place in `trait_names`, `trait_text` in `trait_texts`,
                    `trait_number` is NaN where the text is not a number
    merged_at     : (leads,) when the lead became part of another, `NEVER` where it did not
    """

    leads: list[str]
    offsets: Ints
    known: Ints
    occurred: Ints
    kind: Codes
    value: Ints
    event_ids: pl.Series
    kinds: list[str]
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

    @staticmethod
    def build(events: pl.DataFrame, traits: pl.DataFrame, identity: Identity) -> "EventLog":
        """Columns of rows; `events` and `traits` have the columns of data.events' schemas, in any order of rows."""
        views = pl.DataFrame(
            [(source, lead, since) for source in identity for lead, since in identity.chain(source)],
            schema={"lead_id": pl.String, "view": pl.String, "since": pl.Int64},
            orient="row",
        )
        events, traits = _seen_as(events, views), _seen_as(traits, views)
        leads = pl.concat([events["lead_id"], traits["lead_id"]]).unique().sort()
        events, traits = events.sort(_ORDER), traits.sort([*_ORDER, "name"])
        kind, kinds = _encode(events["kind"])
        name, names = _encode(traits["name"])
        text, texts = _encode(traits["text"])
        ids = leads.to_list()
        return EventLog(
            leads=ids,
            offsets=_offsets(events["lead_id"], leads),
            known=events["known_at"].to_numpy(),
            occurred=events["occurred_at"].to_numpy(),
            kind=kind,
            value=events["value"].fill_null(NO_VALUE).to_numpy(),
            event_ids=events["event_id"],
            kinds=kinds,
            trait_offsets=_offsets(traits["lead_id"], leads),
            trait_known=traits["known_at"].to_numpy(),
            trait_occurred=traits["occurred_at"].to_numpy(),
            trait_name=name,
            trait_text=text,
            trait_number=traits["number"].fill_null(float("nan")).to_numpy(),
            trait_names=names,
            trait_texts=texts,
            merged_at=np.array([identity.merged.get(lead, ("", NEVER))[1] for lead in ids], dtype=np.int64),
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


_ORDER = ["lead_id", "known_at", "occurred_at", "event_id"]


def _seen_as(rows: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    if views.is_empty():
        return rows
    inherited = rows.join(views, on="lead_id", how="inner").with_columns(
        lead_id=pl.col("view"), known_at=pl.max_horizontal("known_at", "since")
    )
    return pl.concat([rows, inherited.select(rows.columns)])


def _encode(column: pl.Series) -> tuple[Codes, list[str]]:
    """Codes by ascending text, so that they do not depend on the order of rows."""
    names = column.unique().sort()
    codes = column.cast(pl.Enum(names)).to_physical().cast(pl.Int32).to_numpy()
    return codes, names.to_list()


def _offsets(column: pl.Series, leads: pl.Series) -> Ints:
    counts = pl.DataFrame({"lead_id": leads}).join(
        pl.DataFrame({"lead_id": column}).group_by("lead_id").len(),
        on="lead_id",
        how="left",
        maintain_order="left",
    )
    return np.concatenate([[0], np.cumsum(counts["len"].fill_null(0).to_numpy())]).astype(np.int64)
