"""The forecast of the weeks to come."""

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
    out,
    place,
    say,
)
from veraison.cli.report_files import put

if TYPE_CHECKING:
    from data.forecast_report import ForecastReport
    from serving.translations import Words


def forecast(
    as_of: AsOfOption = None,
    weeks: Annotated[int, typer.Option(min=1, max=26, help="Weeks to come, that which runs included.")] = 8,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/forecast.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Sales and ready leads to be expected in each week to come, by source and seller, and how right that was before.

    It needs a model (veraison train). Where that learned too lately to be judged, another learns from an earlier past,
    only to look back with: that takes as long as training. Of a moment before the champion's training, one that knows
    only what was known then is trained. Of now, without --as-of, the service shows the same at /forecast.

    Examples: veraison report forecast   ·   veraison report forecast --weeks 13 --lang fr --out quarter.html   ·
    veraison report forecast --as-of 2026-10-05 --json
    """
    from monitoring.forecast import forecast as measured
    from serving.models import load_champion
    from serving.page_forecast import FORECAST
    from serving.translations import Words

    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        log = store.scan()
    found = measured(log, load_champion(where.workspace), book, as_of=at, ahead=weeks, say=say)
    path = put(where, FORECAST, found, words, of_now=as_of is None, out_file=out_file)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _told(found, words)
    out.print(str(path), soft_wrap=True, markup=False)


def _told(found: "ForecastReport", words: "Words") -> None:
    """The report in short: of each outcome the sentences, and a line a week."""
    from rich.markup import escape
    from rich.table import Table

    from serving.forecast_words import TITLES, sentence_of, trust, weeks

    for one in found.outlooks:
        out.print(sentence_of(one, found, words), soft_wrap=True, markup=False)
        grid = weeks(one, words)
        table = Table(escape(words(TITLES[one.event])), *map(escape, grid.head))
        for name, cells in grid.rows:
            table.add_row(escape(name), *map(escape, cells))
        out.print(table)
        out.print(trust(one.backtest, words), soft_wrap=True, markup=False)
