"""The report of the journey."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    PlaybookOption,
    WorkspaceOption,
    language_of,
    moment,
    note,
    out,
    place,
)
from veraison.cli.report_files import put

if TYPE_CHECKING:
    from data.journey_report import JourneyReport
    from serving.translations import Words


def journey(
    as_of: AsOfOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/journey.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """How leads go from stage to stage: where the funnel leaks, who goes on, how long a stage takes, what comes in.

    Of now, without --as-of, the service shows the same at /journey.

    Examples: veraison report journey   ·   veraison report journey --lang fr --out october.html   ·
    veraison report journey --as-of 2026-10-01 --json
    """
    from monitoring.journey import journey as measured
    from serving.page_journey import JOURNEY
    from serving.translations import Words

    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        found = measured(store.scan(), book, at)
    for line in found.notes:
        note(line)
    path = put(where, JOURNEY, found, words, of_now=as_of is None, out_file=out_file)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _told(found, words)
    out.print(str(path), soft_wrap=True, markup=False)


def _told(found: "JourneyReport", words: "Words") -> None:
    """The report in short: the sentence on the leak, and a line a stage."""
    from rich.markup import escape
    from rich.table import Table

    from serving.journey_words import leak_sentence, stage_row, time_row

    out.print(leak_sentence(found, words), soft_wrap=True, markup=False)
    on = words("Go on within %(days)s", days=words.days(found.days))
    head = words("Stage"), words("In it now"), words("Came to it"), on, words("Half have left it after")
    table = Table(*map(escape, head), words("Does it change?"))
    for one in found.stages:
        row, time = stage_row(one, words), time_row(one, words)
        last = one is found.stages[-1]
        cells = (
            row["name"],
            row["now"],
            row["came"],
            row["on"],
            *(("", "") if last else (time["median"], time["trend"])),
        )
        table.add_row(*map(escape, cells))
    out.print(table)
