"""The pages that people read: leads by score, and one lead with its reasons. Made on the server, without JavaScript."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from data.events import MICROS_PER_DAY, Trait, isoformat
from data.journey import Status
from features.words import LANGUAGES, Language
from serving.access import Access, Viewer
from serving.api import MAX_LISTED, AsOf, LeadPath
from serving.charts import Size, steps, waterfall
from serving.details import rests_on
from serving.leads import Lead, Leads, known_traits
from serving.problems import Problem
from serving.scorer import ExplainedScore
from serving.translations import Words, preferred, sentence
from serving.trend import DAYS
from training.bundle import Bundle

HERE = Path(__file__).parent
LISTED = 50
MORE = 200
OPEN_DAYS = 8
"""Days of a timeline that show at once; the older ones unfold."""
_NAMES = ("name", "firstName", "lastName", "email", "company.name", "company", "group_id")
_LATE = MICROS_PER_DAY

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def words_of(request: Request) -> Words:
    """The language of a page: ``?lang=``, else what the browser prefers."""
    asked = request.query_params.get("lang")
    language: Language = next(
        (one for one in LANGUAGES if one == asked), preferred(request.headers.get("accept-language", ""))
    )
    return Words(language)


def wanted(request: Request) -> bool:
    """Whether a person's browser asks, so that a problem is answered as a page too."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem in words for the person in front of the browser."""
    words = words_of(request)
    key = f"problem_{problem.status}"
    sentence = words(key if problem.status in (401, 403, 404, 429, 503) else "problem_other")
    detail = problem.detail if problem.status == 422 else None
    found = _page(request, words, "problem.html", {"sentence": sentence, "detail": detail}, problem.status)
    found.headers.update(problem.headers)
    return found


def page(request: Request, template: str, known: dict[str, Any], status: int = 200) -> HTMLResponse:
    """A page in the reader's language.

    In every template are, beside what is `known`: ``viewer``, who looks (None before the login), and ``csrf``, whose
    call is the hidden field that every form needs.
    """
    return _page(request, words_of(request), template, known, status)


def router(leads: Leads, access: Access) -> APIRouter:
    """The routes of the pages."""
    found = APIRouter(include_in_schema=False, dependencies=[Depends(access.page)], default_response_class=HTMLResponse)

    async def of_viewer(viewer: Annotated[Viewer, Depends(access.page)]) -> Leads:
        return leads.of(viewer.seller)

    seen_by_viewer = Depends(of_viewer)

    @found.get("/")
    def index(
        request: Request,
        leads: Annotated[Leads, seen_by_viewer],
        as_of: AsOf,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = LISTED,
    ) -> Response:
        """The best open leads, each with its reason in one sentence."""
        words = words_of(request)
        ranking = leads.ranking(as_of)
        places = ranking.best(Status.scored, limit)
        ids = [ranking.lead_ids[place] for place in places]
        scores, log = leads.scored(ids, ranking.as_of)
        rows = [
            {
                **_shown(row, scores.bundle, words),
                "who": who(known_traits(log, row.lead_id, ranking.as_of, scores.bundle.playbook)),
                "last_activity": words.date(int(ranking.last_activity[place])),
            }
            for row, place in zip(scores.rows(words.language, 1), places, strict=True)
        ]
        counts = ranking.counts
        more = min(MORE, counts.get("scored", 0)) if counts.get("scored", 0) > limit and limit < MORE else None
        known = {
            "rows": rows,
            "total": words.number(sum(counts.values()) - counts.get("merged", 0)),
            "scored": words.number(counts.get("scored", 0)),
            "more": more,
            "days": scores.bundle.playbook.horizons.primary,
        }
        return _page(request, words, "leads.html", known | _origin(scores.bundle, ranking.as_of, words))

    @found.get("/leads/{lead_id:path}/waterfall.svg")
    def picture(
        request: Request,
        leads: Annotated[Leads, seen_by_viewer],
        lead_id: LeadPath,
        as_of: AsOf,
        size: Size = "wide",
    ) -> Response:
        """The waterfall of one lead; a picture of its own, so that the page needs no inline style."""
        words = words_of(request)
        one = leads.lead(lead_id, leads.clock() if as_of is None else as_of, language=words.language)
        account = steps(one.row, words)
        if not account:
            raise Problem(404, "not-found", "this lead has no score at that moment")
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(waterfall(account, words, size), media_type="image/svg+xml", headers=headers)

    @found.get("/leads/{lead_id:path}")
    def one_lead(request: Request, leads: Annotated[Leads, seen_by_viewer], lead_id: LeadPath, as_of: AsOf) -> Response:
        """One lead: its score, the account of it, how soon, what happened and what is known."""
        words = words_of(request)
        moment = leads.clock() if as_of is None else as_of
        lead = leads.lead(lead_id, moment, language=words.language)
        return _page(request, words, "lead.html", _detail(lead, words) | _origin(lead.bundle, moment, words))

    return found


