"""The playbook: a firm's own definitions of its leads' journey, in one TOML file.

Every key has a default but ``journey.converted``. Names of events are the firm's own, as they arrive in the
Segment ``event`` field. A mistake is one line: file, key, what is wrong, what is allowed.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from veraison.errors import PlaybookError


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Journey(_Table):
    """Which events open, ripen and close a lead."""

    created: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    converted: tuple[str, ...] = Field(min_length=1)
    lost: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    opted_out: tuple[str, ...] = ()
    observed_from: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_meaning_each(self) -> "Journey":
        seen: dict[str, str] = {}
        for key in ("created", "ready", "converted", "lost", "returned", "opted_out"):
            for name in getattr(self, key):
                if name in seen:
                    raise ValueError(f"{name!r} stands in both {seen[name]!r} and {key!r}; an event means one thing")
                seen[name] = key
        return self


class Horizons(_Table):
    """Days after the moment of a score for which a probability is given."""

    days: tuple[int, ...] = (7, 30, 90)
    primary: int = 30

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
    """What features are made of."""

    windows_days: tuple[int, ...] = (1, 7, 30, 90)
    outbound: tuple[str, ...] = ()
    traits: dict[str, Literal["category", "number"]] = Field(default_factory=dict)
    max_kinds: int = Field(default=40, ge=1, le=1000)

    @field_validator("windows_days")
    @classmethod
    def _windows(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or min(days) < 1 or max(days) > 365:
            raise ValueError("needs at least one whole number of days in [1; 365]")
        return tuple(sorted(set(days)))


class IdentityKeys(_Table):
    """Traits that name a person: two leads with the same value are one."""

    keys: tuple[str, ...] = ()


class Training(_Table):
    """How training sets are made.

    ``gap_days`` keeps the leads that evaluate apart in time from those that train.
    """

    landmark_days: tuple[int, ...] = (0, 1, 3, 7, 14, 30, 60, 90)
    gap_days: int = Field(default=1, ge=0, le=365)
    min_conversions: int = Field(default=40, ge=10)
    seed: int = Field(default=7, ge=0)

    @field_validator("landmark_days")
    @classmethod
    def _landmarks(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or min(days) < 0:
            raise ValueError("needs at least one whole number of days >= 0")
        return tuple(sorted(set(days)))


class Scoring(_Table):
    """How a score is shown. ``grades``: the least score of each grade, best first."""

    grades: dict[str, float] = Field(default_factory=lambda: {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0})
    reset_base: bool = False

    @field_validator("grades")
    @classmethod
    def _falling(cls, grades: dict[str, float]) -> dict[str, float]:
        bounds = list(grades.values())
        if not bounds or bounds != sorted(bounds, reverse=True) or len(set(bounds)) != len(bounds):
            raise ValueError("needs falling bounds, best grade first, such as {A = 65, B = 50, C = 35, D = 0}")
        if bounds[-1] != 0 or bounds[0] > 100:
            raise ValueError("needs bounds in [0; 100], the last one 0, so that every score has a grade")
        return grades


class Monitoring(_Table):
    """The written policy by which `veraison monitor` decides.

    psi               population stability index above which a column has drifted
    share             share of columns drifted above which the inputs as a whole have
    recent_days       length of the newest chunk that is compared with the reference
    min_scored        fewer landmarks than this in the chunk: no verdict on drift
    min_outcomes      fewer new matured conversions than this: hold, do not retrain
    """

    psi: float = Field(default=0.25, gt=0)
    share: float = Field(default=0.2, gt=0, le=1)
    recent_days: int = Field(default=28, ge=1, le=365)
    min_scored: int = Field(default=200, ge=20)
    min_outcomes: int = Field(default=20, ge=5)


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
    monitoring: Monitoring = Monitoring()

    @property
    def has_readiness(self) -> bool:
        """Whether sales-readiness is an event of its own; where not, readiness is conversion."""
        return bool(self.journey.ready)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any definition does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def load_playbook(path: Path) -> Playbook:
    """Read a playbook.

    Raises PlaybookError: one line with the key's path and what is allowed there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlaybookError(
            f"{path}: no playbook there; give one with --playbook, or write its least form: "
            '[journey] converted = ["Deal Won"]'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlaybookError(f"{path}: cannot be read ({error})") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlaybookError(f"{path}: not valid TOML: {error}") from None
    try:
        return Playbook.model_validate(tables)
    except ValidationError as error:
        raise PlaybookError(f"{path}: {_one_line(error)}") from None


def _one_line(error: ValidationError) -> str:
    first, *others = error.errors()
    path = ".".join(str(part) for part in first["loc"]) or "playbook"
    if first["type"] == "extra_forbidden":
        table = ".".join(str(part) for part in first["loc"][:-1])
        where = f"in [{table}]" if table else "at the top level"
        sentence = f"unknown key; allowed {where}: {', '.join(_allowed(first['loc'][:-1]))}"
    elif first["type"] == "missing":
        sentence = "is required and missing"
        if path in ("journey", "journey.converted"):
            sentence += '; write [journey] converted = ["Deal Won"] with your own event name'
    else:
        sentence = first["msg"].removeprefix("Value error, ") + f" (got {_short(first['input'])})"
    return f"{path}: {sentence}" + (f" (and {len(others)} more)" if others else "")


def _allowed(path: tuple[int | str, ...]) -> list[str]:
    model: Any = Playbook
    for part in path:
        model = model.model_fields[str(part)].annotation
    return sorted(model.model_fields)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
