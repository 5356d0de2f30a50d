"""Does the model still fit? What monitoring found and decided, as a page for a manager and as JSON."""

from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from data.events import parse_instant
from serving.access import Access
from serving.cause_words import with_meanings
from serving.charts import Size
from serving.leads import Leads
from serving.models import ModelHolder
from serving.monitoring_charts import (
    Chart,
    conversions_svg,
    events_svg,
    score_drift,
    scores_svg,
    volumes,
    weeks,
)
from serving.monitoring_words import Light, decided, last_change, light, looked, serving_since, shown_lights
from serving.openapi import PROBLEMS, answers, asks
from serving.pages import chart_answer, page, routes, words_of
from serving.problems import JSON, Problem
from serving.selection_words import worked_or_not
from serving.translations import Words
from serving.truth_words import truth
from serving.verdicts import Journal, Line, Lines, Verdict
from training.bundle import Bundle
from veraison.answers import Monitoring

SHOWN, MOST = 20, 200
"""Lines of the journal that are told unless somebody says how many, and at most."""
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Evidently's report is made of scripts. They run in an origin of their own, without cookies, and may load, send and
embed nothing: not even from this service."""

Count = Annotated[int, Query(ge=1, le=MOST, description="Lines of the journal at most.", examples=[SHOWN])]
Before = Annotated[
    int | None, Query(ge=1, description="Only lines before this one: `next` of the page before.", examples=[33])
]


def api(journal: Journal, access: Access) -> APIRouter:
    """``GET /v1/monitoring``."""
    found = APIRouter(prefix="/v1")
    may_read = Depends(access.scope("read"))

    @found.get(
        "/monitoring", dependencies=[may_read], responses=answers(Monitoring) | PROBLEMS, operation_id="monitoring",
        openapi_extra=asks("read", "service"), summary="Whether the model still fits",
    )  # fmt: skip
    def whole(limit: Count = SHOWN, before: Before = None) -> JSON:
        """The newest verdict of `veraison monitor`, and its journal, the newest line first.

        `next` is the `before` of the page after, null on the last one. A line is as `reports/monitor.json` was then;
        sections that were not measured are absent or null.
        """
        known = journal.lines()
        chosen = [one for one in known.verdicts if before is None or one.number < before]
        shown = chosen[-limit:][::-1]
        newest = known.verdicts[-1:]
        return JSON(
            {
                "newest": _whole(journal, newest[0]) if newest else None,
                "verdicts": [_whole(journal, one) for one in shown],
                "next": shown[-1].number if len(chosen) > limit else None,
                "unreadable": known.unreadable,
            }
        )

    return found


def _whole(journal: Journal, line: Line) -> dict[str, Any]:
    """A line as it is in the file, and its number; what was not understood of its sections is null."""
    found, read = journal.whole(line), line.verdict
    for name in ("gate", "performance", "drift", "conversions", "estimate", "selection", "data"):
        if not isinstance(found.get(name), dict):
            found[name] = None
    return found | read.model_dump(include=_SIMPLE) | {"number": line.number}


_SIMPLE = {
    "decision",
    "reason_code",
    "champion_run",
    "as_of",
    "champion",
    "challenger",
    "promoted",
    "action",
    "message",
}


def pages(leads: Leads, models: ModelHolder, journal: Journal, access: Access, mlflow: str | None) -> APIRouter:
    """``/monitoring``, its charts, and Evidently's report.

    mlflow : the tracking address; it is linked where it is one of the web
    """
    found = routes(access)

    @found.get("/monitoring")
    def monitoring(request: Request, limit: Count = SHOWN) -> Response:
        """One light for each question, what was decided, charts in time, and the journal."""
        words, known = words_of(request), journal.lines()
        bundle = models.current() if models.ready else None
        verdict = known.newest and _named(known.newest, bundle, words)
        change = last_change(known.verdicts)
        told: dict[str, Any] = {
            "here": "monitoring",
            "lights": [*shown_lights(verdict, words), _serving(models, bundle, known, words)],
            "looked": verdict and looked(verdict, leads.clock(), words),
            "decided": verdict and decided(verdict, words, own=verdict.decision != "none"),
            "change": change and change is not known.newest and decided(_named(change, bundle, words), words),
            "truth": verdict and truth(verdict, words),
            "charts": _charts(known),
            "selection": worked_or_not(verdict.selection if verdict else None, words),
            "journal": [decided(_named(one.verdict, bundle, words), words) for one in known.verdicts[-limit:][::-1]],
            "more": min(MOST, len(known.verdicts)) if limit < min(MOST, len(known.verdicts)) else None,
            "unreadable": _unreadable(known, words),
            "report": journal.report is not None,
            "mlflow": _of_the_web(mlflow),
            "run": verdict and verdict.champion_run and _of_the_web(mlflow, verdict.champion_run),
            "champion": verdict and verdict.champion,
        }
        return page(request, "monitoring.html", told)

    def chart(request: Request, name: Chart, size: Size) -> Response:
        return chart_answer(_drawn(name, journal.lines(), words_of(request), size))

    @found.get("/monitoring/conversions.svg")
    def conversions(request: Request, size: Size = "wide") -> Response:
        """Wins a week beside those that the model expected."""
        return chart(request, "conversions", size)

    @found.get("/monitoring/scores.svg")
    def scores(request: Request, size: Size = "wide") -> Response:
        """How far the scores are from those at training."""
        return chart(request, "scores", size)

    @found.get("/monitoring/events.svg")
    def events(request: Request, size: Size = "wide") -> Response:
        """Events a week of the most frequent kinds."""
        return chart(request, "events", size)

    @found.get("/monitoring/drift.html")
    def report() -> Response:
        """Evidently's report of the newest look, as it made it."""
        found = journal.report
        if found is None:
            raise Problem(404, "no-report", "the newest look has made no report")
        return FileResponse(found, media_type="text/html", headers={"Content-Security-Policy": SANDBOX})

    return found


