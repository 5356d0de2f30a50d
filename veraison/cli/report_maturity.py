"""The report of maturity: acts, rules and the score, held against the same leads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    PlaybookOption,
    WorkspaceOption,
    histories,
    language_of,
    moment,
    note,
    out,
    place,
    say,
)
from veraison.cli.report_files import put

if TYPE_CHECKING:
    from data.maturity_report import MaturityReport
    from serving.translations import Words
    from training.bundle import Bundle
    from veraison.settings import Workspace


def maturity(
    as_of: AsOfOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/maturity.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Revealing acts, rules and the score: what each would have handed over, how many bought, how early.

    All are held against leads that the model has not learned from; where the one that serves has seen too many, a twin
    is trained on an earlier past, which takes as long as training. Of now, without --as-of, the service shows the same
    at /maturity.

    Examples: veraison report maturity   ·   veraison report maturity --lang fr --out october.html   ·
    veraison report maturity --as-of 2026-10-01 --json
    """
    from monitoring.maturity import maturity as measured
    from serving.bounds import Bounds
    from serving.page_maturity import MATURITY
    from serving.translations import Words

    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        log = histories(store, book, at)
    champion, threads = _champion(where.workspace), where.settings.threads
    found = measured(
        log,
        book,
        at,
        least=Bounds(where.workspace.reports, book).least(at),
        champion=champion,
        threads=threads,
        say=say,
    )
    for line in found.notes:
        note(line)
    path = put(where, MATURITY, found, words, of_now=as_of is None, out_file=out_file)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _told(found, words)
    out.print(str(path), soft_wrap=True, markup=False)


def _champion(workspace: "Workspace") -> "Bundle | None":
    """The model that serves; None where none does yet: a twin is trained all the same."""
    from serving.models import load_champion
    from veraison.errors import ModelError

    try:
        return load_champion(workspace)
    except ModelError:
        return None


def _told(found: "MaturityReport", words: "Words") -> None:
    """The report in short: one sentence, and a line a way."""
    from rich.markup import escape
    from rich.table import Table

    from serving.maturity_words import as_many, told, way_row

    for sentence in (told(found, words), as_many(found, words)):
        if sentence:
            out.print(sentence, soft_wrap=True, markup=False)
    bought = words("Bought within %(days)s", days=words.days(found.days))
    head = words("Way"), words("Leads"), bought, words("Half after"), words("Won without it")
    table = Table(*map(escape, head))
    for one in found.ways:
        row = way_row(one, words)
        table.add_row(*(escape(row[name]) for name in ("name", "leads", "share", "early", "missed")))
    out.print(table)
    for aside in found.off_topic:
        out.print(
            words(
                "Off topic, %(name)s: %(leads)s leads taken out, %(won)s of them won all the same.",
                name=aside.name,
                leads=words.number(aside.leads),
                won=words.number(aside.won),
            ),
            soft_wrap=True,
            markup=False,
        )
