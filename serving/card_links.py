"""Signed links to the card of one lead: who has one sees that card until it ends, without a login.

A link is good for the lead that it was made for and no other: the id is a part of what is signed, and stands nowhere in
the token. It sees what its seller sees, at the moment of the look. The secret is in the store's table ``meta``, so that
several workers agree; a rotation signs with a new one and still knows the one before.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer

from data.schema import meta
from data.store import Store

LONGEST_DAYS = 365
_SECRETS = "card_secrets"
_KNOWN = 2
"""So many secrets are known at once: the one that signs, and the one before it."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says.

    seller : whose eyes it sees with, None for everybody's
    until  : from when on it is refused, microseconds UTC
    """

    lead_id: str
    seller: str | None
    until: int


class CardLinks:
    """The links of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def token(self, link: Link) -> str:
        """What proves a link, fit for an address."""
        return str(self._signer(link.lead_id).dumps([link.seller, link.until]))

    def read(self, lead_id: str, token: str, now: int) -> Link | None:
        """The link that a token proves for this lead; None where it proves none, or has ended.

        now : microseconds UTC
        """
        try:
            seller, until = self._signer(lead_id).loads(token)
        except BadData:
            return None
        return Link(lead_id, seller, until) if now < until else None

    def rotate(self, *, end_all: bool = False) -> None:
        """Sign with a new secret from now on; links of the one before hold until they end, or end at once."""
        before = [] if end_all else self._known()[1 - _KNOWN :]
        told = json.dumps([*before, secrets.token_urlsafe(48)])
        with self._store.writing() as connection:
            connection.execute(sa.delete(meta).where(meta.c.name == _SECRETS))
            connection.execute(sa.insert(meta).values(name=_SECRETS, value=told))

    def _signer(self, lead_id: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._known(), salt=f"card {lead_id}", signer_kwargs={"digest_method": hashlib.sha256}
        )  # fmt: skip

    def _known(self) -> list[str]:
        """The secrets, the one that signs last; read anew each time, so that a rotation holds at once everywhere."""
        query = sa.select(meta.c.value).where(meta.c.name == _SECRETS)
        with self._store.engine.connect() as connection:
            told = connection.execute(query).scalar()
        if told is None:
            self._store.remember(_SECRETS, json.dumps([secrets.token_urlsafe(48)]))
            return self._known()
        known: list[str] = json.loads(told)
        return known
