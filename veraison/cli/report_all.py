"""Every report at once, as a clock would have them made each night."""

from collections.abc import Callable

import typer
from rich.rule import Rule

from veraison.cli.common import LanguageOption, PlaybookOption, WorkspaceOption, errors, note, out, place
from veraison.errors import PlaybookError, VeraisonError


def register(report: typer.Typer, commands: dict[str, Callable[..., None]]) -> None:
    """Add the command of this module.

    commands : by name, each report in the order they are made
    """

    @report.command("all")
    def every(lang: LanguageOption = "en", workspace: WorkspaceOption = None, playbook: PlaybookOption = None) -> None:
        """Make every report of now, those that the playbook says nothing of left out; the service shows them.

        One that cannot be made is told in one line, and the others are made all the same; then the exit code is 1.

        Example, for each night: veraison report all --lang fr
        """
        place(workspace, playbook).playbook()  # one that cannot be read is no matter of single reports
        failed = []
        for name, command in commands.items():
            out.print(Rule(name, align="left"))
            try:
                command(lang=lang, workspace=workspace, playbook=playbook)
            except PlaybookError as problem:
                note(f"{name}: {problem}")
            except VeraisonError as problem:
                failed.append(name)
                errors.print(f"{name}: {problem}", soft_wrap=True, markup=False)
        if failed:
            raise VeraisonError(f"not made: {', '.join(failed)}")