def who(traits: dict[str, tuple[Trait, int]]) -> str:
    """A lead as its sellers call it: name, company, else e-mail address; empty where none is known."""
    found = {name: str(traits[name][0]) for name in _NAMES if name in traits}
    name = found.get("name") or " ".join(found[part] for part in ("firstName", "lastName") if part in found)
    firm = found.get("company.name") or found.get("company") or found.get("group_id", "")
    return " · ".join(part for part in (name or found.get("email", ""), firm) if part)


def ready_sentence(row: ExplainedScore, words: Words) -> str:
    """When the lead will be ready, in one phrase; empty where nothing is said about it."""
    if row.ready_at is not None:
        return words("ready_since", date=words.date(row.ready_at))
    if row.ready is None:
        return ""
    early, half, late = row.ready
    if late < 1:
        return words("ready_soon")
    bounds = {"from": words.number(max(1, round(early))), "to": words.number(max(1, round(late)))}
    return words("ready_about", days=words.days(half), **bounds)


def _shown(row: ExplainedScore, bundle: Bundle, words: Words) -> dict[str, Any]:
    return {
        "lead_id": row.lead_id,
        "score": None if row.score is None else round(row.score),
        "grade": row.grade,
        "chance": None if row.probability is None else words.percent(row.probability),
        "ready": ready_sentence(row, words),
        "reason": sentence(row.reasons[0].text) if row.reasons else "",
        "reason_points": words.points(round(row.reasons[0].points)) if row.reasons else "",
        "reason_rises": bool(row.reasons) and row.reasons[0].points >= 0,
    }


def _detail(lead: Lead, words: Words) -> dict[str, Any]:
    row, bundle = lead.row, lead.bundle
    horizons = bundle.playbook.horizons
    chances = [
        {
            "days": days,
            "chance": words.percent(row.probabilities[name]),
            "share": row.probabilities[name],
            "between": _between(row, words) if days == horizons.primary else "",
        }
        for days, name in zip(horizons.days, bundle.horizon_names, strict=True)
        if row.probabilities
    ]
    account, days = steps(row, words), _by_day(lead.timeline, words)
    notes = ["", *(rests_on(reason, words) for reason in row.reasons), "", ""]  # start, reasons, perhaps limit, score
    explained = None
    if row.ready is not None:
        early, half, late = (words.days(days) for days in row.ready)
        explained = words(
            "ready_explained", longest=words.number(max(horizons.days)), half=half, **{"from": early, "to": late}
        )
    return {
        **_shown(row, bundle, words),
        "who": who(lead.traits),
        "status": row.status,
        "merged_into": lead.merged_into,
        "account": [
            {"kind": one.kind, "text": one.text, "points": _figure(one.kind, one.points, words), "note": note}
            for one, note in zip(account, notes[: len(account)], strict=True)
        ],
        "moved": _moved(row, words),
        "comparisons": [one.text for one in row.comparisons or ()],
        "missing": _missing(row, words),
        "base": str(account[0].points) if account else "",
        "chances": chances,
        "primary": horizons.primary,
        "ready_explained": explained,
        "newer": days[:OPEN_DAYS],
        "older": days[OPEN_DAYS:],
        "older_count": words.number(sum(day["count"] for day in days[OPEN_DAYS:])),
        "traits": [
            {"name": name, "value": _value(value, words), "since": words.date(at)}
            for name, (value, at) in lead.traits.items()
        ],
    }


