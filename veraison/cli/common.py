"""What commands share: where things are, what moment it is, and how to speak to a person."""

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from data.contacts import Contacts
from data.events import instant, isoformat, parse_instant
from data.handovers import with_hand_overs
from data.log import EventLog
from data.store import Store
from features.words import LANGUAGES, Language
from training.checks import check_names
from veraison.errors import StoreError, VeraisonError
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook
from veraison.settings import Settings, Workspace, from_environment

# Much of what is printed are names that others gave: colons in them are no pictures, and `escape` keeps their brackets.
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LATEST = parse_instant("9000-01-01T00:00:00Z")

out = Console(highlight=False, emoji=False)
errors = Console(stderr=True, highlight=False, emoji=False)

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


class Engine(StrEnum):
    """Who does the work of a long command; the numbers are the same."""

    local = "local"
    spark = "spark"


EngineOption = Annotated[Engine, typer.Option("--engine", help="This machine alone, or Spark.")]
MasterOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Of --engine spark: spark://HOST:PORT, yarn, k8s://... (local[*], this machine)."),
]
EventsOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Of --engine spark: Parquet events or history tables, instead of the store's."),
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
    def store(self, *, existing: bool = True, keys: Sequence[str] = ()) -> Iterator[Store]:
        """The event store.

        existing : refuse to make an empty one where the user meant another folder
        keys     : traits that name a person, where the workspace has no playbook to say them
        """
        if existing and not (self.workspace.store_url_override or self.workspace.database.exists()):
            raise StoreError(
                f"{self.workspace.root}: no events there; bring some in with: "
                f"veraison ingest FILE --workspace {self.workspace.root}"
            )
        self.workspace.create()
        accounts: tuple[str, ...] = ()
        contacts = None
        if self.playbook_path != self.workspace.playbook or self.playbook_path.exists():
            playbook = self.playbook()
            keys, accounts, contacts = playbook.identity.keys, playbook.features.accounts, Contacts.of(playbook)
        with Store(self.workspace.store_url, keys, accounts, contacts) as store:
            yield store


def place(workspace: Path | None, playbook: Path | None = None) -> Place:
    """The workspace and playbook meant by the options, the environment and the defaults, in this order."""
    settings = from_environment(Settings)
    where = Workspace(workspace or settings.workspace, settings.store_url, settings.tracking_uri)
    return Place(where, playbook or settings.playbook or where.playbook, settings)


def past(where: Place, as_of: str | None) -> tuple[Playbook, EventLog, int]:
    """What a model can be learned from: the playbook, every history, and the moment before which things are known."""
    book = where.playbook()
    with where.store() as store:
        before = moment(as_of, store)
        log = histories(store, book, before)
        for warning in check_names(book, log.kinds):
            note(warning)
        return book, log, before


def histories(store: Store, book: Playbook, before: int) -> EventLog:
    """Everyone's histories, with the hand-overs logged before a moment where the playbook learns from them."""
    log = store.scan()
    return with_hand_overs(log, store, before) if book.training.weight_by == "exploration" else log


def note(text: str) -> None:
    """A line that asks for attention, on standard error."""
    errors.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)


def moment(text: str | None, store: Store) -> int:
    """The moment a command works at, microseconds UTC; by default just after the newest event, and then printed."""
    if text is not None:
        return parse_moment(text)
    newest = store.newest()
    if newest is None:
        raise StoreError("the store is empty; fill it with: veraison ingest FILE")
    return just_after(newest)


def clock() -> int:
    """The machine's time, microseconds UTC."""
    return time.time_ns() // 1_000


def just_after(newest: int) -> int:
    """The moment at which the newest event is visible; a person is told."""
    errors.print(f"as of {isoformat(newest + 1)} (just after the newest event)", soft_wrap=True)
    return newest + 1


def parse_moment(text: str, option: str = "--as-of") -> int:
    """The moment an option gives, microseconds UTC; a bad one is a mistake of usage."""
    try:
        return read_moment(text)
    except ValueError as problem:
        misused(f"{option}: {problem}")


def parse_duration(text: str, option: str, *, none: bool = False) -> float:
    """Seconds of ``90s``, ``5m``, ``2h`` or ``7d``; anything else is a mistake of usage, and so is no time at all.

    none : no time at all is allowed
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or not (none or float(found[1])):
        misused(f"{option} {text}: write a time such as 90s, 5m or 2h")
    return float(found[1]) * _UNITS[found[2]]


def read_moment(text: str) -> int:
    """Microseconds of ``2026-03-01T09:00:00Z``; a date alone is its midnight UTC. ValueError outside 1970 to 9000."""
    found = parse_instant(f"{text}T00:00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)
    if not 0 <= found < _LATEST:
        raise ValueError(f"{text!r} is outside 1970 to 9000")
    return found


def misused(sentence: str) -> NoReturn:
    """Say in one line why a command cannot be called like this; exit code 2."""
    errors.print(f"[bold red]error:[/] {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file that the user asked for; its folder is made, and what prevents it is one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise VeraisonError(f"{path}: cannot be written ({error.strerror or error})") from error


def spark_master(engine: Engine, master: str | None, events: str | None = None) -> str:
    """The master to run on; options of Spark without it are a mistake of usage."""
    for option, value in (("--master", master), ("--events", events)):
        if engine is Engine.local and value is not None:
            misused(f"{option} needs --engine spark")
    return master or "local[*]"


@contextmanager
def history_tables(store: Store, where: Workspace, accounts: Sequence[str]) -> Iterator[Path]:
    """The store's histories as Parquet, for as long as they are needed.

    They lie in the workspace, since a cluster's executors have to see them too.
    """
    from data.units import export

    with tempfile.TemporaryDirectory(prefix="histories-", dir=where.root) as folder:
        export(store, Path(folder), accounts)
        yield Path(folder)


def day(value: int) -> str:
    """The date of microseconds UTC, for people."""
    return f"{instant(value):%Y-%m-%d}"


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error; silent where that is not a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        yield bar


def say(text: str) -> None:
    """One step of a long job."""
    errors.print(f"[dim]·[/] {escape(text)}", soft_wrap=True)


def language_of(lang: str) -> Language:
    """The language that ``--lang`` names."""
    found = next((one for one in LANGUAGES if one == lang), None)
    if found is None:
        misused(f"--lang {lang}: there are {', '.join(LANGUAGES)}")
    return found
