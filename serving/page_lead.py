"""The page of one lead: its score and the account of it, how soon, what sales found, what happened, what is known."""

from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from data.events import Trait
from data.journey import Status
from serving.access import Access, Viewer
from serving.api import AsOf
from serving.charts import Size, steps, waterfall
from serving.desk import CLOSED, Desk
from serving.details import rests_on
from serving.dossier import Dossier, Dossiers
from serving.families_words import family_name, next_step, untouched_for
from serving.feedback import Feedback
from serving.forms import form
from serving.history import Past
from serving.leads import Lead, Leads
from serving.lines import past_line, readiness_line
from serving.pages import (
    STATUSES,
    chart_answer,
    kept,
    lead_path,
    origin,
    page,
    routes,
    seen_by_viewer,
    shown,
    who,
    words_of,
)
from serving.paths import LeadPath
from serving.points import whole_move, whole_parts
from serving.problems import Problem
from serving.qualify_words import ask_next
from serving.questions import Question
from serving.reasons import Reason
from serving.scorer import ExplainedScore
from serving.sessions import FIELD
from serving.timeline import by_day, counted_in, said_in_words
from serving.translations import Words, sentence
from serving.trend import DAYS
from veraison.playbook import Playbook

OPEN_DAYS = 8
"""Days of a timeline that show at once; the older ones unfold."""


def router(leads: Leads, dossiers: Dossiers, access: Access, desk: Desk) -> APIRouter:
    """The page of a lead and its pictures, each a picture of its own, so that the page needs no inline style."""
    found, seen = routes(access), seen_by_viewer(leads, access)

    @found.get("/leads/{lead_id:path}/waterfall.svg")
    def picture(
        request: Request,
        leads: Annotated[Leads, seen],
        lead_id: LeadPath,
        as_of: AsOf,
        size: Size = "wide",
    ) -> Response:
        """The waterfall of one lead."""
        words = words_of(request)
        one = leads.lead(lead_id, leads.clock() if as_of is None else as_of, language=words.language)
        account = steps(one.row, words)
        if not account:
            raise Problem(404, "not-found", "this lead has no score at that moment")
        return chart_answer(waterfall(account, words, size))

    @found.get("/leads/{lead_id:path}/history.svg")
    def past_picture(
        request: Request, leads: Annotated[Leads, seen], lead_id: LeadPath, as_of: AsOf, size: Size = "wide"
    ) -> Response:
        """What the lead scored, from the first score that was served to this one."""
        words = words_of(request)
        past = dossiers.past(leads, lead_id, leads.clock() if as_of is None else as_of, words.language)
        if len(past) < 2:
            raise Problem(404, "not-found", "this lead has no score before that moment")
        return chart_answer(past_line(tuple((one.as_of, one.score) for one in past), words, size))

    @found.get("/leads/{lead_id:path}/readiness.svg")
    def readiness_picture(
        request: Request, leads: Annotated[Leads, seen], lead_id: LeadPath, as_of: AsOf, size: Size = "wide"
    ) -> Response:
        """How the chance to be ready grows with the days."""
        curve = dossiers.readiness(leads, lead_id, leads.clock() if as_of is None else as_of)
        if curve is None:
            raise Problem(404, "not-found", "this lead has no time of readiness at that moment")
        return chart_answer(readiness_line(*curve, words_of(request), size))

    @found.post("/leads/{lead_id:path}/feedback", dependencies=[Depends(access.sessions.check_form)])
    def judge(
        request: Request,
        viewer: Annotated[Viewer, Depends(access.page)],
        leads: Annotated[Leads, seen],
        lead_id: LeadPath,
        sent: Annotated[dict[str, str], Depends(_sent)],
    ) -> Response:
        """What sales found; then the page of the lead again, or with what is wrong beside its field."""
        if not viewer.may_judge:
            raise Problem(403, "forbidden", "this key reads and nothing else")
        leads.found(lead_id, leads.clock())
        try:
            said = desk.read(sent)
        except ValidationError as error:
            return shown_lead(
                request, leads, lead_id, None, viewer, sent, {str(one["loc"][0]) for one in error.errors()}
            )
        taken = desk.take(leads, lead_id, said, viewer.seller)
        return RedirectResponse(kept(request, lead_path(taken.lead_id)) + "#found", 303)

    @found.get("/leads/{lead_id:path}")
    def one_lead(
        request: Request,
        viewer: Annotated[Viewer, Depends(access.page)],
        leads: Annotated[Leads, seen],
        lead_id: LeadPath,
        as_of: AsOf,
    ) -> Response:
        """One lead."""
        return shown_lead(request, leads, lead_id, as_of, viewer)

    def shown_lead(
        request: Request,
        leads: Leads,
        lead_id: str,
        as_of: int | None,
        viewer: Viewer,
        sent: dict[str, str] | None = None,
        wrong: AbstractSet[str] = frozenset(),
    ) -> Response:
        words, moment = words_of(request), leads.clock() if as_of is None else as_of
        dossier = dossiers.of(leads, lead_id, moment, words.language)
        known = _detail(dossier, leads.playbook, words) | origin(dossier.lead.bundle, moment, words)
        asked = form(desk, words, sent or {}, wrong) if as_of is None and viewer.may_judge else None
        address = {"other_language": kept(request, lead_path(lead_id), lang=words.other)} if wrong else {}
        return page(request, "lead.html", known | {"form": asked} | address, 422 if wrong else 200)

    return found


