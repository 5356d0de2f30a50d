"""Who gets which lead: whether the rules are sound, and where the leads of now go."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import polars as pl
import typer
from rich.markup import escape
from rich.table import Table

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    errors,
    misused,
    moment,
    note,
    out,
    place,
    writing,
)
from veraison.cli.scores import checked_language
from veraison.errors import ModelError, PlaybookError

if TYPE_CHECKING:
    from data.partition import Found, Verdict
    from serving.routing_history import Shares
    from training.bundle import Bundle
    from veraison.playbook import Playbook


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(routes, name="routes")


routes = typer.Typer(help="Who gets which lead: the routes of the playbook.", no_args_is_help=True)


@routes.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Prove that every lead there can be is taken by one route; name each overlap and gap with an example lead.

    Where the workspace holds events, it also says how many leads of the past each route takes, and how many are
    exceptions. Exit code 1 where routes overlap, or leave gaps and the playbook names no queue of exceptions.

    Examples: veraison routes check   ·   veraison routes check --playbook new.toml   ·   veraison routes check --json
    """
    from data.partition import judge
    from data.routes import rules_of
    from veraison.playbook_routes import domains

    where = place(workspace, playbook)
    book = _routed(where)
    verdict = judge(rules_of(book), domains(book.features.traits, book.scoring.grades))
    fails = bool(verdict.overlaps or verdict.undecided or (verdict.gaps and not book.routing.exceptions))
    past = _past(where, book, as_of)
    if as_json:
        typer.echo(json.dumps(_as_json(verdict, book, fails, past), ensure_ascii=False, indent=2))
    else:
        _show(verdict, book)
        if past is not None:
            _show_past(past, book)
    if fails:
        raise typer.Exit(1)


