"""How likely a customer buys again, said beside the answer about a lead that was won (data.after_sale).

Only where a model of customers serves (`veraison train --journey customers`) that was made by the playbook's present
definitions; else nothing is said.
"""

from dataclasses import dataclass
from typing import Any

from data.after_sale import rules, view
from data.journey import Status
from data.log import EventLog
from serving.models import ModelHolder
from serving.scorer import score
from veraison.playbook import Playbook


@dataclass(frozen=True, slots=True)
class AfterSale:
    """What the model of customers says of one: `status` as of any lead; the rest is None where it is not scored.

    days        : the horizon of `probability`
    model_version : the bundle that answered
    """

    status: str
    score: float | None
    probability: float | None
    days: int
    model_version: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class Customers:
    """Answers about leads that were won, with the model of customers that serves now.

    models : of the journey after the sale (Workspace.customers)
    """

    def __init__(self, models: ModelHolder, playbook: Playbook) -> None:
        self._models = models
        self._playbook = playbook
        self._journey = rules(playbook).journey if playbook.after_sale.converted else None

    def of(self, log: EventLog, lead_id: str, as_of: int) -> AfterSale | None:
        """What is said of one lead at a moment; None without such a journey or a model of it.

        log : histories of the first journey, with that of the lead
        """
        if self._journey is None or not self._models.ready:
            return None
        bundle = self._models.current()
        if bundle.playbook.journey != self._journey:
            return None
        [row] = score(bundle, view(log, self._playbook), [lead_id], [as_of]).rows(shown=0)
        if row.status == Status.not_started.name:
            return None
        return AfterSale(row.status, row.score, row.probability, bundle.playbook.horizons.primary, bundle.version)
