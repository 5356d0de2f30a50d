"""Where things are: the workspace folder and what stands in it.

Read from the environment (``VERAISON_*``) and overridden by the command line. Nothing here touches the disk
but :meth:`Workspace.create`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from veraison.errors import StoreError, VeraisonError


class Settings(BaseSettings):
    """What the machine says, not the firm: the firm's definitions are the playbook.

    >>> Settings(workspace=Path("w")).store_url is None
    True
    """

    model_config = SettingsConfigDict(env_prefix="VERAISON_", env_ignore_empty=True, frozen=True, extra="ignore")

    workspace: Path = Path("workspace")
    playbook: Path | None = None
    store_url: str | None = None
    tracking_uri: str | None = None
    threads: int = Field(default=2, ge=1)
    push_private: bool = False
    push_sweep: int = Field(default=3600, ge=60)


Found = TypeVar("Found", bound=Settings)


def from_environment(kind: type[Found]) -> Found:
    """Settings as the environment gives them; VeraisonError, one line, where a value is not allowed."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        if not name:
            raise VeraisonError(message) from None
        given = "" if "SECRET" in name else f" (got {first['input']!r})"
        raise VeraisonError(f"VERAISON_{name}: {message}{given}") from None


@dataclass(frozen=True, slots=True)
class Workspace:
    """One folder that holds a firm's databases, artefacts and reports; safe to copy, safe to delete."""

    root: Path
    store_url_override: str | None = None
    tracking_uri_override: str | None = None
    model_name: str = "veraison"
    """Under which its models are registered."""

    @property
    def customers(self) -> "Workspace":
        """Where the models of the journey after the sale are: a folder within, over the same events."""
        return Workspace(self.root / "customers", self.store_url, self.tracking_uri_override, "veraison-customers")

    @property
    def database(self) -> Path:
        """Where the event store is, unless `store_url_override` says otherwise."""
        return self.root / "veraison.db"

    @property
    def store_url(self) -> str:
        """SQLAlchemy address of the event store; SQLite inside the workspace unless told otherwise."""
        return self.store_url_override or _sqlite(self.database)

    @property
    def tracking(self) -> Path:
        """Where MLflow's tracking store and registry are, unless `tracking_uri_override` says otherwise."""
        return self.root / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking store and registry."""
        return self.tracking_uri_override or _sqlite(self.tracking)

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def mappings(self) -> Path:
        """What the bodies of webhooks mean, one file a sender."""
        return self.root / "mappings"

    @property
    def playbook(self) -> Path:
        return self.root / "playbook.toml"

    def create(self) -> None:
        """Make the folder; its parts are made by whoever writes them. StoreError where it cannot be made."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.root}: no workspace can be made there ({error.strerror})") from error


def _sqlite(path: Path) -> str:
    """SQLAlchemy address of a file, whatever its folders are called: an address has a meaning for these two signs."""
    return f"sqlite:///{str(path.absolute()).replace('%', '%25').replace('?', '%3F')}"
