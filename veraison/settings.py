"""Where things are: the workspace folder and what stands in it.

Read from the environment (``VERAISON_*``) and overridden by the command line. Nothing here touches the disk
but :meth:`Workspace.create`.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What the machine says, not the firm: the firm's definitions are the playbook.

    >>> Settings(workspace=Path("w")).store_url is None
    True
    """

    model_config = SettingsConfigDict(env_prefix="VERAISON_", frozen=True, extra="ignore")

    workspace: Path = Path("workspace")
    playbook: Path | None = None
    store_url: str | None = None
    tracking_uri: str | None = None
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Workspace:
    """One folder that holds a firm's databases, artefacts and reports; safe to copy, safe to delete."""

    root: Path
    store_url_override: str | None = None
    tracking_uri_override: str | None = None

    @property
    def store_url(self) -> str:
        """SQLAlchemy address of the event store; SQLite inside the workspace unless told otherwise."""
        return self.store_url_override or f"sqlite:///{self.root.absolute() / 'veraison.db'}"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking store and registry."""
        return self.tracking_uri_override or f"sqlite:///{self.root.absolute() / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def playbook(self) -> Path:
        return self.root / "playbook.toml"

    def create(self) -> None:
        """Make the folder; its parts are made by whoever writes them."""
        self.root.mkdir(parents=True, exist_ok=True)
