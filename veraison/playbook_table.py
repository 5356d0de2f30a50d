"""What every table of the playbook is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Whole = Annotated[int, Field(strict=True)]
Name = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """One table: frozen, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
