"""The tables of a workspace. Times are microseconds UTC, values millionths; text is what senders wrote."""

import sqlalchemy as sa

SCHEMA_VERSION = 2
"""1: the first; 2: ``events.actor``, traits ``email_domain``, indexes that hold all a history is made of."""

_MERGES = sa.text("previous_id IS NOT NULL")

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.BigInteger, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.Column("value", sa.BigInteger),
    sa.Column("previous_id", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    # SQLite reads a history from the index alone, in its order; PostgreSQL's indexes hold no row of such length
    sa.Index("events_read", "lead_id", "known_at", "occurred_at", "event_id", "kind", "value", "actor").ddl_if(
        dialect="sqlite"
    ),
    sa.Index("events_of_lead", "lead_id", "known_at").ddl_if(dialect="postgresql"),
    sa.Index("events_known", "known_at"),
    sa.Index("events_merging", "previous_id", sqlite_where=_MERGES, postgresql_where=_MERGES),
    sa.Index("events_merged_into", "lead_id", sqlite_where=_MERGES, postgresql_where=_MERGES),
)

traits = sa.Table(
    "traits",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.BigInteger, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("number", sa.Double),
    sa.Column("folded", sa.Text, nullable=False),
    sa.Index(
        "traits_read", "lead_id", "known_at", "occurred_at", "event_id", "name", "text", "number", "folded"
    ).ddl_if(dialect="sqlite"),
    sa.Index("traits_of_lead", "lead_id", "known_at").ddl_if(dialect="postgresql"),
    sa.Index("traits_folded", "folded"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("quarantine_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
)

scores = sa.Table(
    "scores",
    metadata,
    sa.Column("score_id", sa.Integer, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("logged_at", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("score", sa.Double),
    sa.Column("probability", sa.Double),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("feature_set", sa.Text, nullable=False),
    sa.Column("vector", sa.LargeBinary),
    sa.Column("answer", sa.Text, nullable=False),
    sa.UniqueConstraint("lead_id", "as_of", "model_version", name="one_score_a_moment"),
    sa.Index("scores_in_time", "as_of"),
)
"""The prediction log. ``vector``: little-endian float64 in the order of the feature set; ``answer``: JSON as served."""

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("key_hash", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
)
"""API keys: SHA-256 of the key, its scopes separated by spaces."""

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("erased_at", sa.BigInteger, nullable=False),
    sa.Index("tombstones_of_person", "person"),
)
"""Who was erased. ``token``: keyed hash of an id, or of a value that names one person; ``person``: random, one each."""
