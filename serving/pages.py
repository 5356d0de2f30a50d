"""The pages that people read, made on the server, without JavaScript; and one of them, the list of all leads."""

from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, Depends, Query, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from data.events import MICROS_PER_DAY, Trait, isoformat, parse_instant
from data.journey import Status
from features.words import LANGUAGES, Language
from serving.access import Access, Viewer
from serving.api import MAX_LISTED, AsOf
from serving.leads import Leads, known_traits
from serving.paths import asked_path
from serving.points import whole_account
from serving.problems import Problem
from serving.scorer import ExplainedScore
from serving.translations import Words, catalogue, deferred, preferred, sentence
from training.bundle import Bundle

HERE = Path(__file__).parent
LISTED = 50
MORE = 200
OPEN_DAYS = 8
"""Days of a timeline that show at once; the older ones unfold."""
_NAMES = ("name", "firstName", "lastName", "email", "company.name", "company", "group_id")
_LATE = MICROS_PER_DAY

STATUSES = {
    "not_started": deferred("Not scored: this lead's journey has not begun."),
    "merged": deferred("This history goes on under another id:"),
    "converted": deferred("Not scored: this lead was won."),
    "lost": deferred("Not scored: this lead was lost."),
    "opted_out": deferred("Not scored: this person does not want it."),
    "too_early": deferred("No score yet: too little is known."),
}
_PROBLEMS = {
    401: deferred("A login is needed to see this page."),
    403: deferred("You may not do this, or the form was too old. Load the page again, or log in anew."),
    404: deferred("There is no such lead, or nothing at this address."),
    409: deferred("This lead was closed meanwhile, or nothing like this can be said of it here."),
    429: deferred("Too many attempts. Wait a moment and try again."),
    503: deferred("No model serves yet. Train one with: veraison train"),
}
_PROBLEM = deferred("The request could not be answered.")


@cache
def _environment(language: Language) -> jinja2.Environment:
    """The templates of one language: its catalogue is what their ``_`` and ``ngettext`` ask."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    texts = catalogue(language)
    found.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]  # i18n's
    return found


def environment(words: Words) -> jinja2.Environment:
    """The templates in a language."""
    return _environment(words.language)


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
    sentence = words(_PROBLEMS.get(problem.status, _PROBLEM))
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


def standing_alone(template: str, known: dict[str, Any], words: Words) -> str:
    """A page as text of one HTML file: its style is in it, and it asks for nothing."""
    style = Markup((HERE / "static" / "veraison.css").read_text(encoding="utf-8"))  # noqa: S704 (a file of ours)
    return environment(words).get_template(template).render(known | {"t": words, "style": style})


def chart_answer(svg: str | None) -> Response:
    """A chart by itself, so that the page needs no inline style; Problem where there is nothing to draw."""
    if svg is None:
        raise Problem(404, "no-chart", "nothing of this has been measured yet")
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(svg, media_type="image/svg+xml", headers=headers)


def routes(access: Access) -> APIRouter:
    """Room for routes of pages: each asks who looks, and checks the token of a form."""
    return APIRouter(include_in_schema=False, dependencies=[Depends(access.page)], default_response_class=HTMLResponse)


def seen_by_viewer(leads: Leads, access: Access) -> Any:
    """A route's dependency: the leads as who looks at the page sees them."""

    async def of_viewer(viewer: Annotated[Viewer, Depends(access.page)]) -> Leads:
        return leads.of(viewer.seller)

    return Depends(of_viewer)


