"""The tables of the playbook that say what a model learns from, and how its scores are shown."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from veraison.playbook_table import Name, Table, Whole

Family = Literal[
    "journey", "activity", "recency", "rhythm", "values", "stage", "people", "sequences", "profile", "rates", "account",
    "custom",
]  # fmt: skip
"""The families of features; `docs/features.md` says what is in each."""


class Features(Table):
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


class ModelSettings(Table):
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


class Training(Table):
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


class Scoring(Table):
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
