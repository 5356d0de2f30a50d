"""The table of the playbook that says what a customer's next journey is: `[after_sale]`.

A customer is a lead again, for repeat, upsell or cross-sell. The new journey begins with the first sale; the events
named here are its conversions, losses and acceptances::

    [after_sale]
    converted = ["Repeat Order", "Upgraded"]     # or "Deal Won" once more: the second sale

Its model is one of its own (`veraison train --journey customers`), made from this table and everything else that the
playbook says.
"""

from typing import Protocol

from pydantic import Field, field_validator, model_validator

from veraison.playbook_table import Name, Table, Whole, refuse

_LEAST = 10
"""So many conversions a model is made from at least (training.min_conversions)."""


class AfterSale(Table):
    """The journey of customers; without `converted` there is none.

    converted        []  the customer bought again; may name events of journey.converted: from the second sale on
    ready            []  sales accepted the new need; where none is named, readiness is conversion
    lost             []  the customer is lost
    days             []  horizons of this journey; where none is named, those of [horizons]
    primary          0   the one that its score speaks of; 0: that of [horizons]
    min_conversions  0   fewer than this: no model; 0: that of [training]
    """

    converted: tuple[Name, ...] = ()
    ready: tuple[Name, ...] = ()
    lost: tuple[Name, ...] = ()
    days: tuple[Whole, ...] = ()
    primary: Whole = Field(default=0, ge=0)
    min_conversions: Whole = Field(default=0, ge=0)

    @field_validator("days")
    @classmethod
    def _increasing(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if days and (min(days) < 1 or max(days) > 3650):
            raise ValueError("needs whole numbers of days in [1; 3650]")
        if len(set(days)) != len(days):
            raise ValueError("names a horizon twice")
        return tuple(sorted(days))

    @field_validator("min_conversions")
    @classmethod
    def _enough(cls, least: int) -> int:
        if 0 < least < _LEAST:
            raise ValueError(f"should be 0, or at least {_LEAST}")
        return least

    @model_validator(mode="after")
    def _one_meaning_each(self) -> "AfterSale":
        seen: dict[str, str] = {}
        for key in ("converted", "ready", "lost"):
            for name in getattr(self, key):
                if name in seen:
                    where = f"in both {seen[name]} and {key}" if seen[name] != key else f"twice in {key}"
                    raise ValueError(f"{name!r} stands {where}; an event means one thing")
                seen[name] = key
        return self


class First(Protocol):
    """What the first journey names (veraison.playbook.Journey)."""

    @property
    def converted(self) -> tuple[str, ...]: ...
    @property
    def opted_out(self) -> tuple[str, ...]: ...


class Ahead(Protocol):
    """How far the first journey's scores look ahead (veraison.playbook.Horizons)."""

    @property
    def days(self) -> tuple[int, ...]: ...
    @property
    def primary(self) -> int: ...


def check(after: AfterSale, journey: First, horizons: Ahead) -> None:
    """Raise pydantic's ValidationError, with the path of the key, for what does not fit the first journey."""
    if not after.converted:
        for key, value in after.model_dump(exclude_defaults=True).items():
            _wrong(key, value, "says something of a journey that has no conversion; name after_sale.converted")
    for key in ("converted", "ready", "lost"):
        for name in getattr(after, key):
            if name in journey.opted_out:
                _wrong(key, name, f"{name!r} stands in journey.opted_out; who opted out is not scored")
            if name in journey.converted and key != "converted":
                _wrong(key, name, f"{name!r} stands in journey.converted; a sale cannot mean that here")
    days, primary = after.days or horizons.days, after.primary or horizons.primary
    if primary not in days:
        key = "primary" if after.primary else "days"
        _wrong(
            key, getattr(after, key), f"primary = {primary} is not one of days = {list(days)}; name after_sale.primary"
        )


def _wrong(key: str, value: object, sentence: str) -> None:
    refuse([(("after_sale", key), sentence, value)])
