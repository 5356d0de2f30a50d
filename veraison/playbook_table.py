"""What every table of the playbook is made of."""

from collections.abc import Iterable
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Whole = Annotated[int, Field(strict=True)]
Name = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """One table: frozen, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class JourneyNames(Protocol):
    """What the journey names (veraison.playbook.Journey)."""

    @property
    def created(self) -> tuple[str, ...]: ...
    @property
    def ready(self) -> tuple[str, ...]: ...
    @property
    def returned(self) -> tuple[str, ...]: ...
    @property
    def converted(self) -> tuple[str, ...]: ...
    @property
    def lost(self) -> tuple[str, ...]: ...
    @property
    def opted_out(self) -> tuple[str, ...]: ...


def refuse(mistakes: Iterable[tuple[tuple[str | int, ...], str, object]]) -> None:
    """Raise pydantic's ValidationError where there is a mistake: the path of its key, a sentence, what stands there."""
    found = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{sentence}", {"sentence": text}), loc=path, input=value
        )
        for path, text, value in mistakes
    ]
    if found:
        raise ValidationError.from_exception_data("playbook", found)
