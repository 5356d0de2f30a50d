"""The report of the contract between marketing and sales."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veraison.cli.common import (
    AsOfOption,
    LanguageOption,
    Place,
    PlaybookOption,
    WorkspaceOption,
    language_of,
    moment,
    out,
    place,
    say,
    writing,
)
from veraison.cli.report_files import put
from veraison.errors import PlaybookError

if TYPE_CHECKING:
    from data.contract_report import ContractReport
    from data.log import EventLog
    from data.store import Store
    from monitoring.contract import Measured
    from serving.translations import Words
    from training.bundle import Bundle
    from veraison.playbook import Playbook

NEWEST = 8
"""So many weeks are told on the terminal."""


def contract(
    as_of: AsOfOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (reports/contract.html in the workspace).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON instead of a table.")] = False,
    lang: LanguageOption = "en",
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """The contract of marketing and sales: this week's least score, what was promised, and what came of it.

    Of now, without --as-of, the bound of this week is written to reports/contract.jsonl, leads are handed over by it
    from then on, and the service shows the report at /contract.

    Examples: veraison report contract   ·   veraison report contract --lang fr --out october.html   ·
    veraison report contract --as-of 2026-10-01 --json
    """
    from monitoring.contract import NO_CONTRACT
    from serving.page_contract import CONTRACT
    from serving.translations import Words

    words = Words(language_of(lang))
    where = place(workspace, playbook)
    book = where.playbook()
    if book.contract is None:
        raise PlaybookError(f"{where.playbook_path}: {NO_CONTRACT}")
    with where.store() as store:
        at = moment(as_of, store)
        say("scoring the leads of the weeks since the model learned")
        found = measured(where, store, store.scan(), book, at)
    if as_of is None:
        keep(where, found)
    path = put(where, CONTRACT, found.report, words, of_now=as_of is None, out_file=out_file)
    if as_json:
        typer.echo(found.report.model_dump_json())
        return
    _told(found.report, words)
    out.print(str(path), soft_wrap=True, markup=False)


def measured(where: Place, store: "Store", log: "EventLog", book: "Playbook", at: int) -> "Measured":
    """The contract as known at a moment, with the models that are there."""
    from data.contract_lines import read
    from monitoring.contract import contract as measure
    from serving.models import load_champion
    from training.registry import Registry

    champion = load_champion(where.workspace)

    def model(version: str) -> "Bundle | None":
        from veraison.errors import ModelError, RegistryError

        registry = Registry(where.workspace)
        one = next((one for one in registry.versions() if one.version == version), None)
        try:
            return None if one is None else registry.load(one.number)
        except (ModelError, RegistryError):  # gone: its weeks are left out
            return None

    return measure(
        log,
        book,
        champion,
        as_of=at,
        entries=[one for _, one in read(where.workspace.reports)],
        model=model,
        bodies=store.bodies,
        threads=where.settings.threads,
    )


def keep(where: Place, found: "Measured") -> None:
    """Add what is new to the file of the contract."""
    from data.contract_lines import append

    with writing(where.workspace.reports):
        append(where.workspace.reports, found.fresh)


def _told(found: "ContractReport", words: "Words") -> None:
    """The report in short: the bound and why, and a line for each of the newest weeks."""
    from rich.markup import escape
    from rich.table import Table

    from serving.contract_tables import marketing_head, marketing_row
    from serving.contract_words import bound_sentence, why_sentence

    for text in (bound_sentence(found, words), why_sentence(found, words)):
        if text:
            out.print(text, soft_wrap=True, markup=False)
    if not found.weeks:
        return
    table = Table(*map(escape, (words("Week"), *marketing_head(found, words))))
    for one in found.weeks[-NEWEST:]:
        table.add_row(*map(escape, (one.bound.week, *marketing_row(one, words))))
    out.print(table)
    broken = words.many("%(count)s promise was not kept.", "%(count)s promises were not kept.", len(found.breaches))
    out.print(broken, soft_wrap=True, markup=False)
