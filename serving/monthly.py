"""A month of the model as one page for a manager: what it promised, what happened, what changed.

The page stands alone: words, tables and charts in one file, without a script. It says what was known when the month
ended; what became known later changes nothing, so it reads the same a year after.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from data.events import MICROS_PER_DAY, micros
from data.record import Record
from features.catalogue import FeatureSet
from serving.cause_words import with_meanings
from serving.monitoring_charts import conversions_svg, score_drift, scores_svg, weeks
from serving.monitoring_words import decided
from serving.pages import standing_alone
from serving.record_words import banded_row, summary
from serving.selection_words import worked_or_not
from serving.translations import Words
from serving.verdicts import Line, Lines, Verdict

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
CHARTED = 182 * MICROS_PER_DAY
"""Charts begin so long before the end of the month, so that it can be seen against what came before."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC: ``[first; after[`` in microseconds."""

    first: int
    after: int

    @staticmethod
    def parse(text: str) -> "Month":
        """The month of ``2026-10``; ValueError, one line, where it is none.

        >>> month = Month.parse("2026-12")
        >>> (month.after - month.first) // 86_400_000_000, month.name
        (31, '2026-12')
        """
        found = _MONTH.fullmatch(text.strip())
        if found is None or not 1970 <= int(found[1]) < 9000:
            raise ValueError(f"{text!r} is not a month; write it as 2026-10")
        year, number = int(found[1]), int(found[2])
        after = (year + 1, 1) if number == 12 else (year, number + 1)
        return Month(*(micros(datetime(*one, 1, tzinfo=UTC)) for one in ((year, number), after)))

    @staticmethod
    def of(moment: int) -> "Month":
        """The month of a moment, microseconds UTC."""
        return Month.parse(f"{datetime.fromtimestamp(moment / 1e6, UTC):%Y-%m}")

    @property
    def before(self) -> "Month":
        """The month before it."""
        return Month.of(self.first - 1)

    @property
    def name(self) -> str:
        """As `parse` reads it."""
        return f"{datetime.fromtimestamp(self.first / 1e6, UTC):%Y-%m}"


@dataclass(frozen=True, slots=True)
class Known:
    """All that the page of a month is made of.

    at       : the moment it says what was known at, the end of the month or, where that is to come, now
    days     : the primary horizon
    lines    : the journal of monitoring
    promised : by version of the model, the figures logged when it was made; empty where it is not in the registry
    record   : of the scores whose horizon ended in this month
    columns  : of the model that serves, by which the columns in causes are named; None where there is none
    wins     : leads that were won in this month
    """

    month: Month
    at: int
    days: int
    lines: Lines
    promised: Mapping[str, Mapping[str, float]]
    record: Record
    wins: int
    columns: FeatureSet | None = None


def monthly(known: Known, words: Words) -> str:
    """The page, as text of one HTML file."""
    month = known.month
    past = [one for one in known.lines.verdicts if one.verdict.at < known.at]
    during = [one for one in past if one.verdict.at >= month.first]
    shown: dict[str, Any] = {
        "month": words.month(month.first),
        "until": ""
        if known.at >= month.after
        else words("The month is not over: until %(date)s.", date=words.date(known.at)),
        "models": [_promise(version, known, words) for version in _served(past, during)],
        "wins": _wins(known.wins, words),
        "expected": _expected(past, month, words),
        "record": _record(known.record, words),
        "bands": [banded_row(band, known.days, words) for band in reversed(known.record.bands) if band.leads],
        "selection": worked_or_not(known.record, words),
        "days": words.days(known.days),
        "decisions": [decided(_named(one.verdict, known, words), words) for one in during],
        "changes": _changes(during, words),
        "charts": _charts(past, known.at, words),
    }
    return standing_alone("month.html", shown, words)


def _named(verdict: Verdict, known: Known, words: Words) -> Verdict:
    return verdict if known.columns is None else with_meanings(verdict, known.columns, words.language)


def _served(past: Sequence[Line], during: Sequence[Line]) -> list[str]:
    """The models that served in the month, the first one first, as far as the journal saw them."""
    found = [] if during or not past else [_after(past[-1])]
    for one in during:
        found += [one.verdict.champion, _after(one)]
    return [version for version in dict.fromkeys(found) if version]


def _after(line: Line) -> str:
    verdict = line.verdict
    return verdict.challenger if verdict.promoted and verdict.challenger else verdict.champion


def _promise(version: str, known: Known, words: Words) -> dict[str, str]:
    auc = known.promised.get(version, {}).get(f"auc_{known.days}d")
    if auc is None:
        return {"version": version, "said": words("What it promised is not in the registry.")}
    return {
        "version": version,
        "said": words(
            "In the test when it was made, of two leads of whom one was won, it put that one first %(share)s times in "
            "100.",
            share=words.number(round(100 * auc)),
        ),
    }


def _wins(wins: int, words: Words) -> str:
    return words.many("%(count)s lead was won in this month.", "%(count)s leads were won in this month.", wins)


def _expected(past: Sequence[Line], month: Month, words: Words) -> str:
    """Observed against expected conversions of the weeks that lie in the month; empty where none was measured."""
    inside = [one for one in weeks(past) if month.first <= one.at < month.after]
    if not inside:
        return ""
    return words.many(
        "In the weeks that began in it, %(count)s lead was won; the model expected %(expected)s.",
        "In the weeks that began in it, %(count)s leads were won; the model expected %(expected)s.",
        sum(one.observed for one in inside),
        expected=words.number(round(sum(one.expected for one in inside))),
    )


def _record(record: Record, words: Words) -> str:
    return summary(record, words) if record.everyone.leads else ""


def _changes(during: Sequence[Line], words: Words) -> list[str]:
    """The models that came and went in the month, in words."""
    found = []
    for one in during:
        verdict, date = one.verdict, words.date(one.verdict.at)
        if verdict.promoted and verdict.challenger:
            found.append(
                words(
                    "%(date)s: %(new)s took the place of %(old)s.",
                    date=date,
                    new=verdict.challenger,
                    old=verdict.champion,
                )
            )
        elif verdict.went_back:
            found.append(words("%(date)s: the model before serves again.", date=date))
    return found


def _charts(past: Sequence[Line], at: int, words: Words) -> list[dict[str, Any]]:
    since = at - CHARTED
    found = []
    if inside := tuple(one for one in weeks(past) if one.at >= since):
        title = words("Won each week, beside what the model expected")
        found.append((title, conversions_svg(inside, words)))
    moments, limit = score_drift(past)
    if near := tuple(one for one in moments if one.at >= since):
        found.append((words("How far the scores are from those at training"), scores_svg(near, limit, words)))
    return [{"title": title, "svg": Markup(svg)} for title, svg in found]  # noqa: S704 (Vega escapes its texts)