async def _sent(request: Request) -> dict[str, str]:
    """The fields of the form that were filled in."""
    return {
        name: value
        for name, value in (await request.form()).items()
        if name != FIELD and isinstance(value, str) and value.strip()
    }


def _again(lead: Lead, words: Words) -> str:
    """How likely a customer buys again, in a sentence; empty where nothing is said of it."""
    found = lead.after_sale
    if found is None or found.probability is None:
        return ""
    return words(
        "Buys again within %(days)s: %(chance)s, by the model of customers.",
        days=words.days(found.days),
        chance=words.percent(found.probability),
    )


def _detail(dossier: Dossier, playbook: Playbook, words: Words) -> dict[str, Any]:
    lead, past = dossier.lead, dossier.past
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
    account = steps(row, words)
    days = by_day(lead.timeline, playbook.journey, counted_in(row, words), words)
    notes = ["", *(rests_on(reason, words) for reason in row.reasons), "", ""]  # start, reasons, perhaps limit, score
    explained = None
    if row.ready is not None:
        early, half, late = (words.days(days) for days in row.ready)
        explained = words(
            "Of the leads like this one that get ready within %(longest)s, half are so within %(half)s, and 8 in 10 "
            "between %(early)s and %(late)s.",
            **{"longest": words.days(max(horizons.days)), "half": half, "early": early, "late": late},
        )
    return {
        **shown(row, bundle, words),
        "who": who(lead.traits),
        "status": row.status,
        "open": Status[row.status] not in (*CLOSED, Status.merged),
        "said": _said(dossier.said, words),
        "again": _again(lead, words),
        "status_sentence": words(STATUSES[row.status]) if row.status in STATUSES else "",
        "merged_into": lead.merged_into,
        "account": [
            {"kind": one.kind, "text": one.text, "points": _figure(one.kind, one.points, words), "note": note}
            for one, note in zip(account, notes[: len(account)], strict=True)
        ],
        "moved": moved(row, words),
        "explored": row.chosen_text,
        "maturity": row.maturity,
        "past": _steps(past, words),
        "curve": dossier.has_curve,
        "comparisons": [one.text for one in row.comparisons or ()],
        "missing": _missing(row, words),
        "family": _family(lead, playbook, words),
        "refuses": not lead.permitted,
        "ask_next": ask_next(dossier.questions, words),
        "questions": [asked for one in dossier.questions if (asked := _question(one, words))],
        "base": str(account[0].points) if account else "",
        "chances": chances,
        "primary": horizons.primary,
        "ready_explained": explained,
        "counts": any(line["counted"] for day in days for line in day["lines"]),
        "newer": days[:OPEN_DAYS],
        "older": days[OPEN_DAYS:],
        "older_count": sum(day["count"] for day in days[OPEN_DAYS:]),
        "traits": [
            {"name": name, "value": _value(value, words), "since": words.date(at)}
            for name, (value, at) in lead.traits.items()
        ],
    }


def _family(lead: Lead, playbook: Playbook, words: Words) -> dict[str, str] | None:
    """The family of an open lead and what to do with it."""
    one = lead.family
    if one is None:
        return None
    told = untouched_for(one.idle_days, words)
    return {
        "name": sentence(family_name(one.name, words)),
        "next": next_step(one.name, playbook, words, one.reason),
        "untouched": words("Forgotten: %(told)s.", told=told) if one.untouched else "",
    }


