"""One lead on a terminal: the score, its reasons in points that add up, and what they rest on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from data.events import isoformat

if TYPE_CHECKING:  # the libraries behind scores take seconds to load, which other commands should not wait for
    from features.words import Language
    from serving.scorer import ExplainedScore


def card(one: "ExplainedScore", primary: int, language: "Language", more: Sequence[str] = ()) -> Panel:
    """One lead for a person: the score, its reasons in points that add up, what they rest on, and when.

    more : what else is said of it, a line each
    """
    from serving.details import rests_on
    from serving.translations import Words

    words = Words(language)
    lacking = ", ".join(lack.text for lack in one.missing or ())
    if one.score is None or one.probability is None or one.base is None:
        mature = "" if one.maturity is None else one.maturity.text
        said = [one.status, chance_words(one, primary, language), mature, lacking]
        return Panel(Text("\n".join(filter(None, said))), title=Text(one.lead_id), width=96)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", width=8)
    grid.add_column(width=16)
    grid.add_column()
    widest = max([abs(reason.points) for reason in one.reasons], default=1.0)
    grid.add_row(f"{one.base:.1f}", "", words("the average lead"))
    for reason in one.reasons:
        bar = "█" * max(1, round(14 * abs(reason.points) / widest))
        colour = "green" if reason.points > 0 else "red"
        grid.add_row(f"{reason.points:+.1f}", f"[{colour}]{bar}[/]", escape(reason.text))
        if behind := rests_on(reason, words):
            grid.add_row("", "", f"[dim]{escape(behind)}[/]")
    unclipped = one.base + sum(reason.points for reason in one.reasons)
    if abs(unclipped - one.score) > 1e-6:
        grid.add_row(f"{one.score - unclipped:+.1f}", "", words("kept within 0 to 100"))
    grid.add_row(f"[bold]{one.score:.1f}[/]", "", "[bold]score[/]")
    beside = [compared.text for compared in one.comparisons or ()]
    missing = [words("missing: %(names)s", names=lacking)] if lacking else []
    for text in [*beside, *missing, *more]:
        grid.add_row("", "", f"[dim]{escape(text)}[/]")
    chance = chance_words(one, primary, language)
    said = [f"{one.score:.0f}/100", one.grade or "", chance, ready_words(one, language)]
    head = Text.assemble((one.lead_id, "bold"), *(f" · {part}" for part in said if part))
    if one.maturity is not None:
        grid.add_row("", "", escape(one.maturity.text))
    foot = f"{isoformat(one.as_of)} · {one.model_version}"
    return Panel(grid, title=head, subtitle=foot, title_align="left", subtitle_align="right", padding=(1, 2))


def chance_words(one: "ExplainedScore", primary: int, language: "Language") -> str:
    """The chance within the primary horizon and its interval, in words."""
    if one.probability is None:
        return ""
    from serving.translations import Words

    words = Words(language)
    chance = words.percent(one.probability)
    if one.interval is not None:
        low, high = map(words.percent, one.interval)
        chance = words("%(chance)s (%(low)s to %(high)s)", chance=chance, low=low, high=high)
    return words.many(
        "%(chance)s chance to convert within %(count)s day",
        "%(chance)s chance to convert within %(count)s days",
        primary,
        chance=chance,
    )


def ready_words(one: "ExplainedScore", language: "Language") -> str:
    """When the lead will be ready, in words."""
    from serving.translations import Words

    words = Words(language)
    if one.ready is None:
        return words("accepted") if one.ready_at else ""
    early, half, late = (f"{days:.0f}" for days in one.ready)
    return words("~%(half)s d (%(early)s-%(late)s)", early=early, half=half, late=late)
