"""Who gets which lead."""

from typing import Literal

from pydantic import AwareDatetime, Field

from veraison.answers.base import AT, LEAD, MODEL, Answer, said


class RoutedLead(Answer):
    """Where one lead goes."""

    lead_id: str = said("The lead.", LEAD)
    status: Literal["routed", "exception", "account_won", "no_consent"] = said(
        "`exception`: no route takes it, several do, or everybody is full; `account_won`: its company was won with a "
        "colleague, so it goes nowhere; `no_consent`: it may not be contacted.",
        "routed",
    )
    why: str = said("A sentence.", "employees 1,200 >= 500: route big. Eva has it already.")
    route: str | None = said("The route that takes it; null for others than `routed`.", "big")
    to: str | None = said("Where it goes; of an exception the queue.", "key-accounts")
    seller: str | None = said("Who gets it; null where the destination has no team.", "Eva")
    exception: Literal["no route", "several routes", "full"] | None = said("Why it is an exception.", None)
    potential: float | None = said("Probability x expected amount; null where one is not known.", 4200.0)
    price: float | None = said("What it costs who gets it; null where the playbook makes no price.", 120.0)
    currency: str | None = said("Of the price.", "EUR")


class Routes(Answer):
    """Where the leads on the list go."""

    as_of: AwareDatetime = said("The moment they were routed at.", AT)
    model_version: str = said("The model that scored them.", MODEL)
    leads: tuple[RoutedLead, ...] = Field(description="The best first.")
