"""The command that asks whether the model still fits the world: once, by the clock, and what it decided so far."""

import json
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from veraison.cli import report_contract
from veraison.cli.common import (
    AsOfOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    clock,
    errors,
    histories,
    misused,
    moment,
    note,
    out,
    parse_duration,
    place,
    say,
)
from veraison.errors import VeraisonError

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

    from monitoring.journal import Decided
    from monitoring.report import Verdict

_COLOURS = {"none": "green", "hold": "yellow", "recalibrate": "magenta", "retrain": "magenta"}
_DONE = {
    "promoted": "promoted",
    "waits": "in the shadow",
    "asks": "waits for a person",
    "rolled_back": "predecessor serves again",
}
_CRON_FIELDS = 5

monitor = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(monitor, name="monitor")


@monitor.callback()
def decide(
    context: typer.Context,
    as_of: AsOfOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, by the clock, until stopped.")] = False,
    every: Annotated[
        str | None, typer.Option(metavar="T", help='Of --watch: 6h, 1d (default) or cron, "0 6 * * mon" (UTC).')
    ] = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Compare the newest leads with those the model learned from, decide, and renew the model if need be.

    The last line on standard output is the verdict as JSON; reports/drift.html shows every column.

    Examples: veraison monitor   ·   veraison monitor --watch --every 6h   ·   veraison monitor log
    """
    if context.invoked_subcommand is not None:
        if as_of is not None or watch or every is not None:
            misused("--as-of, --watch and --every are of the monitor itself, not of its log")
        said = {"workspace": workspace, "playbook": playbook}  # before the command, they are meant for the command
        given = {name: str(value) for name, value in said.items() if value is not None}
        context.default_map = {context.invoked_subcommand: given}
        return
    if every is not None and not watch:
        misused("--every is for --watch")
    if watch and as_of is not None:
        misused("--watch goes by the clock; --as-of is for one run")
    where = place(workspace, playbook)
    if watch:
        keep_watching(where, trigger(every or "1d"))
    else:
        typer.echo(watched(where, as_of).to_json())


@monitor.command()
def log(
    limit: Annotated[int, typer.Option(help="How many, the newest.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Every line whole, steps of renewals too.")] = False,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """What the monitor has decided, oldest first: when, on what grounds, about which models, and what came of it.

    Examples: veraison monitor log   ·   veraison monitor log --limit 100 --json
    """
    from monitoring.journal import JOURNAL, Journal

    path = place(workspace, playbook).workspace.reports / JOURNAL
    read = Journal(path).read()
    if read.torn:
        note(f"torn lines of {path}, as by a crash, that are left out: {read.torn}")
    if as_json:
        for line in read.lines[-limit:]:
            typer.echo(json.dumps(line.to_dict(), ensure_ascii=False))
        return
    if not read.verdicts:
        raise VeraisonError(f"{path}: nothing was decided yet; begin with: veraison monitor")
    table = Table("as of", "decision", "seen", "champion → challenger", "done", Column("why", ratio=2))
    for one in read.verdicts[-limit:]:
        table.add_row(*map(escape, _row(one)))
    out.print(table)


def trigger(text: str) -> "BaseTrigger":
    """The times that ``--every`` gives; anything else is a mistake of usage."""
    from monitoring.watch import cron, period

    if len(text.split()) != _CRON_FIELDS:
        return period(parse_duration(text, "--every"))
    try:
        return cron(text)
    except ValueError as problem:
        misused(f"--every {text}: {problem}")


def watched(where: Place, as_of: str | None = None) -> "Verdict":
    """Run the monitor once and say for people what it found."""
    from monitoring.watch import Alone

    with where.store() as store:
        now = moment(as_of, store)
        try:
            verdict = Alone(store, clock).run(lambda go_on: _run(where, lambda: now, go_on))
        except OSError as error:
            place_of = error.filename or where.workspace.reports
            raise VeraisonError(f"{place_of}: cannot be written ({error.strerror or error})") from error
    _told(where, verdict)
    return verdict


def keep_watching(where: Place, times: "BaseTrigger") -> None:
    """Run by the clock until SIGTERM or Ctrl-C; each verdict is a line of JSON on standard output."""
    from monitoring.watch import Alone, watch

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())

    def told(verdict: "Verdict") -> None:
        _told(where, verdict)
        typer.echo(verdict.to_json())

    def failed(problem: str) -> None:
        errors.print(f"[bold red]error:[/] {escape(problem)}; tried again next time", soft_wrap=True)

    where.playbook()  # a mistake in it is said now, not at the first run
    with where.store() as store:
        run = Alone(store, clock)
        watch(run, times, lambda go_on: _run(where, clock, go_on), told=told, stop=stop, say=say, failed=failed)
    say("stopped")


def _run(where: Place, now: Callable[[], int], go_on: Callable[[str], None]) -> "Verdict":
    """One run, with a store of its own: the leases are renewed on the other one meanwhile."""
    from data import quarantine, record, scorelog
    from monitoring.chance import WEEK
    from monitoring.quality import MOST_WEEKS
    from monitoring.run import monitor as run_monitoring
    from monitoring.shadow import ROWS
    from training.registry import Registry

    book = where.playbook()
    with where.store() as store:
        as_of = now()
        log = histories(store, book, as_of)
        verdict = run_monitoring(
            log,
            Registry(where.workspace),
            book,
            where.workspace.reports,
            as_of=as_of,
            served=lambda version, since, before: scorelog.newest(
                store, version, since=since, before=before, limit=ROWS
            ),
            refused=quarantine.refused(store, since=as_of - MOST_WEEKS * WEEK, before=as_of),
            record=lambda log: record.served(store, book.journey, book.horizons.primary, as_of, log=log).whole,
            threads=where.settings.threads,
            say=say,
            go_on=go_on,
        )
        if book.contract is not None:
            say("holding what marketing and sales promised against what came")
            found = report_contract.measured(where, store, log, book, as_of)
            report_contract.keep(where, found)
            found.report.write(where.workspace.reports)
        return verdict


def _told(where: Place, verdict: "Verdict") -> None:
    from monitoring.report import HTML, VERDICT

    colour, reports = _COLOURS[verdict.decision], where.workspace.reports
    errors.print(f"[bold {colour}]{verdict.decision}[/] {escape(verdict.message)}", soft_wrap=True)
    errors.print(f"reports: {reports / VERDICT}, {reports / HTML}", soft_wrap=True)


def _row(one: "Decided") -> list[str]:
    """A verdict in the columns of the table."""
    models = one.champion + (f" → {one.challenger}" if one.challenger else "")
    seen = "; ".join(_words(cause) for cause in one.causes if cause["acts"]) or "nothing that calls for a new model"
    return [one.as_of[:16], one.decision, seen, models, _DONE.get(one.action or "", ""), one.message]


def _words(cause: dict[str, Any]) -> str:
    """A cause as the verdict's message told it; what another version wrote, by its kind and name."""
    from monitoring.causes import Cause

    rest = {name: value for name, value in cause.items() if name not in ("kind", "name", "acts")}
    try:
        return Cause(cause["kind"], cause["name"], cause["acts"], rest).sentence()
    except KeyError:
        return f"{cause['kind']} {cause['name']}"
