"""The way back in the reasons of a score: a return of sales is told with why they gave the lead back.

That sales gave a lead back is an event like any other, so the model learns from it as from any other, and reasons rest
on it: "Lead Returned: 1 in 90 days". What the event says beside, why and until when, stands in its properties; with it
the reason reads "came back on 12 Mar 2026: postponed until 1 Jun 2026". It was said then, so it was known then.
"""

from collections.abc import Iterable
from dataclasses import replace

from data.store import Store
from features.words import Language
from serving.evidence import Evidence
from serving.families_words import came_back
from serving.feedback import feedback_of
from serving.reasons import Reason
from serving.scorer import ExplainedScore
from serving.timeline import reason_in_words
from serving.translations import Words
from veraison.playbook import Journey


def with_returns(row: ExplainedScore, store: Store, journey: Journey, language: Language) -> ExplainedScore:
    """The same with what sales said in the returns that its reasons, and what changed, rest on."""
    changes = () if row.trend is None else row.trend.changes
    told = _told(_returns((*row.reasons, *changes), journey), store, journey, Words(language))
    if not told:
        return row
    trend = None if row.trend is None else replace(row.trend, changes=tuple(_with(one, told) for one in changes))
    return replace(row, reasons=tuple(_with(one, told) for one in row.reasons), trend=trend)


def _returns(reasons: Iterable[Reason], journey: Journey) -> dict[str, Evidence]:
    """The returns behind some reasons, by their ids."""
    return {
        one.event_id: one
        for reason in reasons
        for one in reason.evidence or ()
        if one.event_id is not None and one.name in journey.returned
    }


def _told(found: dict[str, Evidence], store: Store, journey: Journey, words: Words) -> dict[str, str]:
    """What each return says, in one phrase."""
    phrases = {}
    for event_id, body in store.bodies(list(found)).items() if found else ():
        event = {"event_id": event_id, "kind": found[event_id].name, "occurred_at": found[event_id].at}
        said = feedback_of(event | body, journey)
        if said is not None and said.reason is not None:
            phrases[event_id] = came_back(said, reason_in_words(said.reason, words), words)
    return phrases


def _with(reason: Reason, told: dict[str, str]) -> Reason:
    if not reason.evidence:
        return reason
    return replace(
        reason, evidence=tuple(replace(one, said=told.get(one.event_id or "", "")) for one in reason.evidence)
    )
