"""What commands share: where things are, what moment it is, and how to speak to a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from data.events import instant, isoformat, parse_instant
from data.store import Store
from veraison.errors import StoreError, VeraisonError
from veraison.playbook import Playbook, load_playbook
from veraison.settings import Settings, Workspace

out = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="Folder of the firm's data (env VERAISON_WORKSPACE; ./workspace)."),
]
PlaybookOption = Annotated[
    Path | None, typer.Option("--playbook", "-p", help="The firm's definitions (playbook.toml in the workspace).")
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="T", help="Moment such as 2026-03-01T09:00:00Z or 2026-03-01 (newest event)."),
]
LanguageOption = Annotated[str, typer.Option("--lang", help="Language of the reasons: en or fr.")]


@dataclass(frozen=True)
class Place:
    """One workspace, opened by a command."""

    workspace: Workspace
    playbook_path: Path
    settings: Settings

    def playbook(self) -> Playbook:
        return load_playbook(self.playbook_path)

    @contextmanager
    def store(self, *, existing: bool = True) -> Iterator[Store]:
        """The event store; `existing` refuses to make an empty one where the user meant another folder."""
        if existing and self.workspace.store_url_override is None and not self.workspace.root.is_dir():
            raise StoreError(
                f"{self.workspace.root}: no workspace there; start one with: "
                f"veraison ingest FILE --workspace {self.workspace.root}"
            )
        self.workspace.create()
        keys = self.playbook().identity.keys if self.playbook_path.exists() else ()
        with Store(self.workspace.store_url, keys) as store:
            yield store


def place(workspace: Path | None, playbook: Path | None = None) -> Place:
    """The workspace and playbook meant by the options, the environment and the defaults, in this order."""
    settings = Settings()
    where = Workspace(workspace or settings.workspace, settings.store_url, settings.tracking_uri)
    return Place(where, playbook or settings.playbook or where.playbook, settings)


def moment(text: str | None, store: Store) -> int:
    """The moment a command works at, microseconds UTC; by default just after the newest event, and then printed."""
    if text is not None:
        return parse_moment(text)
    newest = store.newest()
    if newest is None:
        raise StoreError("the store is empty; fill it with: veraison ingest FILE")
    errors.print(f"as of {isoformat(newest + 1)} (just after the newest event)")
    return newest + 1


def parse_moment(text: str, option: str = "--as-of") -> int:
    """Microseconds of ``2026-03-01T09:00:00Z``; a date alone is its midnight UTC."""
    try:
        return parse_instant(f"{text}T00:00:00Z" if len(text) == len("2026-03-01") else text)
    except ValueError as problem:
        raise VeraisonError(f"{option}: {problem}") from None


def day(value: int) -> str:
    """The date of microseconds UTC, for people."""
    return f"{instant(value):%Y-%m-%d}"


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error; silent where that is not a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        yield bar


def say(text: str) -> None:
    """One step of a long job."""
    errors.print(f"[dim]·[/] {text}")
