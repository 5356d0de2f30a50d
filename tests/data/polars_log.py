"""The first way in which histories were built, with polars: the frozen twin of data.log.EventLog.build."""

import numpy as np
import polars as pl

from data.log import NEVER, NO_VALUE

_ORDER = ["lead_id", "known_at", "occurred_at", "event_id"]


def build(events, traits, identity):
    """Each column of EventLog by name, from Arrow tables."""
    events, traits = pl.from_arrow(events), pl.from_arrow(traits)
    views = pl.DataFrame(
        [(source, lead, since) for source in identity for lead, since in identity.chain(source)],
        schema={"lead_id": pl.String, "view": pl.String, "since": pl.Int64},
        orient="row",
    )
    events, traits = _seen_as(events, views), _seen_as(traits, views)
    leads = pl.concat([events["lead_id"], traits["lead_id"]]).unique().sort()
    events, traits = events.sort(_ORDER), traits.sort([*_ORDER, "name"])
    kind, kinds = _encode(events["kind"])
    actor, actors = _encode(events["actor"])
    name, names = _encode(traits["name"])
    text, texts = _encode(traits["text"])
    return {
        "leads": leads.to_list(),
        "offsets": _offsets(events["lead_id"], leads),
        "known": events["known_at"].to_numpy(),
        "occurred": events["occurred_at"].to_numpy(),
        "kind": kind,
        "value": events["value"].fill_null(NO_VALUE).to_numpy(),
        "actor": actor,
        "event_ids": events["event_id"].to_list(),
        "kinds": kinds,
        "actors": actors,
        "trait_offsets": _offsets(traits["lead_id"], leads),
        "trait_known": traits["known_at"].to_numpy(),
        "trait_occurred": traits["occurred_at"].to_numpy(),
        "trait_name": name,
        "trait_text": text,
        "trait_number": traits["number"].fill_null(float("nan")).to_numpy(),
        "trait_names": names,
        "trait_texts": texts,
        "merged_at": np.array([identity.merged.get(lead, ("", NEVER))[1] for lead in leads], dtype=np.int64),
    }


def _seen_as(rows, views):
    if views.is_empty():
        return rows
    inherited = rows.join(views, on="lead_id", how="inner").with_columns(
        lead_id=pl.col("view"), known_at=pl.max_horizontal("known_at", "since")
    )
    return pl.concat([rows, inherited.select(rows.columns)])


def _encode(column):
    names = column.drop_nulls().unique().sort()
    codes = column.cast(pl.Enum(names)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    return codes, names.to_list()


def _offsets(column, leads):
    counts = pl.DataFrame({"lead_id": leads}).join(
        pl.DataFrame({"lead_id": column}).group_by("lead_id").len(),
        on="lead_id",
        how="left",
        maintain_order="left",
    )
    return np.concatenate([[0], np.cumsum(counts["len"].fill_null(0).to_numpy())]).astype(np.int64)