def _said(said: Feedback | None, words: Words) -> str:
    return "" if said is None else words(
        "%(date)s: %(told)s", date=words.date(said.at), told=said_in_words(said, words)
    )  # fmt: skip


def _between(row: ExplainedScore, words: Words) -> str:
    """The interval of the chance at the primary horizon; empty where the model knows none."""
    if row.interval is None:
        return ""
    low, high = map(words.percent, row.interval)
    return words("8 in 10 such leads: %(low)s to %(high)s", low=low, high=high)


def moved(row: ExplainedScore, words: Words) -> dict[str, Any] | None:
    """How a score has moved, in one phrase, and what changed in whole points; None where there is no score."""
    if row.trend is None or row.score is None:
        return None
    if row.trend.score is None:
        return {
            "sentence": words.many("no score %(count)s day ago", "no score %(count)s days ago", DAYS),
            "changes": [],
        }
    move = whole_move(row.trend.score, row.score)
    if not move:
        return {"sentence": words.many("as %(count)s day ago", "as %(count)s days ago", DAYS), "changes": []}
    told = words.many(
        "%(before)s → %(now)s in %(days)s (%(points)s point)",
        "%(before)s → %(now)s in %(days)s (%(points)s points)",
        abs(move),
        before=str(round(row.trend.score)),
        now=str(round(row.score)),
        days=words.days(DAYS),
        points=words.points(move),
    )
    parts, cut = whole_parts([one.points for one in row.trend.changes], move)
    return {"sentence": told, "changes": _changes(row.trend.changes, parts, cut, words)}


def _changes(changes: tuple[Reason, ...], parts: list[int], cut: int, words: Words) -> list[dict[str, Any]]:
    """Those of them that are seen in whole points.

    parts : of each change, and
    cut   : what a limit of the scale cuts off, whole points both
    """
    found = [
        {"points": words.points(part), "text": sentence(one.text), "rises": part > 0, "note": rests_on(one, words)}
        for one, part in zip(changes, parts, strict=True)
        if part
    ]
    if cut:
        found.append(
            {"points": words.points(cut), "text": words("Limit of the scale"), "rises": cut > 0, "note": ""}
        )  # fmt: skip
    return found


def _missing(row: ExplainedScore, words: Words) -> list[str]:
    """What is not known of a lead, in at most two sentences."""
    names = [one.trait for one in row.missing or () if one.trait is not None]
    found = [words("Not known yet: %(names)s.", names=", ".join(names))] if names else []
    return found + [words("It has not acted itself yet.") for one in row.missing or () if one.trait is None]


def _steps(past: list[Past], words: Words) -> list[dict[str, Any]]:
    """The score's history, newest first; empty where there is no other score."""
    if len(past) < 2:
        return []
    return [_step(one, before, words) for before, one in zip([None, *past[:-1]], past, strict=True)][::-1]


def _step(past: Past, before: Past | None, words: Words) -> dict[str, Any]:
    """One row of the score's history, after the one before it."""
    found: dict[str, Any] = {"date": words.date(past.as_of), "score": round(past.score), "points": "", "note": ""}
    if before is None:
        return found | {"changes": []}
    move = whole_move(before.score, past.score)
    found["points"] = words.points(move)
    if not past.told:
        return found | {"changes": [], "note": words("by a model that no longer serves")}
    (by_model, *parts), cut = whole_parts([past.by_model, *(one.points for one in past.changes)], move)
    if by_model:
        found["note"] = words("%(points)s by a newer model", points=words.points(by_model))
    return found | {"changes": _changes(past.changes, parts, cut, words)}


def _question(one: Question, words: Words) -> dict[str, str] | None:
    """What a trait that is not known would be worth, None where its answer would not be seen in whole points."""
    if round(one.points) < 1:
        return None
    worth = words.many(
        "typically ±%(count)s point (from %(low)s to %(high)s)",
        "typically ±%(count)s points (from %(low)s to %(high)s)",
        round(one.points),
        low=words.points(round(one.low)),
        high=words.points(round(one.high)),
    )
    return {"name": one.trait, "worth": worth}


def _figure(kind: str, points: int, words: Words) -> str:
    return str(points) if kind in ("start", "score") else words.points(points)


def _value(value: Trait, words: Words) -> str:
    return words.number(value) if isinstance(value, float) else str(value)
