"""The playbook: a firm's own definitions of its leads' journey, in one TOML file.

Every key has a default but ``journey.converted``. Names of events are the firm's own, as they arrive in the
Segment ``event`` field. A mistake is one line: file, key, what is wrong, what is allowed.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

_WRITE_IT = "write it as 2026-03-01T09:12:00Z"

REMOVED = {"monitoring": ("psi", "share", "score_psi")}
"""Keys that are no more: playbooks are told so, models that were trained with them are read without."""

Whole = Annotated[int, Field(strict=True)]
Name = Annotated[str, Field(min_length=1)]
Family = Literal[
    "journey", "activity", "recency", "rhythm", "values", "stage", "people", "sequences", "profile", "rates", "account",
    "custom",
]  # fmt: skip
"""The families of features; `docs/features.md` says what is in each."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Journey(_Table):
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


class Horizons(_Table):
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


class Features(_Table):
    """What features are made of.

    windows_days     [1, 7, 30, 90]  days back within which events are counted
    half_lives_days  [7, 30]         half-lives of the counts in which an event weighs less the older it is
    outbound         []              what the firm does to the lead; all else is the lead's own act
    traits           {}              name = "category", "number", "email" or "account": what is known of the person or
                                     company; leads that share an account are colleagues
    max_kinds        40              so many of the most frequent kinds of event have features of their own
    time_zone        "UTC"           where days begin and offices open, such as "Europe/Paris"
    custom           []              modules with features of the firm's own (functions decorated with @feature)
    without          []              families left out, such as "rhythm": on little data fewer columns can be better
    """

    windows_days: tuple[Whole, ...] = (1, 7, 30, 90)
    half_lives_days: tuple[Whole, ...] = (7, 30)
    outbound: tuple[Name, ...] = ()
    traits: dict[str, Literal["category", "number", "email", "account"]] = Field(default_factory=dict)
    max_kinds: Whole = Field(default=40, ge=1, le=1000)
    time_zone: Name = "UTC"
    custom: tuple[Name, ...] = ()
    without: tuple[Family, ...] = ()

    @field_validator("traits")
    @classmethod
    def _one_company(cls, traits: dict[str, str]) -> dict[str, str]:
        if len(named := [name for name, kind in traits.items() if kind == "account"]) > 1:
            raise ValueError(f"names the company twice ({', '.join(named)}); one trait can be of kind 'account'")
        if "actor" in traits:
            raise ValueError("'actor' is who at the firm acted, which events say; a trait needs another name")
        return traits

    @field_validator("windows_days")
    @classmethod
    def _windows(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or min(days) < 1 or max(days) > 365:
            raise ValueError("needs at least one whole number of days in [1; 365]")
        return tuple(sorted(set(days)))

    @field_validator("half_lives_days")
    @classmethod
    def _half_lives(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= one <= 3650 for one in days):
            raise ValueError("needs whole numbers of days in [1; 3650]")
        return tuple(sorted(set(days)))

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError('is no time zone; write one such as "Europe/Paris"') from None
        return name

    @property
    def accounts(self) -> tuple[str, ...]:
        """The traits that name a company."""
        return tuple(name for name, kind in self.traits.items() if kind == "account")


class IdentityKeys(_Table):
    """Who is who.

    keys  []  traits that name a person, such as "email": two leads with the same value are one
    """

    keys: tuple[Name, ...] = ()


class ModelSettings(_Table):
    """Settings of the hazard that differ from the shipped ones, as `veraison tune` finds them; an empty table is well.

    learning_rate      how far each tree goes
    rounds             trees
    num_leaves         leaves of a tree
    min_child_samples  person-periods a leaf has at least
    lambda_l2          expected events by which a leaf is held back
    feature_fraction   share of the columns that a tree sees
    bagging_fraction   share of the rows that a tree sees
    bins               pieces that time is cut into, besides the horizons
    """

    learning_rate: float | None = Field(default=None, gt=0, le=1, strict=True)
    rounds: Whole | None = Field(default=None, ge=1, le=10_000)
    num_leaves: Whole | None = Field(default=None, ge=2, le=1_024)
    min_child_samples: Whole | None = Field(default=None, ge=1)
    lambda_l2: float | None = Field(default=None, ge=0, strict=True)
    feature_fraction: float | None = Field(default=None, gt=0, le=1, strict=True)
    bagging_fraction: float | None = Field(default=None, gt=0, le=1, strict=True)
    bins: Whole | None = Field(default=None, ge=1, le=100)

    @property
    def chosen(self) -> dict[str, float | int]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)


