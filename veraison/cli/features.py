"""The command that gives features: a file whose columns say what they mean, or a table to look at."""

import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from veraison.cli.common import (
    AsOfOption,
    Engine,
    EngineOption,
    MasterOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    errors,
    just_after,
    misused,
    out,
    parse_moment,
    place,
    progress,
    say,
    spark_master,
    writing,
)
from veraison.cli.histories import Histories, histories
from veraison.cli.outputs import Output, check_out
from veraison.cli.scores import read_pairs
from veraison.errors import VeraisonError
from veraison.playbook import Playbook

if TYPE_CHECKING:  # the libraries behind features take seconds to load, which other commands should not wait for
    from features.catalogue import FeatureSet
    from training import engines
    from training.sets import Asked

_LAST_DAY = 3650


class Chosen(StrEnum):
    """Where the columns come from."""

    champion = "champion"
    learn = "learn"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="features")(features_command)


def features_command(
    as_of: AsOfOption = None,
    at: Annotated[
        Path | None, typer.Option("--at", metavar="PAIRS.csv", help="At these lead_id,as_of pairs instead.")
    ] = None,
    landmarks: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS|playbook|PAIRS.csv",
            help="A training set: so many days after creation, and what had become of each lead by --as-of.",
        ),
    ] = None,
    out_path: Annotated[
        str | None, typer.Option("--out", metavar="F", help="Write all rows here (.parquet, .csv), their words beside.")
    ] = None,
    chosen: Annotated[
        Chosen | None,
        typer.Option("--set", help="The champion's columns, or those `train` would learn (default of --landmarks)."),
    ] = None,
    engine: EngineOption = Engine.local,
    master: MasterOption = None,
    events: Annotated[
        str | None, typer.Option(metavar="PATH", help="Parquet events or history tables, instead of the store's.")
    ] = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Turn histories into features, or into a training set whose columns say what they mean.

    Examples: veraison features   ·   veraison features --at pairs.csv --out features.csv
    ·   veraison features --landmarks playbook --as-of 2026-01-01 --out training.parquet
    ·   veraison features --landmarks 0,7,14 --engine spark --out training.parquet
    """
    question = read_question(as_of, at, landmarks)
    if out_path is not None:
        check_out(out_path)
    master = spark_master(engine, master)
    where = place(workspace, playbook)
    book, columns = choose(where, chosen, training=landmarks is not None)
    with histories(where, book, engine, master, events, learning=columns is None) as found:
        asked, before = question.asked(found)
        if columns is None:
            columns = learn_columns(found, book, before)
        if found.cluster is not None and question.pairs is None and str(out_path).endswith(".parquet"):
            rows = found.cluster.write(columns, book, asked, str(out_path))
            told = f"{rows:,} rows"
        else:
            made = save(found.engine, columns, book, asked, out_path)
            told = f"{made.rows:,} rows of {len(made.leads):,} leads"
            if out_path is None:
                out.print(features_table(columns, made, told))
            if question.pairs is not None and question.days is not None:
                left = len({*zip(*question.pairs, strict=True)}) - made.rows
                say(f"{left:,} of the pairs are no landmarks: the lead was not open then, or not followed since")
    if out_path is not None:
        words = document(out_path, columns, book, asked, where)
        errors.print(f"{told}: {out_path}\ncolumns: {words}", soft_wrap=True, markup=False)


@dataclass(frozen=True)
class Question:
    """What the options ask for.

    as_of : the moment or the snapshot; None: just after the newest event
    days  : of landmarks after creation; empty: the playbook's; None: no landmarks
    pairs : leads and moments given in a file
    """

    as_of: int | None = None
    days: tuple[int, ...] | None = None
    pairs: tuple[list[str], list[int]] | None = None

    def asked(self, found: Histories) -> tuple["Asked", int]:
        """The same of certain histories, and the snapshot before which columns are learned."""
        from training.sets import Labelled, Moment, Pairs

        pairs = None if self.pairs is None else (tuple(self.pairs[0]), tuple(self.pairs[1]))
        if pairs is not None and self.days is None:
            last, newest = max(pairs[1]), found.newest()
            return Pairs(*pairs), last if newest is None else min(last, newest + 1)
        moment = self.as_of
        if moment is None:
            newest = found.newest()
            if newest is None:
                raise VeraisonError("there are no events; bring some in with: veraison ingest FILE")
            moment = just_after(newest)
        return Moment(moment) if self.days is None else Labelled(moment, self.days, pairs), moment


def read_question(as_of: str | None, at: Path | None, landmarks: str | None) -> Question:
    """What the options ask for; a mistake of usage where they contradict each other."""
    if at is not None:
        if as_of is not None or landmarks is not None:
            misused(f"give {'--as-of' if landmarks is None else '--landmarks'} or --at, not both")
        return Question(pairs=some_pairs(at))
    moment = None if as_of is None else parse_moment(as_of)
    if landmarks is None:
        return Question(moment)
    if landmarks == "playbook":
        return Question(moment, ())
    if landmarks.endswith(".csv"):
        return Question(moment, (), some_pairs(Path(landmarks)))
    days = [int(day) for day in landmarks.split(",")] if re.fullmatch(r"\d{1,9}(,\d{1,9})*", landmarks) else []
    if not days or max(days) > _LAST_DAY:
        misused(f"--landmarks {landmarks!r}: write playbook, days in [0; {_LAST_DAY}] such as 0,7,14, or a PAIRS.csv")
    return Question(moment, tuple(sorted({*days})))


def some_pairs(path: Path) -> tuple[list[str], list[int]]:
    """The pairs of a file that has some."""
    pairs = read_pairs(path)
    if not pairs[0]:
        raise VeraisonError(f"{path}: holds no pairs")
    return pairs


def choose(where: Place, chosen: Chosen | None, *, training: bool) -> tuple[Playbook, "FeatureSet | None"]:
    """The definitions and the columns; None stands for columns that are still to be learned.

    Where nobody chose, a training set learns its own, and anything else takes the champion's if there is one.
    """
    if chosen is Chosen.learn or (chosen is None and training):
        return where.playbook(), None
    from serving.models import FOLDER, POINTER, load_champion

    if chosen is None and not (where.workspace.root / FOLDER / POINTER).exists():
        say("no champion yet: the columns are learned")
        return where.playbook(), None
    bundle = load_champion(where.workspace)
    say(f"columns and playbook of the champion, {bundle.version}")
    return bundle.playbook, bundle.feature_set


def learn_columns(found: Histories, book: Playbook, before: int) -> "FeatureSet":
    """The columns that `veraison train` would learn."""
    from training.checks import check_names
    from training.sets import learned

    for warning in () if found.kinds is None else check_names(book, found.kinds):
        say(warning)
    columns = learned(found.sample(), book, before=before)
    say(f"{len(columns.names)} features, learned from {found.sampled}")
    return columns


@dataclass
class Made:
    """What was made; `known`: in how many rows each column is known."""

    rows: int = 0
    leads: set[str] = field(default_factory=set)
    known: Counter[str] = field(default_factory=Counter)


def save(engine: "engines.Engine", columns: "FeatureSet", book: Playbook, asked: "Asked", out_path: str | None) -> Made:
    """Make the rows, write them where they are wanted, and count them."""
    from training.engines import schema_of

    made = Made()
    with ExitStack() as stack:
        file = None
        if out_path is not None:
            file = stack.enter_context(Output(Path(out_path), schema_of(columns, book, asked)))
        bar = stack.enter_context(progress())
        task = bar.add_task("features", total=None)

        def report(done: int, all_: int) -> None:
            bar.update(task, completed=done, total=all_)

        for rows in engine.tables(columns, book, asked, report):
            made.rows += rows.num_rows
            made.leads.update(rows["lead_id"].unique().to_pylist())
            made.known.update({name: rows.num_rows - rows[name].null_count for name in rows.column_names})
            if file is not None:
                file.add(rows)
    return made


def document(out_path: str, columns: "FeatureSet", book: Playbook, asked: "Asked", where: Place) -> Path:
    """Write what the columns mean beside their file; in the workspace, where that file is not on this machine."""
    from training import columns as words
    from training.sets import Labelled

    path = Path(out_path).with_suffix(".columns.csv")
    if "://" in out_path:
        path = where.workspace.reports / path.name
    with writing(path), path.open("w", encoding="utf-8", newline="") as handle:
        words.write_columns(words.columns(columns, book, labelled=isinstance(asked, Labelled)), handle)
    return path


def features_table(columns: "FeatureSet", made: Made, told: str) -> Table:
    """The features in words, and in how many rows each is known."""
    from training.columns import described

    table = Table(title=f"{len(columns.names)} features; {told}", title_justify="left")
    table.add_column("feature", overflow="fold")
    for heading in ("family", "type"):
        table.add_column(heading)
    table.add_column("known in", justify="right")
    table.add_column("meaning")
    for one in described(columns):
        table.add_row(escape(one.name), one.family, one.type, f"{made.known[one.name]:,}", escape(one.meaning))
    return table
