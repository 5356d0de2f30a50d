"""Version 1 of the HTTP API, what is said of leads: lists page by page, and what the people behind them may ask for."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
import polars as pl
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from data.erasure import erase
from data.events import isoformat
from data.export import export
from data.store import Store
from serving import formats
from serving.access import Access
from serving.api import MAX_LISTED, AsOf, Lang, Reasons, moment, seen_by_reader
from serving.formats import Accepted
from serving.leads import Leads
from serving.listing import Cursor, Sort, Wanted, page
from serving.openapi import CONFLICT, NOT_FOUND, PROBLEMS, answers, asks
from serving.paths import LeadPath
from serving.problems import JSON, Problem
from serving.qualify import NEAREST, to_qualify
from serving.ranking import Ranking
from serving.scorer import SHOWN_REASONS
from serving.scoring import heading
from veraison.answers import Erased, Export, LeadsPage, Qualify, StatusName


def _told(text: str, shown: object, **bounds: Any) -> Any:
    return Query(description=text, examples=[shown], **bounds)


_BOUNDS: dict[str, Any] = {"ge": 0, "le": 100, "allow_inf_nan": False}
_WORD: dict[str, Any] = {"min_length": 1, "max_length": 256}
MinScore = Annotated[float | None, _told("The lowest score that is listed.", 60, **_BOUNDS)]
MaxScore = Annotated[float | None, _told("The highest score that is listed.", 100, **_BOUNDS)]
Grade = Annotated[str | None, _told("Leads of this grade only.", "A", **_WORD)]
Owner = Annotated[str | None, _told("Leads of this seller only, whatever its case.", "Petit", **_WORD)]
Since = Annotated[
    str | None,
    _told(
        "Leads of which something became known since this moment.",
        "2026-03-01T00:00:00Z",
        max_length=40,
        json_schema_extra={"format": "date-time"},
    ),
]
Order = Annotated[Sort, _told("Which lead comes first; with a minus, the other way round.", "score")]
Limit = Annotated[int, _told("Leads on a page.", 50, ge=1, le=MAX_LISTED)]
FewLimit = Annotated[int, _told("How many leads at most.", 20, ge=1, le=NEAREST)]
CursorText = Annotated[
    str | None, _told("`next` of the page before; the first page where there is none.", "WzE3", max_length=4_000)
]
OfStatus = Annotated[StatusName, _told("Leads of this status.", "scored")]


def router(leads: Leads, access: Access, store: Store) -> APIRouter:
    """Lists of leads, and a person's rights; to be asked before the route of one lead, whose ids may hold a slash."""
    found = APIRouter(prefix="/v1")
    seen, may_do_all = seen_by_reader(leads, access), Depends(access.scope("admin"))

    @found.get(
        "/leads", responses=answers(LeadsPage, tables=formats.COLUMNS, pages=True) | PROBLEMS | CONFLICT,
        operation_id="leads", openapi_extra=asks("read", "scores"), summary="Leads, the best first",
    )  # fmt: skip
    def listed(
        leads: Annotated[Leads, seen],
        request: Request,
        accepted: Accepted,
        as_of: AsOf,
        sort: Order = "score",
        limit: Limit = 50,
        cursor: CursorText = None,
        status: OfStatus = "scored",
        min_score: MinScore = None,
        max_score: MaxScore = None,
        grade: Grade = None,
        owner: Owner = None,
        changed_since: Since = None,
        lang: Lang = "en",
        reasons: Reasons = SHOWN_REASONS,
    ) -> Response:
        """List the leads of one status, the best first; `leads_in_all` and `counts` speak of everyone.

        Where there are more than `limit`, `next` is the cursor of the page after: ask again with it and the same
        filters. All pages are of the moment of the first. As Arrow or Parquet, the answer has the columns of
        `veraison score` and `last_activity`, and the header Link says where the next page is.
        """
        since = None if changed_since is None else moment(changed_since, "changed_since")
        wanted = Wanted(sort, status, min_score, max_score, grade, owner, since)
        after = None if cursor is None else Cursor.read(cursor)
        ranking = _ranking(leads, wanted, after, as_of)
        part = page(ranking, wanted, leads.playbook, limit=limit, cursor=after)
        scores, _ = leads.scored([ranking.lead_ids[place] for place in part.places], ranking.as_of)
        last = [int(ranking.last_activity[place]) for place in part.places]
        following = None if part.after is None else part.after.text()
        headers = {} if following is None else {"Link": _link(request, following)}
        if accepted != "json":
            told = scores.table(lang, reasons).with_columns(
                pl.Series("last_activity", np.array(last, dtype=np.int64)).cast(pl.Datetime("us", "UTC"))
            )
            return formats.table(told.filter(pl.col("status") != "unknown"), accepted, headers)
        rows = [
            row.to_dict() | {"last_activity": isoformat(at)} | _consent(ranking, place)
            for row, at, place in zip(scores.rows(lang, reasons), last, part.places, strict=True)
            if row.status != "unknown"  # erased by somebody else since the ranking was made
        ]
        everyone = {"sort": sort, "leads_in_all": len(ranking.lead_ids), "counts": ranking.counts, "next": following}
        return JSON(heading(scores, ranking.as_of) | everyone | {"leads": rows}, headers=headers)

    @found.get(
        "/qualify", responses=answers(Qualify) | PROBLEMS, operation_id="qualify",
        openapi_extra=asks("read", "scores"), summary="Whom to call to qualify",
    )  # fmt: skip
    def qualify(leads: Annotated[Leads, seen], as_of: AsOf, limit: FewLimit = 20) -> JSON:
        """The leads of which one answer would change most what is done with them, the one worth most first.

        Looked at are the 100 leads nearest to the bound of the list that may be called; `chance` is the share of the
        answers of training leads that would take the lead over the bound, or below it.
        """
        ranking = leads.ranking(as_of)
        found = [one.to_dict() for one in to_qualify(leads, ranking, limit)]
        return JSON({"as_of": isoformat(ranking.as_of), "model_version": ranking.version, "leads": found})

    @found.get(
        "/leads/{lead_id:path}/export", dependencies=[may_do_all], operation_id="export",
        responses=answers(Export) | PROBLEMS | NOT_FOUND, openapi_extra=asks("admin", "rights"),
        summary="Everything held of a person",
    )  # fmt: skip
    def exported(lead_id: LeadPath) -> JSON:
        """Everything held of a person, whichever of its ids is given: ids, events, traits, scores, quarantine.

        `batch` holds the events as Segment messages: the document can be posted to `/v1/batch` elsewhere.
        """
        return JSON(export(store, lead_id))

    @found.delete(
        "/leads/{lead_id:path}", dependencies=[may_do_all], responses=answers(Erased) | PROBLEMS | NOT_FOUND,
        operation_id="erase", openapi_extra=asks("admin", "rights"), summary="Erase a person",
    )  # fmt: skip
    def erased(lead_id: LeadPath) -> JSON:
        """Erase a person for good, under all its ids, and refuse whatever comes under them from now on.

        Answered with what was erased; a second time there is nothing, and the answer is 404.
        """
        gone = erase(store, lead_id, now=leads.clock())
        leads.forget()
        return JSON({"lead_id": lead_id} | asdict(gone))

    return found


def _consent(ranking: Ranking, place: int) -> dict[str, bool]:
    """Whether a lead may be contacted, where the playbook asks."""
    return {} if ranking.permitted is None else {"may_contact": bool(ranking.permitted[place])}


def _ranking(leads: Leads, wanted: Wanted, after: Cursor | None, as_of: int | None) -> Ranking:
    if after is None:
        return leads.ranking(as_of)
    if after.mark != wanted.mark or as_of not in (None, after.as_of):
        raise Problem(422, "invalid", "cursor: it is of another list; ask with the same filters, sort and as_of")
    found = leads.ranking_at(after.as_of)
    if found.version != after.version:
        raise Problem(409, "model-changed", "cursor: another model serves now; begin again with the first page")
    return found


def _link(request: Request, cursor: str) -> str:
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
