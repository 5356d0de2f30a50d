"""The playbook: a firm's own definitions of its leads' journey, in one TOML file.

Every key has a default but ``journey.converted``. Names of events are the firm's own, as they arrive in the
Segment ``event`` field. A mistake is one line: file, key, what is wrong, what is allowed.
"""

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from veraison import (
    playbook_after_sale,
    playbook_contract,
    playbook_families,
    playbook_maturity,
    playbook_money,
    playbook_returns,
    playbook_routes,
    playbook_stages,
)
from veraison.playbook_after_sale import AfterSale
from veraison.playbook_consent import Consent
from veraison.playbook_contract import Contract
from veraison.playbook_families import Families
from veraison.playbook_maturity import Maturity
from veraison.playbook_model import Features, Scoring, Training
from veraison.playbook_money import Money
from veraison.playbook_returns import REASONS, Return
from veraison.playbook_routes import Route, Routing
from veraison.playbook_stages import Stage, Zone, zones
from veraison.playbook_table import Name, Table, Whole, refuse

_WRITE_IT = "write it as 2026-03-01T09:12:00Z"

REMOVED = {"monitoring": ("psi", "share", "score_psi")}
"""Keys that are no more: playbooks are told so, models that were trained with them are read without."""

OF_NO_MODEL = {
    "after_sale", "consent", "contract", "families", "maturity", "money", "returns", "routes", "routing", "stages",
}  # fmt: skip
"""Tables that say what is done with leads and told of them: another seller in a team makes no other model. No bundle
carries them."""


