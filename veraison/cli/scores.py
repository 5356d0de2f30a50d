"""Commands that give scores: score, explain."""

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
import typer
from rich.markup import escape
from rich.table import Table

from data import scorelog
from data.events import isoformat
from veraison.cli.cards import card, ready_words
from veraison.cli.common import (
    AsOfOption,
    Engine,
    EngineOption,
    EventsOption,
    LanguageOption,
    MasterOption,
    PlaybookOption,
    WorkspaceOption,
    errors,
    history_tables,
    just_after,
    misused,
    moment,
    out,
    parse_moment,
    place,
    read_moment,
    say,
    spark_master,
    writing,
)
from veraison.cli.journeys import Which, WhichOption, champion_of, seen_as
from veraison.errors import UnknownLeadError, VeraisonError

if TYPE_CHECKING:  # the libraries behind scores take seconds to load, which other commands should not wait for
    from features.words import Language
    from serving.scorer import Scores
    from training.bundle import Bundle

_WRITERS = (".parquet", ".csv", ".json")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="score")(score_command)
    app.command()(explain)


def score_command(
    as_of: AsOfOption = None,
    at: Annotated[
        Path | None, typer.Option("--at", metavar="PAIRS.csv", help="Score these lead_id,as_of pairs instead.")
    ] = None,
    out_path: Annotated[
        str | None, typer.Option("--out", metavar="F", help="Write all scores here (.parquet, .csv, .json).")
    ] = None,
    top: Annotated[int, typer.Option(help="How many leads to show.", min=1)] = 20,
    lang: LanguageOption = "en",
    journey: WhichOption = Which.first,
    engine: EngineOption = Engine.local,
    master: MasterOption = None,
    events: EventsOption = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Score every lead at a moment, or given pairs; every asked pair is a row with a status.

    Scores of customers (--journey customers) are not logged: the prediction log is of the first journey.

    Examples: veraison score --out scores.parquet   ·   veraison score --at pairs.csv --out scores.csv
    ·   veraison score --journey customers
    """
    from serving.bounds import Bounds
    from serving.bulk import Asked, score_by_spark
    from serving.scorer import score

    if as_of is not None and at is not None:
        misused("give --as-of or --at, not both")
    if out_path is not None and Path(out_path).suffix not in _WRITERS:
        misused(f"--out {out_path}: write to a {', '.join(_WRITERS[:-1])} or {_WRITERS[-1]} file")
    if journey is Which.customers and engine is Engine.spark:
        misused("--engine spark scores the first journey only; leave it out, or --journey customers")
    language = checked_language(lang)
    master = spark_master(engine, master, events)
    pairs = None if at is None else read_pairs(at)
    where = place(workspace, playbook)
    bundle = champion_of(journey, where)
    if events is not None:
        score_events(bundle, events, pairs, as_of, master, out_path, top, language)
        return
    with where.store(keys=bundle.playbook.identity.keys) as store:
        asked = Asked(moment(as_of, store)) if pairs is None else Asked(pairs=pairs)
        book = where.playbook() if where.playbook_path.exists() else None
        log = None
        if engine is Engine.spark:
            with history_tables(store, where.workspace, bundle.playbook.features.accounts) as tables:
                scores = score_by_spark(bundle, tables, asked, master=master, say=say)
        else:
            log = seen_as(journey, store.scan(), where)
            scores = score(bundle, log, *asked.everyone(log), threads=where.settings.threads)
        if book is not None and journey is Which.first:
            if log is None and book.maturity is not None:
                log = store.scan()  # acts and rules are asked of histories, which Spark has kept to itself
            least = Bounds(where.workspace.reports, book).least
            scores = replace(scores, rules=book) if log is None else scores.judged(log, book, least)
        if at is None and journey is Which.first:
            scorelog.append(store, scores.to_log(time.time_ns() // 1_000, language))
    show(scores, out_path, top, language)


def score_events(
    bundle: "Bundle",
    events: str,
    pairs: tuple[list[str], list[int]] | None,
    as_of: str | None,
    master: str,
    out_path: str | None,
    top: int,
    language: "Language",
) -> None:
    """Score events that Spark reads where they lie; nothing is logged, for they are not the workspace's.

    Where all leads go to Parquet, the executors write it themselves: a folder of files, in no particular order.
    """
    from features import spark
    from features.cluster import session
    from serving.bulk import Asked, score_by_spark, write_by_spark

    now = None if as_of is None else parse_moment(as_of)
    with session(master):
        if pairs is None and now is None:
            newest = spark.newest(events, master=master)
            if newest is None:
                raise VeraisonError(f"{events}: no events there")
            now = just_after(newest)
        asked = Asked(now or 0, pairs)
        if pairs is None and out_path is not None and out_path.endswith(".parquet"):
            rows = write_by_spark(bundle, events, asked, out_path, language, master=master, say=say)
            errors.print(f"{rows:,} rows: {out_path}", soft_wrap=True, markup=False)
            return
        scores = score_by_spark(bundle, events, asked, master=master, say=say)
    show(scores, out_path, top, language)


def show(scores: "Scores", out_path: str | None, top: int, language: "Language") -> None:
    """Write the scores where they are wanted, else print the best."""
    if out_path is None:
        out.print(top_table(scores, top, language))
    else:
        write(scores.table(language), Path(out_path))
        counts = f"{len(scores):,} rows, {int((scores.shown >= 0).sum()):,} scored"
        errors.print(f"{counts}: {out_path}", soft_wrap=True, markup=False)


def explain(
    lead: Annotated[str, typer.Argument(help="The lead's id.")],
    as_of: AsOfOption = None,
    lang: LanguageOption = "en",
    journey: WhichOption = Which.first,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Say how mature one lead is, why, and when it will be ready.

    Examples: veraison explain L00042 --lang fr   ·   veraison explain L00042 --journey customers
    """
    from serving.bounds import Bounds
    from serving.details import in_detail
    from serving.families import family_of
    from serving.qualify_words import what_next
    from serving.questions import next_question
    from serving.scorer import score
    from serving.translations import Words
    from serving.way_back import with_returns

    language = checked_language(lang)
    where = place(workspace, playbook)
    bundle = champion_of(journey, where)
    with where.store(keys=bundle.playbook.identity.keys) as store:
        now = moment(as_of, store)
        log = seen_as(journey, store.history([lead]), where)
        scores = score(bundle, log, [lead], [now])
        one = in_detail(scores, log, language=language)
        more: Sequence[str] = ()
        if journey is Which.first:
            book = where.playbook() if where.playbook_path.exists() else bundle.playbook
            least = Bounds(where.workspace.reports, book).least
            one = in_detail(scores.judged(log, book, least), log, language=language)
            one = with_returns(one, store, book.journey, language)
            family = family_of(store, log, book, scores, least(now))
            more = what_next(family, next_question(scores), book, Words(language))
    if one.status == "unknown":
        raise UnknownLeadError(f"lead {lead!r}: no event of it is known before {isoformat(now)}")
    out.print(card(one, bundle.playbook.horizons.primary, language, more))


def read_pairs(path: Path) -> tuple[list[str], list[int]]:
    """The (lead_id, as_of) pairs of a CSV file with these two columns.

    Raises VeraisonError naming the line that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            rows = csv.DictReader(handle)
            missing = {"lead_id", "as_of"} - set(rows.fieldnames or ())
            if missing:
                raise VeraisonError(f"{path}: needs the columns lead_id,as_of; {', '.join(sorted(missing))} is missing")
            lead_ids, moments = [], []
            for row in rows:
                for name in ("lead_id", "as_of"):
                    if not row[name]:
                        raise VeraisonError(f"{path} line {rows.line_num}: {name} is empty")
                try:
                    moments.append(read_moment(row["as_of"]))
                except ValueError as problem:
                    raise VeraisonError(f"{path} line {rows.line_num}: as_of: {problem}") from None
                lead_ids.append(row["lead_id"])
    except FileNotFoundError:
        raise VeraisonError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VeraisonError(f"{path}: cannot be read ({error})") from None
    return lead_ids, moments


def write(table: pl.DataFrame, path: Path) -> None:
    """Write scores; in JSON and CSV, moments are ISO 8601 text."""
    if path.suffix == ".parquet":
        with writing(path):
            table.write_parquet(path)
        return
    moments = [pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ") for name in ("as_of", "ready_at")]
    table = table.with_columns(moments)
    if path.suffix == ".csv":
        with writing(path):
            table.write_csv(path)
        return
    rows = [row | {"reasons": json.loads(row["reasons"])} for row in table.iter_rows(named=True)]
    with writing(path):
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


def top_table(scores: "Scores", top: int, language: "Language") -> Table:
    """The best leads, with their weightiest reason."""
    from serving.translations import Words

    words = Words(language)
    rows = np.flatnonzero(scores.shown >= 0)
    best = rows[np.argsort(-scores.score[scores.scored[rows]], kind="stable")][:top]
    title = words.many("%(count)s lead scored", "%(count)s leads scored", len(rows))
    table = Table(title=title, title_justify="left")
    chance = words("%(days)s d", days=str(scores.bundle.playbook.horizons.primary))
    table.add_column(words("Lead"), overflow="fold")
    for heading in (words("Score"), words("Grade"), chance, words("Ready")):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column(words("First reason"))
    for place_ in best:
        one = scores.row(int(place_), language)
        first = next((r for r in one.reasons if r.points > 0), None)
        reason = escape(f"{first.text} (+{first.points:.0f})") if first else ""
        table.add_row(
            escape(one.lead_id),
            f"{one.score:.0f}",
            one.grade,
            words.percent(float(scores.probability[scores.scored[place_], scores.bundle.primary])),
            ready_words(one, language),
            reason,
        )
    return table


def checked_language(text: str) -> "Language":
    from features.words import LANGUAGES

    for language in LANGUAGES:
        if text == language:
            return language
    misused(f"--lang {text!r}: write one of {', '.join(LANGUAGES)}")
