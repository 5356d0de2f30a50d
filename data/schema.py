"""The tables of a workspace. Times are microseconds UTC, values millionths; text is what senders wrote."""

import sqlalchemy as sa

SCHEMA_VERSION = 3
"""1: the first; 2: ``events.actor``, traits ``email_domain``, indexes that hold all a history is made of;
3: ``quarantine.known_at``."""

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
    sa.Column("known_at", sa.BigInteger),
    sa.Index("quarantine_known", "known_at"),
)
"""``known_at``: null in rows of stores that are older than version 3."""

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

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("shape", sa.Text, nullable=False),
    sa.Column("min_points", sa.Double, nullable=False),
    sa.Column("grades", sa.Text, nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
)
"""Who is told of scores. ``grades``: JSON list of those whose crossing counts, empty for all."""

subscription_topics = sa.Table(
    "subscription_topics",
    metadata,
    sa.Column("subscription", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("told", sa.BigInteger),
)
"""What a subscription is told of; one that is not here is told of scores alone. ``told``: how far, of a topic that has
a journal: its bytes that were looked at, null before the first look."""

_OPEN = sa.text("delivered_at IS NULL AND dead_at IS NULL")

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False, unique=True),
    sa.Column("subscription", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.Column("delivered_at", sa.BigInteger),
    sa.Column("dead_at", sa.BigInteger),
    sa.Column("error", sa.Text),
    sa.Index("outbox_open", "subscription", "sequence", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index("outbox_of_lead", "lead_id"),
    sqlite_autoincrement=True,
)
"""Messages to subscriptions, sent in the order of ``sequence``; ``body`` is what is posted, byte by byte."""

pushed = sa.Table(
    "pushed",
    metadata,
    sa.Column("subscription", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("grade", sa.Text, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Index("pushed_of_lead", "lead_id"),
)
"""The score that a subscription was last told of a lead, or that was there when it began to listen."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
"""Work that one process at a time does: who does it, and until when nobody else may."""

key_sellers = sa.Table(
    "key_sellers",
    metadata,
    sa.Column("key_hash", sa.Text, primary_key=True),
    sa.Column("seller", sa.Text, nullable=False),
)
"""Whose leads a key sees; a key that is not here sees everyone's."""

people = sa.Table(
    "people",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text),
    sa.Column("seller", sa.Text),
    sa.Column("stamp", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
"""Who may log in to the pages: Argon2 of the password (none: only through OpenID Connect), and whose leads are seen.
``stamp``: a random word that sessions carry; another one, and they have ended."""

ended_sessions = sa.Table(
    "ended_sessions",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("forget_at", sa.BigInteger, nullable=False),
)
"""Sessions that were logged out before their time; after ``forget_at`` they would have ended anyhow."""

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("erased_at", sa.BigInteger, nullable=False),
    sa.Index("tombstones_of_person", "person"),
)
"""Who was erased. ``token``: keyed hash of an id, or of a value that names one person; ``person``: random, one each."""

costs = sa.Table(
    "costs",
    metadata,
    sa.Column("folded", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, primary_key=True),
    sa.Column("last_day", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("imported_at", sa.BigInteger, nullable=False),
)
"""What sources cost in periods that do not overlap. Days: ISO 8601, both within; ``cost``: millionths of the playbook's
currency; ``folded``: the source in the form in which names are compared."""