class Training(_Table):
    """How training sets are made.

    landmark_days    [0, 1, 3, 7, 14, 30, 60, 90]  days after its start at which each lead is looked at
    landmark_decay   0.0 the k-th look at a lead counts as k ** -landmark_decay: 0 all alike, 1 long histories far less
    gap_days         1   days that keep the leads that evaluate apart from those that train
    min_conversions  40  fewer leads that convert than this: no model
    allow_leaks      []  traits, kinds of event and features that train although the leakage audit says `leak`
    min_fidelity     0.9 least R2 with which the explained probability must repeat the hazard model's: else no model
    weight_by        "none"  or "exploration": learn the chance to convert *if handed over to sales*, by inverse
                         propensity weighting of the hand-overs in the prediction log: see training.propensity
    monotone         {}  feature = "rising" or "falling": the chance to convert may only rise, or fall, with it
    seed             7   same seed and same events, same model
    model            {}  settings of the hazard: see ModelSettings
    """

    landmark_days: tuple[Whole, ...] = (0, 1, 3, 7, 14, 30, 60, 90)
    landmark_decay: float = Field(default=0.0, ge=0, le=1, strict=True)
    gap_days: Whole = Field(default=1, ge=0, le=365)
    min_conversions: Whole = Field(default=40, ge=10)
    allow_leaks: tuple[Name, ...] = ()
    min_fidelity: float = Field(default=0.9, ge=0, lt=1, strict=True)
    weight_by: Literal["none", "exploration"] = "none"
    monotone: dict[str, Literal["rising", "falling"]] = Field(default_factory=dict)
    seed: Whole = Field(default=7, ge=0, lt=2**31)
    model: ModelSettings = ModelSettings()

    @field_validator("landmark_days")
    @classmethod
    def _landmarks(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or min(days) < 0 or max(days) > 3650:
            raise ValueError("needs at least one whole number of days in [0; 3650]")
        return tuple(sorted(set(days)))


class Scoring(_Table):
    """How a score is shown.

    grades      {A = 65, B = 50, C = 35, D = 0}  the least score of each grade, best first
    reset_base  false  whether the next model says anew which lead is typical and scores 50
    min_known   1      acts of the lead and known traits together; fewer, and it is too early for a score
    """

    grades: dict[str, Annotated[float, Field(strict=True)]] = Field(
        default_factory=lambda: {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0}
    )
    reset_base: bool = Field(default=False, strict=True)
    min_known: Whole = Field(default=1, ge=0, le=1000)

    @field_validator("grades")
    @classmethod
    def _falling(cls, grades: dict[str, float]) -> dict[str, float]:
        bounds = list(grades.values())
        if not bounds or bounds != sorted(bounds, reverse=True) or len(set(bounds)) != len(bounds):
            raise ValueError("needs falling bounds, best grade first, such as {A = 65, B = 50, C = 35, D = 0}")
        if bounds[-1] != 0 or bounds[0] > 100:
            raise ValueError("needs bounds in [0; 100], the last one 0, so that every score has a grade")
        return grades


class Exploration(_Table):
    """A small random share of leads below the list is handed over to sales all the same, so that something is learned.

    share  0.0  chance, for each lead and week, in [0; 0.2]; 0 is off
    seed   7    another one draws others
    """

    share: float = Field(default=0.0, ge=0, le=0.2, strict=True)
    seed: Whole = Field(default=7, ge=0, lt=2**31)


class Monitoring(_Table):
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


class Pages(_Table):
    """Who sees which lead.

    seller  "owner"  trait that names the seller of a lead; who is a seller sees the own leads and those of nobody
    """

    seller: Name = "owner"


class Playbook(_Table):
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

    @property
    def has_readiness(self) -> bool:
        """Whether sales-readiness is an event of its own; where not, readiness is conversion."""
        return bool(self.journey.ready)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any definition does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