def _named(verdict: Verdict, bundle: Bundle | None, words: Words) -> Verdict:
    return verdict if bundle is None else with_meanings(verdict, bundle.feature_set, words.language)


def _serving(models: ModelHolder, bundle: Bundle | None, known: Lines, words: Words) -> Light:
    """Which model serves, and since when."""
    question = words("Which model serves, and since when?")
    if bundle is None:
        return light("serving", question, "act", [words("No model serves yet. Train one with: veraison train")], words)
    learned = words.date(parse_instant(str(bundle.facts["as_of"])))
    said = [
        words("Model %(version)s, which knows what happened before %(date)s.", version=bundle.version, date=learned)
    ]
    since = serving_since(known.verdicts, bundle.version)
    if since is not None:
        said.append(words("Monitoring promoted it on %(date)s.", date=words.date(since)))
    if models.broken is not None:
        said.append(words("A newer one could not be loaded; this one goes on."))
    return light("serving", question, "good" if models.broken is None else "act", said, words)


def _charts(known: Lines) -> list[Chart]:
    """The charts there is something to draw in."""
    seen = known.verdicts
    drawn: list[tuple[Chart, bool]] = [
        ("conversions", bool(weeks(seen))),
        ("scores", bool(score_drift(seen)[0])),
        ("events", bool(volumes(seen))),
    ]
    return [name for name, there in drawn if there]


def _drawn(name: Chart, known: Lines, words: Words, size: Size) -> str | None:
    seen = known.verdicts
    match name:
        case "conversions":
            return conversions_svg(found, words, size) if (found := weeks(seen)) else None
        case "scores":
            moments, limit = score_drift(seen)
            return scores_svg(moments, limit, words, size) if moments else None
        case "events":
            return events_svg(rates, words, size) if (rates := volumes(seen)) else None


def _unreadable(known: Lines, words: Words) -> str:
    if not known.unreadable:
        return ""
    return words.many(
        "%(count)s line of the journal cannot be read and is left out.",
        "%(count)s lines of the journal cannot be read and are left out.",
        known.unreadable,
    )


def _of_the_web(address: str | None, path: str = "/models/veraison") -> str | None:
    """Where MLflow shows something, None where its address is a database; a password in the address is left out.

    path : of a page of MLflow, the registered models unless another is given

    >>> _of_the_web("https://me:secret@mlflow.example/x/"), _of_the_web("sqlite:///mlflow.db")
    ('https://mlflow.example/x/#/models/veraison', None)
    """
    parts = urlsplit(address or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/") + "/", "", path))
