"""Who in a team gets the next lead: the seller who has the fewest of this week, for what each can take.

Nothing is drawn and nothing is stored. What a seller has got this week is what the histories say (data.known), and
between sellers who have equally few a hash of the week, the lead and the seller decides: the same in every process, and
no seller is favoured over the weeks.

A worked example: Amira takes 10 leads a week and Eva 5. Of six leads Amira gets four and Eva two.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from data.exploration import draw, week_number, week_of
from data.identity import fold
from data.known import Holding
from veraison.playbook_routes import Routing


@dataclass
class Rotation:
    """The teams in one ISO week.

    load : leads of this week by seller, folded; grows with each that is given
    """

    routing: Routing
    week: str
    load: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def at(routing: Routing, holdings: Iterable[Holding], as_of: int) -> "Rotation":
        """The teams at a moment, microseconds UTC, with the leads that sellers got since Monday."""
        found = Rotation(routing, week_of(as_of))
        for one in holdings:
            if week_number(one.since) == week_number(as_of):
                found.give(one.seller)
        return found

    def give(self, seller: str) -> None:
        """The seller has one lead more."""
        self.load[fold(seller)] = self.of(seller) + 1

    def of(self, seller: str) -> int:
        """How many leads the seller has got this week."""
        return self.load.get(fold(seller), 0)

    def next(self, lead_id: str, destination: str) -> str | None:
        """The seller of a team whose turn it is; None where all are full, or the destination has no team.

        >>> routing = Routing(teams={"key-accounts": ("Amira", "Eva")}, capacity={"Amira": 10, "Eva": 5})
        >>> week = Rotation(routing, "2026-W09", {"amira": 4, "eva": 3})
        >>> week.next("L42", "key-accounts")
        'Amira'
        """
        free = [one for one in self.routing.teams.get(destination, ()) if not self.is_full(one, destination)]
        return min(free, key=lambda one: (self._share(one, destination), self._draw(lead_id, one)), default=None)

    def is_full(self, seller: str, destination: str) -> bool:
        """Whether a seller can take no other lead this week."""
        most = self.routing.capacity_of(seller, destination)
        return most is not None and self.of(seller) >= most

    def _share(self, seller: str, destination: str) -> float:
        return self.of(seller) / (self.routing.capacity_of(seller, destination) or 1)

    def _draw(self, lead_id: str, seller: str) -> float:
        return draw(f"{lead_id} {fold(seller)}", self.week, seed=0)


def people(routing: Routing) -> Mapping[str, str]:
    """All sellers of the teams, by their names folded."""
    return {fold(seller): seller for team in routing.teams.values() for seller in team}
