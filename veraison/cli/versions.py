"""The registered models: list, compare, promote, roll back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from veraison.cli.common import AsOfOption, PlaybookOption, WorkspaceOption, errors, moment, out, place, say
from veraison.errors import ModelError
from veraison.settings import Workspace

if TYPE_CHECKING:
    from monitoring.comparison import Comparison
    from training.registry import Registered, Registry

_NO_MODEL = "no model yet; train one with: veraison train"
_FIGURES = {"log_loss": "log-loss", "auc": "AUC", "ece": "ECE", "observed_to_expected": "observed / expected"}

models = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(models, name="models")


@models.callback()
def list_models(context: typer.Context, workspace: WorkspaceOption = None) -> None:
    """List the registered models, newest first; compare two, promote one, or go back.

    Examples: veraison models   ·   veraison models compare   ·   veraison models promote 3
    """
    if context.invoked_subcommand is not None:
        if workspace is not None:  # said before the command, it is meant for the command
            context.default_map = {context.invoked_subcommand: {"workspace": str(workspace)}}
        return
    registry = existing_registry(place(workspace).workspace)
    names = (Column(name, overflow="fold") for name in ("version", "model", "alias"))  # a name cut short is no name
    table = Table(*names, "AUC", "log-loss", title="Registered models")
    for one in registry.versions():
        figures = registry.metrics(one.number)
        days = _days(figures, registry.params(one.number))
        shown = [f"{figures[f'{metric}_{days}']:.3f} ({days})" if days else "" for metric in ("auc", "log_loss")]
        table.add_row(str(one.number), one.version, ", ".join(one.aliases), *shown)
    if not table.row_count:
        raise ModelError(_NO_MODEL)
    out.print(table)


@models.command()
def compare(
    one: Annotated[str, typer.Argument(help="Number of a version, or its alias.")] = "champion",
    other: Annotated[str, typer.Argument(help="The version that would take its place.")] = "challenger",
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Hold two versions against each other: where they come from, and how they do on leads that neither has seen.

    Examples: veraison models compare   ·   veraison models compare 2 3
    """
    where = place(workspace, playbook)
    registry = existing_registry(where.workspace)
    first, second = _named(registry, one), _named(registry, other)
    found = _comparison(registry, first, second, as_of, where)
    _show(found, registry, first, second)


@models.command()
def promote(
    version: Annotated[str, typer.Argument(help="Number of the version in the registry, or its alias.")],
    gated: Annotated[
        bool, typer.Option("--gated", help="Only if it is not worse than the champion on leads neither has seen.")
    ] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Make a version the champion; going back to an older one works the same way.

    Examples: veraison models promote 3   ·   veraison models promote challenger --gated
    """
    from training.registry import CHAMPION

    where = place(workspace, playbook)
    registry = existing_registry(where.workspace)
    chosen = _named(registry, version)
    if gated and CHAMPION not in chosen.aliases:
        found = _comparison(registry, _named(registry, CHAMPION), chosen, as_of, where)
        if found.gate is None or not found.gate.passed:
            raise ModelError(f"version {chosen.number} stays what it is: {found.sentence}")
        errors.print(found.sentence, soft_wrap=True, markup=False)
    registry.assign(CHAMPION, chosen.number)
    out.print(f"version {chosen.number} is the champion")


@models.command()
def rollback(workspace: WorkspaceOption = None) -> None:
    """Make the version that was champion before the champion again; once more goes back further.

    Example: veraison models rollback
    """
    registry = existing_registry(place(workspace).workspace)
    out.print(f"version {registry.roll_back().number} is the champion again")


def existing_registry(workspace: Workspace) -> "Registry":
    """The registry of a workspace that has one; looking for models makes nothing."""
    if workspace.tracking_uri_override is None and not workspace.tracking.exists():
        raise ModelError(_NO_MODEL)
    from training.registry import Registry

    return Registry(workspace)


def _named(registry: "Registry", text: str) -> "Registered":
    """The version that a number or an alias means."""
    versions = registry.versions()
    found = next((one for one in versions if str(one.number) == text or text in one.aliases), None)
    if found is None:
        there = ", ".join(f"{one.number}{f' ({one.aliases[0]})' if one.aliases else ''}" for one in versions)
        what = f"version {text} of the model" if text.isdecimal() else f"{text!r}"
        raise ModelError(f"{what} is not in the registry; there are: {there or 'none'}")
    return found


def _comparison(registry: "Registry", one: "Registered", other: "Registered", as_of: str | None, where: Any) -> Any:
    from monitoring.comparison import compare as hold_against

    book = where.playbook()
    with where.store() as store:
        at = moment(as_of, store)
        log = store.scan()
    first, second = registry.load(one.number), registry.load(other.number)
    return hold_against(log, book, first, second, at=at, threads=where.settings.threads, say=say)


def _show(found: "Comparison", registry: "Registry", one: "Registered", other: "Registered") -> None:
    """What differs in their making, and their figures side by side."""
    made = [registry.params(version.number) for version in (one, other)]
    table = Table("", *(_title(version) for version in (one, other)), title_justify="left")
    differing = [name for name in {**made[0], **made[1]} if made[0].get(name) != made[1].get(name)]
    for name in differing:
        table.add_row(name, *(params.get(name, "") for params in made))
    if found.figures:
        table.add_section()
        for name, shown in _FIGURES.items():
            table.add_row(f"{shown} ({found.days} d)", *(_figure(figures.get(name)) for figures in found.figures))
    out.print(table)
    out.print(found.sentence, soft_wrap=True, markup=False)


def _title(version: "Registered") -> str:
    return f"{version.number}" + (f" ({', '.join(version.aliases)})" if version.aliases else "")


def _figure(figure: dict[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return ""
    return f"{figure['value']:.3f} [dim]{figure['low']:.3f} to {figure['high']:.3f}[/dim]"


def _days(figures: dict[str, float], params: dict[str, str]) -> str:
    """The horizon to show: the primary one where it was measured, else the longest that was."""
    measured = sorted((name for name in figures if name.startswith("auc_")), key=lambda name: int(name[4:-1]))
    primary = f"{params.get('primary', '')}d"
    days = [name.removeprefix("auc_") for name in measured]
    return primary if primary in days else days[-1] if days else ""