@routes.command()
def leads(
    as_of: AsOfOption = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="Write all of them here (.json or .csv).")
    ] = None,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Route every open lead: where it goes, to whom, and why. Nothing is stored: who acts on it tells the seller.

    Those who are to be called now (on the list, not with sales, not to be left alone) take a place of a seller's week;
    of the others it is told where they would go. Without a model nobody knows who is on the list: all take a place.

    Potential and price need a model (veraison train), and so do routes that ask what the scorer says.

    Examples: veraison routes leads   ·   veraison routes leads --as-of 2026-03-01 --out routed.csv
    """
    from serving.bounds import Bounds
    from serving.ranking import ranked
    from serving.routing import Routed, chances_of, route
    from serving.scorer import score, visible_leads
    from veraison.playbook_families import HOT

    if out_path is not None and out_path.suffix not in (".json", ".csv"):
        misused(f"--out {out_path}: write to a .json or .csv file")
    language, where = checked_language(lang), place(workspace, playbook)
    book = _routed(where)
    bundle = _champion(where, "the scorer says nothing of these leads")
    chances, to_call = None, None
    with where.store() as store:
        at, log = moment(as_of, store), store.scan()
        lead_ids = visible_leads(log, at)
        if bundle is not None:
            chances = chances_of(score(bundle, log, lead_ids, [at] * len(lead_ids), threads=where.settings.threads))
            least = Bounds(where.workspace.reports, book).least(at)
            found_all = ranked(
                bundle, log, at, book, store=store, least=least, honoured=lambda ids: np.full(len(ids), at)
            )  # fmt: skip
            assert found_all.families is not None
            to_call = {found_all.lead_ids[place] for place in np.flatnonzero(found_all.families.at(HOT))}
    for name in sorted(set(book.routing.amount_events) - set(log.kinds)):
        note(f"routing.amount_events: no event {name!r} has occurred so far")
    every = route(book, log, lead_ids, at, chances, language, to_call)
    found = [one for one in every if one.to is not None]
    if others := Counter(one.status for one in every if one.to is None):
        note("not routed: " + ", ".join(f"{count:,} {status}" for status, count in others.items()))
    if out_path is not None:
        rows = [one.to_dict() for one in found]
        with writing(out_path):
            if out_path.suffix == ".json":
                out_path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            else:
                pl.DataFrame(rows, schema=Routed.__slots__, infer_schema_length=None).write_csv(out_path)
        errors.print(f"{len(found):,} rows: {out_path}", soft_wrap=True, markup=False)
        return
    table = Table(title=f"{len(found):,} open leads", title_justify="left")
    for name in ("lead", "to", "seller", "why"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(*(escape(text or "") for text in (one.lead_id, one.to, one.seller, one.why)))
    out.print(table)


def _routed(where: Place) -> "Playbook":
    """The playbook, which has routes."""
    book = where.playbook()
    if not book.routes:
        raise PlaybookError(f'{where.playbook_path}: no routes there; write [[routes]] name = "all" to = "sales"')
    return book


def _champion(where: Place, without: str) -> "Bundle | None":
    """The bundle that serves; None, and a person is told what that means, where there is none."""
    from serving.models import load_champion

    try:
        return load_champion(where.workspace)
    except ModelError as problem:
        note(f"{without}: {problem}")
        return None


def _past(where: Place, book: "Playbook", as_of: str | None) -> "Shares | None":
    """What became of the leads that the workspace knows; None, and a person is told why, where that cannot be said."""
    from serving.routing_history import asks_the_scorer, shares

    if not (where.workspace.store_url_override or where.workspace.database.exists()):
        note(f"{where.workspace.root}: no events there, so nothing is said of leads of the past")
        return None
    bundle = None
    if asks_the_scorer(book):
        bundle = _champion(where, "routes ask what the scorer says, so nothing is said of leads of the past")
        if bundle is None:
            return None
    with where.store() as store:
        if as_of is None and store.newest() is None:
            note("the store is empty, so nothing is said of leads of the past")
            return None
        before, log = moment(as_of, store), store.scan()
    asked = {word for route in book.routes for word in route.when if word in book.features.traits}
    for name in sorted(asked - set(log.trait_names)):
        note(f"routes ask for {name}, which nobody has ever told")
    return shares(book, log, before, bundle, where.settings.threads)


def _show(verdict: "Verdict", book: "Playbook") -> None:
    queue = book.routing.exceptions
    for one in verdict.overlaps:
        _say(f"overlap: {one.routes[0]} and {one.routes[1]} both take {_example(one)}{_all_such(one)}")
    for one in verdict.gaps:
        head = f"exception: {queue} gets" if queue else "gap: no route takes"
        _say(f"{head} {_example(one)}{_all_such(one)}")
    if verdict.more:
        _say(f"more gaps than these {len(verdict.gaps)} are left")
    for name in verdict.idle:
        _say(f"idle: {name} never takes a lead")
    if verdict.undecided:
        _say("undecided: these rules are too entangled to be looked through; ask fewer things in each, or split them")
    several = f"{verdict.routes} route{'s' if verdict.routes > 1 else ''}"
    verb = "partition" if verdict.routes > 1 else "partitions"
    if verdict.partitions:
        _say(f"{several} {verb} the leads: every lead there can be is taken by one")
    elif queue and not verdict.overlaps and not verdict.undecided:
        _say(f"{several} and the queue {queue} partition the leads: every lead there can be is taken by one of them")
    else:
        overlaps, gaps = len(verdict.overlaps), len(verdict.gaps)
        _say(
            f"{several}: {overlaps} overlap{'' if overlaps == 1 else 's'}, "
            f"{gaps}{' or more' if verdict.more or verdict.undecided else ''} gap{'' if gaps == 1 else 's'}"
        )


def _show_past(past: "Shares", book: "Playbook") -> None:
    if past.exceptional is None:
        note("no lead of the past was ever to be routed")
        return
    when = "when sales accepted them" if past.accepted else "a minute after their creation"
    table = Table(title=f"{past.leads:,} leads of the past, {when}", title_justify="left")
    for name in ("route", "to", "leads", "share"):
        table.add_column(name, justify="right" if name in ("leads", "share") else "left", overflow="fold")
    to = {route.name: route.to for route in book.routes}
    for name, leads in past.routes.items():
        table.add_row(name, to[name], f"{leads:,}", f"{leads / past.leads:.1%}")
    for name, leads in past.exceptions.items():
        table.add_row(f"({name})", book.routing.queue, f"{leads:,}", f"{leads / past.leads:.1%}")
    out.print(table)
    _say(
        f"exceptions: {past.exceptional:.1%} of the leads; the goal is at most {past.goal:.1%}: "
        f"{'met' if past.met else 'not met'}"
    )


def _as_json(verdict: "Verdict", book: "Playbook", fails: bool, past: "Shares | None") -> dict[str, Any]:
    def told(one: "Found") -> dict[str, Any]:
        return {"lead": one.lead, "all_such": one.where}

    return {
        "routes": verdict.routes,
        "partition": verdict.partitions,
        "sound": not fails,
        "overlaps": [{"routes": list(one.routes), **told(one)} for one in verdict.overlaps],
        "gaps": [told(one) for one in verdict.gaps],
        "more_gaps": verdict.more,
        "undecided": verdict.undecided,
        "idle": list(verdict.idle),
        "exceptions": book.routing.exceptions or None,
        "past": None if past is None else past.to_dict(),
    }


def _example(one: "Found") -> str:
    """The example in words: employees 499.5, country missing."""
    from data.axes import plain

    def value(of: object) -> str:
        return "missing" if of is None else plain(of) if isinstance(of, float) else str(of)

    return ", ".join(f"{word} {value(known)}" for word, known in one.lead.items()) or "any lead"


def _all_such(one: "Found") -> str:
    return f" (all such: {'; '.join(f'{word} {told}' for word, told in one.where.items())})" if one.where else ""


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False)
