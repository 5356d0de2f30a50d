"""What is measured of all leads, as a file: whoever measures writes it, whoever serves shows it.

A report is one JSON file in the workspace's folder of reports. It says what was known at one moment; what it cannot say
is null, never 0. What both sides have to agree on is its class, a `Report`, in this room.
"""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from data.events import parse_instant
from veraison.errors import VeraisonError


class Part(BaseModel):
    """A part of a report; what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Report(Part):
    """A report as known at a moment.

    FILE    : its name in the folder of reports
    COMMAND : what writes it
    as_of   : ISO 8601
    """

    FILE: ClassVar[str]
    COMMAND: ClassVar[str]

    as_of: str

    @property
    def moment(self) -> int:
        """`as_of` in microseconds UTC."""
        return parse_instant(self.as_of)

    @classmethod
    def read(cls, folder: Path | None) -> Self | None:
        """The report that was written last; None where none was. VeraisonError, one line, where it cannot be read."""
        if folder is None:
            return None
        path = folder / cls.FILE
        try:
            found = cls.model_validate_json(path.read_bytes())
            found.moment  # noqa: B018 (a file with a moment that is none is no report)
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, ValueError):
            raise VeraisonError(f"{path}: cannot be read; write it anew with: {cls.COMMAND}") from None
        return found

    def write(self, folder: Path) -> Path:
        """Put it into the folder of reports, whole or not at all; where it is. OSError where it cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        path, fresh = folder / self.FILE, folder / f".{self.FILE}.new"
        fresh.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
        return path
