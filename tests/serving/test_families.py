"""Families, consent and whom to qualify in the service: pages, answers and lists say one thing; consent gates all."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from data.events import MICROS_PER_DAY, Event
from data.families import NOWHERE, families_at
from data.journey import Status
from monitoring.families import families as measured
from serving import keys
from serving.decisions import least_score
from serving.families_charts import drawing
from serving.families_words import family_name, headline, next_step
from serving.leads import Leads
from serving.models import ModelHolder
from serving.page_families import FAMILIES, left_alone
from serving.qualify import NEAREST, near, to_qualify
from serving.questions import moves
from serving.routing import route
from serving.today import calls, explorations
from serving.translations import Words
from tests.histories import at, log_of, playbook, track
from tests.journals import HOSTILE
from tests.reading import BROWSER, Text
from tests.reports import write_families
from tests.service import Door, Market, door, firm, market
from veraison.answers import Lead, LeadsPage, Qualify
from veraison.playbook import Playbook

CONSENT = {"trait": "consent", "required": True}


def with_tables(where: Market, **tables: Any) -> Market:
    """The same market under a playbook with some tables more."""
    return replace(where, playbook=Playbook.model_validate(where.playbook.model_dump(mode="json") | tables))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("families"))) as opened:
        write_families(opened)
        yield opened


def leads_of(service: Door) -> Leads:
    return Leads(
        service.store, ModelHolder(service.market.workspace), service.market.playbook, lambda: service.clock[0]
    )


def ranking(service: Door) -> Any:
    return leads_of(service).ranking()


def page(service: Door, path: str, language: str = "en") -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return " ".join(" ".join(Text(answer.text).text).split())


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_report_counts_each_open_lead_once_and_says_what_to_do(service: Door, language: Any):
    report, words, found = write_families(service), Words(language), ranking(service).families
    assert sum(one.leads for one in report.families) == int((found.place != NOWHERE).sum()) > 50
    assert sum(one.untouched for one in report.families) == int(found.untouched.sum())
    text = page(service, "/families", language)
    assert flat(headline(report, words)) in text
    for one in report.families:
        assert flat(next_step(one.name, service.market.playbook, words)) in text
    assert words("Who they are now") in text
    alone = FAMILIES.alone(report, words)
    assert "<script" not in alone
    assert "/families/forgotten" not in alone
    assert service.client.get("/families/leads.svg").headers["content-type"] == "image/svg+xml"


def test_of_one_lead_the_page_and_the_answer_say_what_the_ranking_says(service: Door):
    words, all_of_them = Words("en"), ranking(service)
    seen = set()
    for place, lead_id in enumerate(all_of_them.lead_ids):
        name = all_of_them.families.name(place)
        if name in seen:
            continue
        seen.add(name)
        answer = Lead.model_validate(service.get(f"/v1/leads/{lead_id}").json())
        if name is None:
            assert answer.family is None
            continue
        assert answer.family is not None
        assert (answer.family.name, answer.family.untouched) == (name, bool(all_of_them.families.untouched[place]))
        assert answer.family.next in page(service, f"/leads/{lead_id}")
        assert answer.family.title == family_name(name, words)
        assert answer.may_contact is None
        if answer.ask_next is not None:
            assert f"Ask next: {answer.ask_next.trait}; " in page(service, f"/leads/{lead_id}")
    assert {"hot", "nurture"} <= seen


def test_whom_nobody_looks_after_is_listed_to_who_may_see_it(tmp_path: Path):
    where = with_tables(market().copy(tmp_path), families={"idle_days": 1})
    with door(where) as here:
        found = ranking(here)
        wanted = [found.lead_ids[place] for place in left_alone(found)]
        chance = [found.probability[found.lead_ids.index(one)] for one in wanted]
        assert chance == sorted(chance, reverse=True)
        assert len(wanted) > 5
        text = page(here, "/families/forgotten")
        assert [one for one in wanted[:20] if one not in text] == []
        now = here.clock[0] - 1
        here.store.append([Event("o", wanted[0], "identify", "identify", now, now, traits={"owner": "Eva"})])
        for seller, sees in (("Eva", True), ("Ugo", False)):
            secret = keys.create(here.store, seller, ["read"], now=1, seller=seller)
            answer = here.client.get("/families/forgotten", headers=BROWSER, auth=(secret, ""))
            assert (f">{wanted[0]}<" in answer.text) is sees
            assert f">{wanted[1]}<" in answer.text


def test_each_seller_qualifies_the_own_leads_and_those_of_nobody(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        first = here.get(f"/v1/qualify?limit={NEAREST}").json()["leads"][0]["lead_id"]
        now = here.clock[0] - 1
        here.store.append([Event("o", first, "identify", "identify", now, now, traits={"owner": "Eva"})])
        for seller, sees in (("Eva", True), ("Ugo", False)):
            secret = keys.create(here.store, seller, ["read"], now=1, seller=seller)
            answer = here.client.get(f"/v1/qualify?limit={NEAREST}", auth=(secret, "")).json()["leads"]
            assert (first in {one["lead_id"] for one in answer}) is sees
            today = here.client.get("/today", headers=BROWSER, auth=(secret, "")).text
            assert sees or f">{first}<" not in today


# --- consent -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory):
    """A firm that needs a yes, explores everyone it may, and has the yes of every other lead."""
    made = firm(1_000, 250).copy(tmp_path_factory.mktemp("consent"))
    where = with_tables(
        made, consent=CONSENT, exploration={"share": 0.2}, families={"idle_days": 1},
        routes=[{"name": "all", "when": {}, "to": "sales"}],
    )  # fmt: skip
    with door(where) as opened:
        then = opened.clock[0] - 2 * MICROS_PER_DAY
        ids = [one for one in opened.log().leads if one.startswith("L")]
        opened.store.append(
            Event(f"c{n}", one, "identify", "identify", then, then, traits={"consent": "yes" if n % 4 else "no"})
            for n, one in enumerate(ids[::2])
        )
        yield opened


def may(service: Door) -> set[str]:
    """Who has said yes, told apart by the words alone."""
    found = set()
    for n, one in enumerate([one for one in service.log().leads if one.startswith("L")][::2]):
        if n % 4:
            found.add(one)
    return found


def test_consent_gates_every_list(asked: Door):
    leads, book, allowed = leads_of(asked), asked.market.playbook, may(asked)
    found = leads.ranking()
    lists = {
        "today": [found.lead_ids[one.place] for one in calls(found, book, limit=10_000)],
        "explored": [found.lead_ids[one.place] for one in explorations(found, book, limit=10_000)],
        "forgotten": [found.lead_ids[place] for place in left_alone(found)],
        "to qualify": [one.row.lead_id for one in to_qualify(leads, found, NEAREST)],
    }
    routed = route(book, asked.log(), found.lead_ids, found.as_of)
    lists["routed"] = [one.lead_id for one in routed if one.to is not None]
    everyone = replace(found, permitted=None)
    assert len(calls(everyone, book, limit=10_000)) > len(lists["today"])
    for name, ids in lists.items():
        assert ids, name
        assert set(ids) <= allowed, name
    refused = [one for one in routed if one.status == "no_consent"]
    assert refused
    assert not {one.lead_id for one in refused} & allowed
    assert {one.why for one in refused} == {"It may not be contacted: no consent."}
    answered = Qualify.model_validate(asked.get(f"/v1/qualify?limit={NEAREST}").json())
    assert [one.lead_id for one in answered.leads] == lists["to qualify"]


def test_a_lead_that_refuses_is_still_in_one_family_and_says_so(asked: Door):
    found, allowed = ranking(asked), may(asked)
    place = next(
        place for place, one in enumerate(found.lead_ids) if one not in allowed and found.status[place] == Status.scored
    )
    lead_id = found.lead_ids[place]
    answer = Lead.model_validate(asked.get(f"/v1/leads/{lead_id}").json())
    assert answer.family is not None
    assert answer.may_contact is False
    assert "It may not be contacted: no consent." in page(asked, f"/leads/{lead_id}")
    assert Lead.model_validate(asked.get(f"/v1/leads/{sorted(allowed)[0]}").json()).may_contact is True


def test_the_list_of_all_leads_says_who_may_be_contacted(asked: Door, service: Door):
    allowed = may(asked)
    rows = LeadsPage.model_validate(asked.get("/v1/leads?limit=1000").json()).leads
    assert {one.may_contact for one in rows} == {True, False}
    assert {one.lead_id for one in rows if one.may_contact} == {one.lead_id for one in rows} & allowed
    assert "It may not be contacted: no consent." in page(asked, "/leads?limit=1000")
    assert {one.may_contact for one in LeadsPage.model_validate(service.get("/v1/leads").json()).leads} == {None}
    assert "no consent" not in page(service, "/leads?limit=1000")


# --- to qualify --------------------------------------------------------------------------------------------------


def test_the_leads_to_qualify_are_those_whose_decision_an_answer_changes(service: Door):
    """Against every answer put into a vector of its own, one by one."""
    leads, book = leads_of(service), service.market.playbook
    found, least, bundle = leads.ranking(), least_score(book), service.market.bundle
    told = to_qualify(leads, found, NEAREST)
    assert told
    assert [one.worth for one in told] == sorted((one.worth for one in told), reverse=True)
    by_id = {one.row.lead_id: one for one in told}
    places = near(found, book, least)
    distance = [abs(float(found.score[place]) - least) for place in places]
    assert distance == sorted(distance)
    scores, _ = leads.scored([found.lead_ids[place] for place in places], found.as_of)
    for n, place in enumerate(places[:40]):
        at = int(scores.shown[n])
        mine = float(scores.score[at])
        chances = {}
        for one in moves(bundle, scores.features[[at]], scores.score[[at]], found.as_of)[0]:
            crossed = [(mine + points >= least) != (mine >= least) for points in one.points.tolist()]
            chances[one.trait] = sum(w for w, yes in zip(one.weight.tolist(), crossed, strict=True) if yes)
        best = max(chances.values(), default=0.0)
        asked = by_id.get(found.lead_ids[place])
        assert (asked is None) == (best == 0.0)
        if asked is not None:
            assert asked.chance == pytest.approx(best)
            assert chances[asked.trait] == pytest.approx(best)
            assert asked.worth == pytest.approx(best * float(found.probability[place]))
            assert asked.listed == (mine >= least)


def test_many_leads_are_asked_about_as_each_by_itself(service: Door):
    leads = leads_of(service)
    found = leads.ranking()
    places = near(found, service.market.playbook, 50.0)[:12]
    scores, _ = leads.scored([found.lead_ids[place] for place in places], found.as_of)
    at = scores.shown
    together = moves(service.market.bundle, scores.features[at], scores.score[at], found.as_of)
    for n, row in enumerate(at.tolist()):
        (alone,) = moves(service.market.bundle, scores.features[[row]], scores.score[[row]], found.as_of)
        assert [one.trait for one in alone] == [one.trait for one in together[n]]
        for one, other in zip(alone, together[n], strict=True):
            assert np.allclose(one.points, other.points, atol=1e-9)


def test_whom_sales_have_spoken_to_is_not_qualified_and_an_amount_counts(tmp_path: Path):
    where = with_tables(market().copy(tmp_path), routing={"amount_else": 2_000.0})
    with door(where) as here:
        told = to_qualify(leads_of(here), ranking(here), NEAREST)
        first = told[0]
        assert first.worth == pytest.approx(first.chance * (first.row.probability or 0) * 2_000)
        said = {"outcome": "returned", "reason": "not_mature"}
        assert here.post(f"/v1/leads/{first.row.lead_id}/feedback", said).status_code == 200
        here.clock[0] += 1
        again = to_qualify(leads_of(here), ranking(here), NEAREST)
        assert first.row.lead_id not in {one.row.lead_id for one in again}
        today = page(here, "/today")
        assert "To qualify" in today
        assert again[0].row.lead_id in today


def test_what_becomes_known_later_changes_nobody_to_qualify(tmp_path: Path):
    """A ranking of the past knows nothing of what came in since: outcomes, returns, answers, a no."""
    where = with_tables(market().copy(tmp_path), consent={"trait": "consent"})
    with door(where) as here:
        before = to_qualify(leads_of(here), leads_of(here).ranking(here.clock[0]), NEAREST)
        at, day = here.clock[0], here.clock[0] - MICROS_PER_DAY
        for n, one in enumerate(before[:12]):
            lead, kind = one.row.lead_id, ("Lead Returned", "Sales Accepted", "Form Submitted")[n % 3]
            traits = {one.trait: "Logistics", "consent": "no"}
            here.store.append(
                [
                    Event(f"l{n}", lead, "track", kind, day, at + n, properties={"reason": "other"}),
                    Event(f"i{n}", lead, "identify", "identify", day, at + n, traits=traits),
                ]
            )
        here.clock[0] += MICROS_PER_DAY
        after = to_qualify(leads_of(here), leads_of(here).ranking(at), NEAREST)
        assert [one.to_dict() for one in after] == [one.to_dict() for one in before]
        now = to_qualify(leads_of(here), leads_of(here).ranking(), NEAREST)
        assert not {one.row.lead_id for one in now} & {one.row.lead_id for one in before[:12]}


def test_names_with_markup_are_text():
    book = playbook(families={HOSTILE: {"when": {}, "next": HOSTILE}})
    log = log_of(*(track(f"L{n}", "Lead Created", n) for n in range(4)))
    nothing = np.full(4, np.nan)
    found = families_at(log, book, np.arange(4), at(60), score=nothing, probability=nothing, heard={}, least=50.0)
    report = measured(log, book, found, None)
    assert [one.leads for one in report.families] == [0, 0, 0, 0, 4]
    html = FAMILIES.alone(report, Words("en"))
    assert "<script" not in html
    assert HOSTILE.split("&", maxsplit=1)[0] in " ".join(Text(html.split("</style>")[1]).text)
    for size in ("wide", "narrow"):
        ElementTree.fromstring(drawing(report, Words("fr"), size))  # type: ignore[arg-type]


def test_an_empty_report_says_that_there_is_no_lead_and_draws_nothing():
    book, nothing = playbook(), np.empty(0)
    found = families_at(
        log_of(), book, np.empty(0, dtype=np.int64), at(1), score=nothing, probability=nothing, heard={}, least=50.0
    )
    report = measured(log_of(), book, found, None)
    assert headline(report, Words("en")) == "There is no open lead."
    assert "<svg" not in FAMILIES.alone(report, Words("en"))
