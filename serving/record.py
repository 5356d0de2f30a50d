"""How good is it: what became of the leads that were scored, as a page that sales can check and as JSON."""

import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from data.events import MICROS_PER_DAY, isoformat
from data.record import ENOUGH, Record, Served, served
from data.store import Store
from serving.access import Access
from serving.charts import Size
from serving.models import ModelHolder
from serving.openapi import NO_MODEL, PROBLEMS, answers, asks
from serving.pages import chart_answer, page, words_of
from serving.problems import JSON, Problem
from serving.record_chart import reliability
from serving.record_words import banded_row, figures_of, period, summary
from serving.selection_words import worked_or_not
from serving.translations import Words
from veraison.answers import HowGood

_HOUR = MICROS_PER_DAY // 24
_RULE = (
    "of each person the first served score in each band of ten points, once the primary horizon after it is over; "
    "scores that were asked for more than a day after their moment do not count"
)

Version = Annotated[
    str | None, Query(max_length=100, description="Of one model alone.", examples=["20260301T0000-1f0c"])
]


class Records:
    """The records of one store, and of the test that the model which serves now went through.

    clock : microseconds UTC
    """

    def __init__(self, store: Store, models: ModelHolder, clock: Callable[[], int]) -> None:
        self._store, self._models, self._clock = store, models, clock
        self._counting = threading.Lock()
        self._kept: tuple[tuple[int, int], Served] | None = None

    @property
    def days(self) -> int:
        """The primary horizon of the model that serves now; ModelError where there is none."""
        return self._models.current().playbook.horizons.primary

    def served(self) -> tuple[int, Served]:
        """The record of the prediction log and its moment, the last full hour: all of it is read for an answer."""
        bundle, hour = self._models.current(), self._clock() // _HOUR * _HOUR
        key = hour, bundle.playbook.horizons.primary
        with self._counting:
            if self._kept is None or self._kept[0] != key:
                self._kept = key, served(self._store, bundle.playbook.journey, key[1], hour)
            return hour, self._kept[1]

    def test(self) -> Record | None:
        """What became of the test leads when the model was made; None where history was too short for a test."""
        told = self._models.current().facts.get("record")
        return None if told is None else Record.from_dict(told)

    def chosen(self, version: str | None) -> Record:
        """The served record of one model, or of all; Problem where no score of that model counts."""
        _, found = self.served()
        if version is None:
            return found.whole
        for name, one in found.versions:
            if name == version:
                return one
        raise Problem(404, "unknown-model", "no served score of that model counts yet")

    def shown(self, version: str | None) -> Record | None:
        """What a page shows: the served record, else, while that is young, the test's; None where there is neither."""
        found = self.chosen(version)
        return found if found.enough or version is not None else self.test()


def api(records: Records, access: Access) -> APIRouter:
    """``GET /v1/record``."""
    found = APIRouter(prefix="/v1")
    may_read = Depends(access.scope("read"))

    @found.get(
        "/record", dependencies=[may_read], responses=answers(HowGood) | PROBLEMS | NO_MODEL, operation_id="record",
        openapi_extra=asks("read", "scores"), summary="What became of scored leads",
    )  # fmt: skip
    def whole(model_version: Version = None) -> JSON:
        """By bands of ten points: leads scored, how many were won within the primary horizon, how many were predicted.

        `served` is of the prediction log, of everyone's leads; `test` of the test that the model went through when it
        was made, null where history was too short for one. `enough` says whether there are leads enough to go by.
        """
        moment, seen = records.served()
        test = records.test()
        return JSON(
            {
                "as_of": isoformat(moment),
                "rule": _RULE,
                "model_version": model_version,
                "served": records.chosen(model_version).to_dict(),
                "versions": [{"model_version": name, **one.to_dict()} for name, one in seen.versions],
                "waiting": seen.waiting,
                "replayed": seen.replayed,
                "test": None if test is None else test.to_dict(),
            }
        )

    return found


def pages(records: Records, access: Access) -> APIRouter:
    """``/record`` and its chart."""
    found = APIRouter(include_in_schema=False, dependencies=[Depends(access.page)], default_response_class=HTMLResponse)

    @found.get("/record")
    def how_good(request: Request, model_version: Version = None) -> Response:
        """The record in words, a chart and a table."""
        words = words_of(request)
        _, seen = records.served()
        shown = records.shown(model_version)
        known = {
            "here": "record",
            "shown": shown is not None,
            "chosen": {} if model_version is None else {"model_version": model_version},
            "summary": "" if shown is None else summary(shown, words),
            "source": _source(shown, records.chosen(model_version), words),
            "waiting": _waiting(seen, words),
            "bands": [] if shown is None else [banded_row(band, shown.days, words) for band in reversed(shown.bands)],
            "selection": worked_or_not(shown, words),
            "versions": [_version(name, one, words) | {"chosen": name == model_version} for name, one in seen.versions],
            "rules": _rules(records.days, seen, words),
        }
        return page(request, "record.html", known)

    @found.get("/record/chart.svg")
    def chart(request: Request, model_version: Version = None, size: Size = "wide") -> Response:
        """What was predicted beside what came."""
        shown = records.shown(model_version) or records.chosen(model_version)
        return chart_answer(reliability(shown, words_of(request), size))

    return found


def _version(name: str, one: Record, words: Words) -> dict[str, Any]:
    return {"version": name, "period": period(one, words), **figures_of(one.everyone, words)}


def _source(shown: Record | None, own: Record, words: Words) -> str:
    """Where the figures come from, and why not from elsewhere."""
    if shown is own:
        return words("From the scores as they were served, %(period)s.", period=period(own, words))
    young = words.many(
        "So far the outcome of %(count)s served lead is known: too few to say anything.",
        "So far the outcomes of %(count)s served leads are known: too few to say anything.",
        own.everyone.leads,
    )
    if shown is None:
        return young
    test = words(
        "These figures are from the test when the model was made (leads that it had not seen, %(period)s), not from "
        "served scores.",
        period=period(shown, words),
    )
    return f"{young} {test}"


def _waiting(seen: Served, words: Words) -> str:
    if not seen.waiting:
        return ""
    return words.many(
        "%(count)s lead has a score whose time is not over yet.",
        "%(count)s leads have a score whose time is not over yet.",
        seen.waiting,
    )


def _rules(days: int, seen: Served, words: Words) -> list[str]:
    left_out = words.many(
        "A score that was asked for more than a day after its moment does not count: %(count)s such score is left out.",
        "A score that was asked for more than a day after its moment does not count: %(count)s such scores are left "
        "out.",
        seen.replayed,
    )
    return [
        words(
            "A score counts when %(days)s have passed since; a win before that waits as well.", days=words.days(days)
        ),
        words("A lead counts once in each band, with the first score that it had there; in the sums, with its first."),
        words("In brackets: where the share may lie, were there many more such leads (95 %%, Wilson)."),
        words.many(
            "With fewer than %(count)s lead in a band nothing is said of it.",
            "With fewer than %(count)s leads in a band nothing is said of it.",
            ENOUGH,
        ),
        words("The figures are of the leads of all sellers."),
        *([left_out] if seen.replayed else []),
    ]
