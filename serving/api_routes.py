"""Version 1 of the HTTP API, where the leads on the list go."""

from typing import Annotated

from fastapi import APIRouter

from data.events import isoformat
from data.journey import Status
from serving.access import Access
from serving.api import MAX_LISTED, AsOf, Lang, seen_by_reader
from serving.leads import Leads
from serving.openapi import NO_ROUTES, PROBLEMS, answers, asks
from serving.problems import JSON, Problem
from veraison.answers import Routes


def router(leads: Leads, access: Access) -> APIRouter:
    """``GET /v1/routes``."""
    found = APIRouter(prefix="/v1")
    seen = seen_by_reader(leads, access)

    @found.get(
        "/routes", responses=answers(Routes) | PROBLEMS | NO_ROUTES, operation_id="routes",
        openapi_extra=asks("read", "scores"), summary="Where the leads on the list go",
    )  # fmt: skip
    def routes(leads: Annotated[Leads, seen], as_of: AsOf, lang: Lang = "en") -> JSON:
        """Where the open leads go that are to be called: on the list, not with sales, not to be left alone.

        Nothing is stored: whoever acts on it tells the seller, by the trait that names one.
        """
        if not leads.playbook.routes:
            raise Problem(404, "no-routes", "the playbook has no [[routes]]")
        ranking = leads.ranking(as_of)
        goes = ranking.routed[lang]
        ids = [ranking.lead_ids[place] for place in ranking.best(Status.scored, len(ranking.lead_ids))]
        told = [goes[one].to_dict() for one in ids if one in goes][:MAX_LISTED]
        for one in told:
            del one["as_of"]
        return JSON({"as_of": isoformat(ranking.as_of), "model_version": ranking.version, "leads": told})

    return found
