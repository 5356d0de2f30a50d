"""The page *today*: the few leads to call now, each with its reason in one sentence and with what to do."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from data.contract_lines import Bound
from data.events import MICROS_PER_DAY, Trait
from data.journey import Status
from data.log import EventLog
from serving import qualify_words
from serving.access import Access
from serving.api import AsOf
from serving.contract_words import bound_told
from serving.evidence import Evidence, done
from serving.feedback import Feedback
from serving.leads import Leads, known_traits
from serving.maturity import ways_told
from serving.page_lead import moved
from serving.pages import origin, page, routes, seen_by_viewer, shown, who, words_of
from serving.points import whole_account
from serving.questions import LEAST, Question, questions
from serving.reasons import OTHER_SIGNALS
from serving.scorer import ExplainedScore, Scores
from serving.today import ACTIVE_DAYS, Call, calls, explorations
from serving.translations import Words, sentence
from serving.trend import with_trends

RISING = 5
"""Points in a week by which a lead is warming up."""
SOON = 7.0
"""Days within which half of such leads are ready: soon."""
ASKED = 2
"""So many things a call asks for at most."""
KINDS = 2
"""So many kinds of acts are told of a reason at most, the newest."""
_ADDRESS = re.compile(r"[^\s@<>()\"?&%]+@[^\s@<>()\"?&%]+")
_PHONES = ("phone", "mobile", "telephone")

Traits = dict[str, tuple[Trait, int]]


def router(leads: Leads, access: Access) -> APIRouter:
    """``/today``."""
    found, seen = routes(access), seen_by_viewer(leads, access)

    @found.get("/today")
    def today(request: Request, leads: Annotated[Leads, seen], as_of: AsOf) -> Response:
        """Whom to call now, of the leads that who looks sees."""
        words, ranking = words_of(request), leads.ranking(as_of)
        chosen = [*calls(ranking, leads.playbook), *explorations(ranking, leads.playbook)]
        scores, log = leads.scored([ranking.lead_ids[call.place] for call in chosen], ranking.as_of)
        rows = with_trends(scores.rows(words.language), scores, log, words.language)
        told = []
        for place, (row, call) in enumerate(zip(rows, chosen, strict=True)):
            if row.score is None:
                continue  # erased, or closed, since the ranking was made
            traits = known_traits(log, row.lead_id, ranking.as_of, scores.bundle.playbook)
            reached = contact(traits)
            mailed = any(address.startswith("mailto:") for _, address in reached)
            told.append(
                shown(row, scores.bundle, words)
                | _reason(row, scores, log, words)
                | {
                    "who": who({name: one for name, one in traits.items() if name != "email" or not mailed}),
                    "moved": moved(row, words),
                    "last_act": words.date(int(ranking.last_act[call.place])) if call.why == "active" else "",
                    "to_do": to_do(row, call, ranking.feedback[call.place], _asked(scores, place), words),
                    "contact": reached,
                    "explored": row.chosen_text,
                    "signs": "; ".join(ways_told(row.maturity.ways)) if row.maturity is not None else "",
                    "routed": ranking.routed.get(words.language, {}).get(row.lead_id),
                }
            )
        aside = int((ranking.off_topic & (ranking.status == Status.scored)).sum())
        off_topic = words.many(
            "%(count)s open lead is off topic, and is not called.",
            "%(count)s open leads are off topic, and are not called.",
            aside,
        )
        asked = qualify_words.rows(leads, ranking, {call.place for call in chosen}, words)
        known = {"rows": told, "days": ACTIVE_DAYS, "here": "today", "qualify": asked}
        known["bound"] = _bound(leads.bounds.at(ranking.as_of), leads, words)
        known["off_topic"] = off_topic if aside else ""
        return page(request, "today.html", known | origin(scores.bundle, ranking.as_of, words))

    return found


def _bound(bound: Bound | None, leads: Leads, words: Words) -> str:
    """From which score on leads are handed over this week, and why; empty where no contract says it."""
    return "" if bound is None else bound_told(bound, leads.playbook, words)


def to_do(row: ExplainedScore, call: Call, said: Feedback | None, asked: Sequence[Question], words: Words) -> str:
    """What to do with a lead to call, in one sentence.

    said  : what sales last said of it
    asked : what is not known of it, the most worth asking first
    """
    if call.why == "explored":
        return words("Call, and say what you found.")
    if call.why == "agreed" and said is not None and said.until is not None:
        return words("Call again, as agreed for %(date)s.", date=words.day(said.until))
    if row.trend is not None and row.trend.points is not None and row.trend.points >= RISING:
        return words("Call while it is warm: its score is rising.")
    if row.ready is not None and row.ready[1] <= SOON:
        return words("Call this week: it will soon be ready.")
    worth = [one.trait for one in asked if one.points >= LEAST][:ASKED]
    if worth:
        return words("Call, and ask what is not known yet: %(names)s.", names=", ".join(worth))
    return words("Call while it remembers you.")


def contact(traits: Traits) -> list[tuple[str, str]]:
    """How to reach a lead: the text to show and the address behind it, of what is known and can be called so.

    >>> contact({"phone": ("+33 1 23 45", 0), "email": ("anne@firm.example", 0)})
    [('+33 1 23 45', 'tel:+3312345'), ('anne@firm.example', 'mailto:anne@firm.example')]
    >>> contact({"phone": ("ask", 0), "email": ("a@b?bcc=everybody", 0)})
    []
    """
    found = []
    for name in _PHONES:
        text = str(traits[name][0]) if name in traits else ""
        digits = re.sub(r"[\s().-]", "", text)
        if re.fullmatch(r"\+?[0-9]{4,15}", digits):
            found.append((text, f"tel:{digits}"))
    address = str(traits["email"][0]) if "email" in traits else ""
    if _ADDRESS.fullmatch(address):
        found.append((address, f"mailto:{address}"))
    return found


def _asked(scores: Scores, place: int) -> tuple[Question, ...]:
    at = int(scores.shown[place])
    return questions(scores.bundle, scores.features[at], float(scores.score[at]), int(scores.as_of[place]))


def _reason(row: ExplainedScore, scores: Scores, log: EventLog, words: Words) -> dict[str, Any]:
    """What speaks most for the lead, as what was done where that is known; what weighs most where nothing does."""
    whole = whole_account(row)[1]
    best, points = max(zip(row.reasons, whole, strict=True), key=lambda one: one[0].points, default=(None, 0))
    if best is None or best.points <= 0:
        return {}
    acts: tuple[Evidence, ...] = ()
    if best.group != OTHER_SIGNALS:
        code, since = int(log.codes([row.lead_id])[0]), row.as_of - ACTIVE_DAYS * MICROS_PER_DAY
        acts = done(log, scores.bundle, code, row.as_of, best.feature, since)
    text = what_was_done(acts, words) or sentence(best.text)
    return {"reason": text, "reason_points": words.points(points), "reason_rises": True}


def what_was_done(acts: Sequence[Evidence], words: Words) -> str:
    """The kinds of the newest acts, each with how often and since when; empty where there are none.

    acts : newest first

    >>> day = 86_400_000_000
    >>> seen = [Evidence("Viewed Pricing Page", n * day, f"m-{n}") for n in (325, 324)]
    >>> what_was_done([*seen, Evidence("Asked for a quote", 323 * day, "q")], Words("en"))
    'Viewed Pricing Page (2 times since 21 Nov), Asked for a quote (20 Nov)'
    """
    kinds: dict[str, list[int]] = {}
    for one in acts:
        kinds.setdefault(one.name, []).append(one.at)
    told = []
    for name, moments in list(kinds.items())[:KINDS]:
        first, last = words.day_and_month(moments[-1]), words.day_and_month(moments[0])
        often = first
        if first != last:
            often = words.many(
                "%(count)s time since %(date)s", "%(count)s times since %(date)s", len(moments), date=first
            )
        elif len(moments) > 1:
            often = words.many("%(count)s time on %(date)s", "%(count)s times on %(date)s", len(moments), date=first)
        told.append(words("%(act)s (%(often)s)", act=name, often=often))
    return sentence(", ".join(told))
