"""The table of the playbook that says what touches a sale: `[money]`.

The amount of a sale is the ``value`` of its event, its currency that of `[routing]`. A touch is an event before a sale;
touches are told apart by channel. A firm that runs webinars and white papers writes::

    [money]
    touches = {Webinar = ["Webinar Registered", "Webinar Attended"], "White paper" = ["White Paper Downloaded"]}

and everything else is no touch. Where it names none, each kind of the lead's own acts is a channel of its own.
"""

from typing import Protocol

from pydantic import Field

from veraison.playbook_table import Name, Table, Whole, refuse


class Money(Table):
    """Which events are touches, and how long before a sale they count.

    touches      {}  the events of each channel; where none is named, each kind of the lead's own acts is one
    window_days  90  days before a sale within which a touch counts, in [1; 3650]
    """

    touches: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    window_days: Whole = Field(default=90, ge=1, le=3650)


class Closing(Protocol):
    """What the journey names (veraison.playbook.Journey)."""

    @property
    def converted(self) -> tuple[str, ...]: ...
    @property
    def lost(self) -> tuple[str, ...]: ...
    @property
    def opted_out(self) -> tuple[str, ...]: ...


def check(money: Money, journey: Closing) -> None:
    """Raise pydantic's ValidationError, with the path of the key, where touches cannot be told apart."""
    ends = {one: key for key in ("converted", "lost", "opted_out") for one in getattr(journey, key)}
    of: dict[str, str] = {}
    for channel, kinds in money.touches.items():
        if not kinds:
            _wrong(channel, (), "needs the name of at least one event")
        for kind in kinds:
            if kind in ends:
                _wrong(channel, kind, f"{kind!r} stands in journey.{ends[kind]}; what ends a journey is no touch")
            if kind in of:
                where = f"in {of[kind]} already" if of[kind] != channel else "twice"
                _wrong(channel, kind, f"{kind!r} stands {where}; an event is a touch of one channel")
            of[kind] = channel


def _wrong(channel: str, value: object, sentence: str) -> None:
    refuse([(("money", "touches", channel), sentence, value)])
