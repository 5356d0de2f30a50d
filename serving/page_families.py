"""The families of leads, for marketing: the report as it was measured, and live who is forgotten or taken back."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from data.families_report import FamiliesReport
from serving.access import Access
from serving.api import AsOf
from serving.families_charts import drawing, there
from serving.families_words import family_name, next_step, shown, untouched_for
from serving.leads import Leads, known_traits
from serving.pages import origin, page, routes, seen_by_viewer, who, words_of
from serving.ranking import Ranking
from serving.report_page import Chart, ReportPage
from serving.returns import heard
from serving.translations import Words, deferred, sentence
from veraison.playbook import Playbook
from veraison.playbook_families import TAKEN_BACK

MANY = 100
"""So many leads are listed at most."""

FAMILIES = ReportPage(
    name="families",
    report=FamiliesReport,
    title=deferred("Families of leads"),
    about=deferred("What is done with each lead that is not hot, and who is forgotten."),
    shown=shown,
    charts={
        "leads": Chart(
            deferred("Leads in each family"),
            deferred(
                "Chart: a bar for each family, parted into leads that are looked after and those that are forgotten. "
                "The table holds the same figures."
            ),
            there,
            drawing,
        )
    },
)


def router(leads: Leads, access: Access) -> APIRouter:
    """``/families/forgotten``, as who looks sees the leads."""
    found, seen = routes(access), seen_by_viewer(leads, access)

    @found.get("/families/forgotten")
    def forgotten(request: Request, leads: Annotated[Leads, seen], as_of: AsOf) -> Response:
        """Whom nobody looks after: untouched for longer than the family allows, and what sales left idle."""
        words, ranking = words_of(request), leads.ranking(as_of)
        places = left_alone(ranking)
        chosen = places[:MANY]
        scores, log = leads.scored([ranking.lead_ids[place] for place in chosen], ranking.as_of)
        rows = [
            _row(ranking, place, leads.playbook, words)
            | {"who": who(known_traits(log, ranking.lead_ids[place], ranking.as_of, leads.playbook))}
            for place in chosen
        ]
        known = {"rows": rows, "total": len(places), "here": "families", "in_reports": True}
        return page(request, "forgotten.html", known | origin(scores.bundle, ranking.as_of, words))

    return found


def left_alone(ranking: Ranking) -> list[int]:
    """Places of the leads that are untouched for too long or taken back, and may be contacted, the likeliest first."""
    families = ranking.families
    if families is None:
        return []
    taken = families.place == families.names.index(TAKEN_BACK)
    mine = np.flatnonzero((families.untouched | taken) & ranking.to_call)
    chance = np.nan_to_num(ranking.probability[mine], nan=-1.0)
    return [int(place) for place in mine[np.lexsort((mine, families.since[mine], -chance))]]


def _row(ranking: Ranking, place: int, playbook: Playbook, words: Words) -> dict[str, Any]:
    families, said = ranking.families, ranking.feedback[place]
    assert families is not None
    name = families.name(place) or ""
    reason = None if said is None else heard(said, playbook, ranking.as_of).reason
    score = ranking.score[place]
    return {
        "lead_id": ranking.lead_ids[place],
        "family": sentence(family_name(name, words)),
        "since": words.date(int(families.since[place])),
        "idle": sentence(untouched_for(families.idle_days(place), words)),
        "score": "" if np.isnan(score) else str(round(float(score))),
        "owner": ranking.owner[place] or "",
        "next": next_step(name, playbook, words, reason),
    }