class Journey(Table):
    """Which events open, ripen and close a lead: lists of names, as they stand in the Segment ``event`` field.

    created        []    a lead starts here; where none is named, at its first event
    ready          []    sales accepted it; where none is named, readiness is conversion
    converted            it is won; the one key that has no default
    lost           []    it is lost
    returned       []    sales gave it back
    opted_out      []    it asked to be left alone, and is no longer scored
    worked         []    acts by which sales work a lead, besides accepting it and giving it back; where none is named,
                         whatever names who at the firm acted
    worked_days    14    days before and after a score within which such an act counts for it
    contacts       "contacts"  property of a conversion that names the other leads it was made with: these are won too
    observed_from  None  moment with a zone; outcomes before it were not recorded
    """

    created: tuple[Name, ...] = ()
    ready: tuple[Name, ...] = ()
    converted: tuple[Name, ...]
    lost: tuple[Name, ...] = ()
    returned: tuple[Name, ...] = ()
    opted_out: tuple[Name, ...] = ()
    worked: tuple[Name, ...] = ()
    worked_days: Whole = Field(default=14, ge=1, le=90)
    contacts: Name = "contacts"
    observed_from: AwareDatetime | None = None

    @field_validator("observed_from", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise ValueError(f"is not a date; {_WRITE_IT}") from None
        if value is not None and not isinstance(value, datetime):
            raise ValueError(f"needs a date, a time and a zone; {_WRITE_IT}")
        if value is not None and value.tzinfo is None:
            raise ValueError(f"has no zone; {_WRITE_IT}")
        return value

    @field_validator("converted")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("needs the name of at least one event")
        return names

    @model_validator(mode="after")
    def _one_meaning_each(self) -> "Journey":
        seen: dict[str, str] = {}
        for key in ("created", "ready", "converted", "lost", "returned", "opted_out", "worked"):
            for name in getattr(self, key):
                if name in seen:
                    where = f"in both {seen[name]} and {key}" if seen[name] != key else f"twice in {key}"
                    raise ValueError(f"{name!r} stands {where}; an event means one thing")
                seen[name] = key
        return self


class Horizons(Table):
    """How far scores look ahead.

    days     [7, 30, 90]  days after the moment of a score for which a probability is given
    primary  30           the one of them that the score speaks of
    """

    days: tuple[Whole, ...] = (7, 30, 90)
    primary: Whole = 30

    @field_validator("days")
    @classmethod
    def _increasing(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or min(days) < 1 or max(days) > 3650:
            raise ValueError("needs at least one whole number of days in [1; 3650]")
        if len(set(days)) != len(days):
            raise ValueError("names a horizon twice")
        return tuple(sorted(days))

    @model_validator(mode="after")
    def _primary_is_one(self) -> "Horizons":
        if self.primary not in self.days:
            raise ValueError(f"primary = {self.primary} is not one of days = {list(self.days)}")
        return self


class IdentityKeys(Table):
    """Who is who.

    keys  []  traits that name a person, such as "email": two leads with the same value are one
    """

    keys: tuple[Name, ...] = ()


class Exploration(Table):
    """A small random share of leads below the list is handed over to sales all the same, so that something is learned.

    share  0.0  chance, for each lead and week, in [0; 0.2]; 0 is off
    seed   7    another one draws others
    """

    share: float = Field(default=0.0, ge=0, le=0.2, strict=True)
    seed: Whole = Field(default=7, ge=0, lt=2**31)


class Monitoring(Table):
    """The written policy by which `veraison monitor` decides.

    false_alarms    0.01  share of usual weeks in which the score, and all columns together, may be called drifted
    source          "source"  trait that names where a lead comes from; sources are watched by it
    category_share  0.05  share of new leads above which a category that training did not know is acted on
    calibration     1.5   observed conversions for each one expected, or the inverse, that the interval must lie beyond
    recent_days     28    length of the newest chunk that is compared with the reference
    outcome_days    84    length of the newest matured chunk whose conversions are held against the expected ones
    min_scored      200   fewer landmarks than this in the chunk: no verdict on drift
    min_outcomes    20    fewer new matured conversions than this: hold, do not retrain
    gate_outcomes   10    newest of them kept from the challenger, to compare it with the champion on
    gate_margin     0.01  log-loss by which the challenger may be worse, at the far end of its interval
    gate_ece        0.02  calibration error by which the challenger may be worse
    recalibrate     true  where other numbers of leads convert than expected, set the model to that level at once
    promote         "auto"  what passes becomes the champion; "ask": it waits as challenger for a person
    shadow_days     0     days a challenger scores beside the champion before it serves; 0: the newest scores served are
                          scored again at once
    guard           0.01  log-loss by which a promoted model must be worse than its predecessor, at the near end of the
                          interval, for the predecessor to serve again
    quiet_days      14    days after a promotion, or after the predecessor came back, in which no renewal starts
    for_runs        1     runs in a row that must see a cause that has no name of its own before it is acted on
    """

    false_alarms: float = Field(default=0.01, ge=0.001, le=0.2, strict=True)
    source: Name = "source"
    category_share: float = Field(default=0.05, gt=0, le=1, strict=True)
    calibration: float = Field(default=1.5, ge=1, strict=True)
    recent_days: Whole = Field(default=28, ge=1, le=365)
    outcome_days: Whole = Field(default=84, ge=7, le=730)
    min_scored: Whole = Field(default=200, ge=20)
    min_outcomes: Whole = Field(default=20, ge=5)
    gate_outcomes: Whole = Field(default=10, ge=5)
    gate_margin: float = Field(default=0.01, ge=0, strict=True)
    gate_ece: float = Field(default=0.02, ge=0, strict=True)
    recalibrate: bool = Field(default=True, strict=True)
    promote: Literal["auto", "ask"] = "auto"
    shadow_days: Whole = Field(default=0, ge=0, le=90)
    guard: float = Field(default=0.01, ge=0, strict=True)
    quiet_days: Whole = Field(default=14, ge=0, le=365)
    for_runs: Whole = Field(default=1, ge=1, le=52)


class Pages(Table):
    """Who sees which lead.

    seller  "owner"  trait that names the seller of a lead; who is a seller sees the own leads and those of nobody
    """

    seller: Name = "owner"


class Playbook(Table):
    """All definitions together; frozen, so that a bundle can carry the one it was trained with.

    >>> book = Playbook.model_validate({"journey": {"converted": ["Deal Won"]}})
    >>> book.horizons.primary, book.has_readiness
    (30, False)
    """

    journey: Journey
    horizons: Horizons = Horizons()
    features: Features = Features()
    identity: IdentityKeys = IdentityKeys()
    training: Training = Training()
    scoring: Scoring = Scoring()
    exploration: Exploration = Exploration()
    monitoring: Monitoring = Monitoring()
    pages: Pages = Pages()
    routes: tuple[Route, ...] = ()
    routing: Routing = Routing()
    stages: dict[Name, Stage] = Field(default_factory=dict)
    maturity: Maturity | None = None
    families: Families = Field(default_factory=lambda: Families.model_validate({}))
    returns: dict[Name, Return] = Field(default_factory=dict)
    consent: Consent = Consent()
    contract: Contract | None = None
    money: Money = Money()
    after_sale: AfterSale = AfterSale()

    @model_validator(mode="after")
    def _routes_can_be_read(self) -> "Playbook":
        playbook_routes.check(self.routes, self.routing, self.features.traits, self.scoring.grades)
        return self

    @model_validator(mode="after")
    def _stages_apart(self) -> "Playbook":
        playbook_stages.check(self.stages, self.journey)
        return self

    @model_validator(mode="after")
    def _maturity_can_be_judged(self) -> "Playbook":
        if self.maturity is not None:
            playbook_maturity.check(self.maturity, self.journey, self.features.traits)
        return self

    @model_validator(mode="after")
    def _families_can_be_read(self) -> "Playbook":
        stages = [one.name for one in self.zones]
        reasons = REASONS if self.contract is None else self.contract.return_reasons
        refuse(playbook_returns.mistakes(self.returns, reasons))
        refuse(
            playbook_families.mistakes(
                self.families, self.features.traits, self.scoring.grades, self.routing, stages, reasons
            )
        )
        return self

    @model_validator(mode="after")
    def _contract_can_be_counted(self) -> "Playbook":
        playbook_contract.check(self.contract, self.routing, has_readiness=self.has_readiness)
        return self

    @model_validator(mode="after")
    def _touches_apart(self) -> "Playbook":
        playbook_money.check(self.money, self.journey)
        return self

    @model_validator(mode="after")
    def _journey_of_customers(self) -> "Playbook":
        playbook_after_sale.check(self.after_sale, self.journey, self.horizons)
        return self

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The stages of the journey in their order, with what enters each."""
        return zones(self.stages, self.journey)

    @property
    def has_readiness(self) -> bool:
        """Whether sales-readiness is an event of its own; where not, readiness is conversion."""
        return bool(self.journey.ready)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any definition does that a model could be made by."""
        return hashlib.sha256(self.model_dump_json(exclude=OF_NO_MODEL).encode()).hexdigest()[:12]