def _between(row: ExplainedScore, words: Words) -> str:
    """The interval of the chance at the primary horizon; empty where the model knows none."""
    if row.interval is None:
        return ""
    low, high = map(words.percent, row.interval)
    return words("chance_between", low=low, high=high)


def _moved(row: ExplainedScore, words: Words) -> dict[str, Any] | None:
    """How the score has moved, in one phrase, and what changed in whole points; None where there is no score."""
    if row.trend is None or row.score is None:
        return None
    days = words.number(DAYS)
    if row.trend.score is None:
        return {"sentence": words("new_score", days=days), "changes": []}
    before, now = round(row.trend.score), round(row.score)
    if before == now:
        return {"sentence": words("unmoved", days=days), "changes": []}
    figures = {"before": str(before), "now": str(now), "points": words.points(now - before)}
    changes = [
        {
            "points": words.points(round(one.points)),
            "text": sentence(one.text),
            "rises": one.points > 0,
            "note": rests_on(one, words),
        }
        for one in row.trend.changes
        if round(one.points)
    ]
    return {"sentence": words("moved", days=days, **figures), "changes": changes}


def _missing(row: ExplainedScore, words: Words) -> list[str]:
    """What is not known of a lead, in at most two sentences."""
    names = [one.trait for one in row.missing or () if one.trait is not None]
    found = [words("not_known", names=", ".join(names))] if names else []
    return found + [words("no_act") for one in row.missing or () if one.trait is None]


def _figure(kind: str, points: int, words: Words) -> str:
    return str(points) if kind in ("start", "score") else words.points(points)


def _value(value: Trait, words: Words) -> str:
    return words.number(value) if isinstance(value, float) else str(value)


def _by_day(timeline: list[dict[str, Any]], words: Words) -> list[dict[str, Any]]:
    """The timeline by days, newest first; the same thing several times in a row is one line with its count."""
    days: list[dict[str, Any]] = []
    for one in sorted(timeline, key=lambda one: -one["occurred_at"]):  # a late event stands where it happened
        date = words.long_date(one["occurred_at"])
        if not days or days[-1]["date"] != date:
            days.append({"date": date, "lines": [], "count": 0})
        lines = days[-1]["lines"]
        line = _line(one, words)
        if lines and line["text"] == lines[-1]["text"] and not line["notes"] and not lines[-1]["notes"]:
            lines[-1]["times"] += 1
        else:
            lines.append(line)
        days[-1]["count"] += 1
    return days


def _line(one: dict[str, Any], words: Words) -> dict[str, Any]:
    kind, learned = one["kind"], ", ".join(sorted(one["traits"]))
    notes = [words("learned", names=learned)] if learned else []
    if one["known_at"] - one["occurred_at"] > _LATE:
        notes.append(words("known_late", date=words.date(one["known_at"])))
    text = words(kind) if kind in ("identify", "group", "alias") else kind
    return {"time": words.time(one["occurred_at"]), "text": text, "notes": notes, "times": 1}


def _origin(bundle: Bundle, as_of: int, words: Words) -> dict[str, Any]:
    return {"as_of": words("as_of", moment=words.moment(as_of)), "moment": isoformat(as_of), "bundle": bundle}


def _page(request: Request, words: Words, template: str, known: dict[str, Any], status: int = 200) -> HTMLResponse:
    kept = {name: request.query_params[name] for name in ("lang", "as_of") if name in request.query_params}

    def link(path: str, **query: str) -> str:
        return path + ("?" + urlencode(kept | query) if kept | query else "")

    text = _environment.get_template(template).render(
        t=words,
        link=link,
        lead_path=lambda lead_id: "/leads/" + quote(lead_id, safe=""),
        other_language=link(quote(request.url.path), **(dict(request.query_params) | {"lang": words.other})),
        origin=_model(known.get("bundle"), words),
        viewer=getattr(request.state, "viewer", None),
        csrf=partial(request.app.state.sessions.field, request),
        **{"as_of": None, **known},
    )
    headers = {"Content-Language": words.language, "Vary": "Accept-Language, Authorization, Cookie"}
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers)


def _model(bundle: Bundle | None, words: Words) -> str:
    return "" if bundle is None else words("model", version=bundle.version, date=str(bundle.facts.get("as_of"))[:10])