def router(leads: Leads, access: Access) -> APIRouter:
    """The front page, and the list of all leads."""
    found, seen = routes(access), seen_by_viewer(leads, access)

    @found.get("/")
    def front(
        request: Request,
        viewer: Annotated[Viewer, Depends(access.page)],
        leads: Annotated[Leads, seen],
        as_of: AsOf,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = LISTED,
    ) -> Response:
        """Of a seller the leads to call today, of everybody else all leads."""
        if viewer.seller is not None:
            return RedirectResponse(kept(request, "/today"), 303)
        return listed(request, leads, as_of, limit)

    @found.get("/leads")
    def listed(
        request: Request,
        leads: Annotated[Leads, seen],
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
                **shown(row, scores.bundle, words),
                "who": who(known_traits(log, row.lead_id, ranking.as_of, scores.bundle.playbook)),
                "last_activity": words.date(int(ranking.last_activity[place])),
                "refuses": not ranking.may_contact[place],
            }
            for row, place in zip(scores.rows(words.language), places, strict=True)
        ]
        counts = ranking.counts
        more = min(MORE, counts.get("scored", 0)) if counts.get("scored", 0) > limit and limit < MORE else None
        known = {
            "rows": rows,
            "total": sum(counts.values()) - counts.get("merged", 0),
            "scored": counts.get("scored", 0),
            "more": more,
            "days": scores.bundle.playbook.horizons.primary,
            "here": "leads",
        }
        return _page(request, words, "leads.html", known | origin(scores.bundle, ranking.as_of, words))

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
        return words("accepted by sales on %(date)s", date=words.date(row.ready_at))
    if row.ready is None:
        return ""
    early, half, late = row.ready
    if late < 1:
        return words("ready within a day")
    bounds = {"early": words.number(max(1, round(early))), "late": words.number(max(1, round(late)))}
    return words("ready in about %(days)s (%(early)s to %(late)s)", days=words.days(half), **bounds)


def shown(row: ExplainedScore, bundle: Bundle, words: Words) -> dict[str, Any]:
    """What lists and the page of a lead show of a score."""
    whole = whole_account(row)[1]
    return {
        "lead_id": row.lead_id,
        "score": None if row.score is None else round(row.score),
        "grade": row.grade,
        "chance": None if row.probability is None else words.percent(row.probability),
        "ready": ready_sentence(row, words),
        "reason": sentence(row.reasons[0].text) if row.reasons else "",
        "reason_points": words.points(whole[0]) if whole else "",
        "reason_rises": bool(row.reasons) and row.reasons[0].points >= 0,
    }


def origin(bundle: Bundle, as_of: int, words: Words) -> dict[str, Any]:
    """What the foot of a page says: of which moment it is, and by which model."""
    known = words("As of %(moment)s UTC", moment=words.moment(as_of))
    return {"as_of": known, "moment": isoformat(as_of), "bundle": bundle}


def _page(request: Request, words: Words, template: str, known: dict[str, Any], status: int = 200) -> HTMLResponse:
    link = partial(kept, request)
    every = {
        "t": words,
        "link": link,
        "lead_path": lead_path,
        "other_language": link(asked_path(request), **(dict(request.query_params) | {"lang": words.other})),
        "origin": _model(known.get("bundle"), words),
        "viewer": getattr(request.state, "viewer", None),
        "csrf": partial(request.app.state.sessions.field, request),
        "as_of": None,
        "here": None,
        "in_reports": False,
    }
    text = environment(words).get_template(template).render(every | known)
    headers = {"Content-Language": words.language, "Vary": "Accept-Language, Authorization, Cookie"}
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers)


def kept(request: Request, path: str, **query: str) -> str:
    """An address that goes on in the language, and at the moment, of the page that was asked for."""
    told = {name: request.query_params[name] for name in ("lang", "as_of") if name in request.query_params} | query
    return path + ("?" + urlencode(told) if told else "")


def lead_path(lead_id: str) -> str:
    """Where the page of a lead is."""
    return "/leads/" + quote(lead_id, safe="")


def _model(bundle: Bundle | None, words: Words) -> str:
    if bundle is None:
        return ""
    text = deferred("Model %(version)s, trained on what was known before %(date)s")
    return words(text, version=bundle.version, date=words.date(parse_instant(str(bundle.facts["as_of"]))))
