"""Commands for the rights of the people whose leads these are: export, erase, readmit."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from veraison.cli.common import PlaybookOption, WorkspaceOption, errors, note, out, place, writing

LeadArgument = Annotated[str, typer.Argument(help="Any id of the person.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)
    app.command()(erase)
    app.command()(readmit)


def export(
    lead: LeadArgument,
    out_path: Annotated[Path | None, typer.Option("--out", metavar="F.json", help="Write it here.")] = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Give everything that is held of a person as one JSON document; its events can be ingested elsewhere.

    Example: veraison export L00042 --out L00042.json
    """
    from data.export import export as held

    with place(workspace, playbook).store() as store:
        text = json.dumps(held(store, lead)) + "\n"
    if out_path is None:
        out.file.write(text)
    else:
        with writing(out_path):
            out_path.write_text(text, encoding="utf-8")
        errors.print(f"everything held of {lead}: {out_path}", soft_wrap=True, markup=False)


def erase(lead: LeadArgument, workspace: WorkspaceOption = None, playbook: PlaybookOption = None) -> None:
    """Erase a person for good: events, traits, scores and quarantine, under every id; and refuse it from now on.

    Example: veraison erase L00042
    """
    from data.erasure import erase as forget

    with place(workspace, playbook).store() as store:
        gone = forget(store, lead, now=time.time_ns() // 1_000)
        told = ", ".join(f"{count:,} {name}" for name, count in gone.rows.items())
        out.print(f"erased {lead} ({gone.ids:,} ids): {told}", soft_wrap=True, markup=False)
        if not gone.clean and store.engine.dialect.name == "sqlite":
            note("somebody is reading the database; its file is clean when the service is next stopped, or idle")


def readmit(lead: LeadArgument, workspace: WorkspaceOption = None) -> None:
    """Let a person who was erased come back under its old ids; what was erased stays erased unless it is sent again.

    Example: veraison readmit L00042
    """
    from data.erasure import readmit as allow

    with place(workspace).store() as store:
        allow(store, lead)
    out.print(f"{lead} is taken again", markup=False)
