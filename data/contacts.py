"""A sale made with several people: each contact that it names is won with it.

A CRM closes a deal with one contact and names the others. What it says of the deal is stored once for each of them, as
an event of their own, so that labels, features, pages and reports need to know nothing of it. Their copies bear no
value: the amount of the deal counts once.

A worked example: ``Deal Won`` of L1 with ``{"value": 9000, "contacts": ["L2", "L3"]}`` is stored for L1 with its 9,000,
and for L2 and L3 without an amount, all three at the same moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data.events import Event

if TYPE_CHECKING:
    from veraison.playbook import Playbook

MOST = 100
"""So many contacts of a sale are read."""
_LONGEST = 256
_AMOUNTS = ("value", "revenue")


@dataclass(frozen=True)
class Contacts:
    """Where a sale names the people it was made with.

    name  : of the property: a list of lead ids, or one text with commas between
    kinds : events that are sales
    """

    name: str
    kinds: frozenset[str]

    @staticmethod
    def of(playbook: "Playbook") -> "Contacts":
        """As the playbook has it (`journey.contacts`)."""
        return Contacts(playbook.journey.contacts, frozenset(playbook.journey.converted))

    def copies(self, event: Event) -> Iterator[Event]:
        """What an event says of the other contacts that it names, each once; nothing where it is no sale.

        >>> sale = Event("m-1", "L1", "track", "Deal Won", 5, 7, value=9, properties={"contacts": "L2, L1"})
        >>> found = Contacts("contacts", frozenset(["Deal Won"])).copies(sale)
        >>> [(one.event_id, one.lead_id, one.value) for one in found]
        [('m-1 with L2', 'L2', None)]
        """
        if event.type != "track" or event.kind not in self.kinds:
            return
        for lead_id in _named(event.properties.get(self.name)):
            if lead_id != event.lead_id:
                left = {key: value for key, value in event.properties.items() if key not in (self.name, *_AMOUNTS)}
                own = f"{event.event_id} with {lead_id}"
                yield replace(event, event_id=own, lead_id=lead_id, value=None, properties=left)


def _named(said: object) -> list[str]:
    listed = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    texts = [one.strip() for one in listed if isinstance(one, str)]
    return list(dict.fromkeys(one for one in texts if one and one.isprintable() and len(one) <= _LONGEST))[:MOST]
