"""How good is it: the record of what was served, as JSON and as a page, and what stands in for it while it is young."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from data import scorelog
from data.events import MICROS_PER_DAY, isoformat
from data.record import Band, Record
from serving.record_chart import reliability
from serving.record_words import of_hundred
from serving.translations import Words
from tests.reading import BROWSER, Text
from tests.service import Door, door, market, publish
from veraison.answers import HowGood

DAYS = market().playbook.horizons.primary


def asked(service: Door, days_ago: float) -> None:
    """Everyone is scored by a system, so many days before the moment of the tests."""
    now = service.clock[0]
    service.clock[0] = now - round(days_ago * MICROS_PER_DAY)
    ids = [f"L{n:05d}" for n in range(1, 251)]
    assert service.post("/v1/score", {"lead_ids": ids}, "read").status_code == 200
    service.clock[0] = now


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """A service that has been asked for scores three times in the past, and once just now."""
    with door(market().copy(tmp_path_factory.mktemp("record"))) as opened:
        for days_ago in (80, 60, 45, 0):
            asked(opened, days_ago)
        yield opened


def page(service: Door, path: str, status: int = 200, **headers: str) -> str:
    answer = service.client.get(path, headers=BROWSER | headers)
    assert answer.status_code == status, answer.text
    return " ".join("".join(Text(answer.text).text).split())


def test_the_record_is_that_of_the_prediction_log(service: Door):
    told = service.get("/v1/record").json()
    HowGood.model_validate(told, strict=False)
    log, now = service.store.scan(), service.clock[0]
    over = [
        one
        for one in scorelog.read(service.store)
        if one.score is not None and one.as_of + DAYS * MICROS_PER_DAY <= now // 3_600_000_000 * 3_600_000_000
    ]
    assert len({one.as_of for one in over}) == 3
    won = {lead: at for lead, kind, at in _wins(service) if kind == "Deal Won"}
    for band in told["served"]["bands"]:
        top = 101 if band["score_to"] == 100 else band["score_to"]
        first: dict[str, scorelog.LoggedScore] = {}
        for one in over:
            if band["score_from"] <= one.score < top:
                first.setdefault(log.identity.person(one.lead_id, now), one)
        came = [lead for lead, one in first.items() if 0 < won.get(lead, 0) - one.as_of <= DAYS * MICROS_PER_DAY]
        assert (band["leads"], band["won"]) == (len(first), len(came))
        if first:
            said = [one.answer[f"p_{DAYS}d"] for one in first.values()]
            assert band["predicted"] == pytest.approx(sum(said) / len(said))
            assert band["share_low"] <= band["share"] <= band["share_high"]
    assert told["served"]["leads"] == len({log.identity.person(one.lead_id, now) for one in over})
    assert (told["served"]["horizon_days"], told["test"], told["replayed"]) == (DAYS, None, 0)
    assert told["waiting"] > 50
    assert told["served"]["since"] == isoformat(min(one.as_of for one in over))
    assert [one["model_version"] for one in told["versions"]] == [service.market.bundle.version]
    alone = service.get(f"/v1/record?model_version={service.market.bundle.version}").json()
    assert alone["served"] == told["served"]


def _wins(service: Door) -> list[tuple[str, str, int]]:
    with service.store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT lead_id, kind, occurred_at FROM events WHERE kind = 'Deal Won'")
        return [tuple(row) for row in found]


def test_a_page_says_it_in_sentences(service: Door):
    told = service.get("/v1/record").json()["served"]
    clear = [band for band in told["bands"] if band["enough"]]
    assert clear
    for language in ("en", "fr"):
        words, text = Words(language), page(service, "/record", **{"Accept-Language": language})
        for band in clear:
            share, predicted = (of_hundred(band[name], words) for name in ("share", "predicted"))
            if language == "en":
                scored = f"Of 100 leads scored {band['score_from']} to {band['score_to']}"
                won = {"0": "none was", "1": "1 was"}.get(share, f"{share} were")
                came = {"0": "none was", "1": "1 was"}.get(predicted, f"{predicted} were")
                assert f"{scored}, {won} won within {DAYS} days; {came} predicted." in text
            else:
                scored = f"Sur 100 prospects notés de {band['score_from']} à {band['score_to']}"
                assert f"{scored}, {'aucun' if share == '0' else share} " in text
    text = page(service, "/record")
    few = [band for band in told["bands"] if 0 < band["leads"] < 20]
    assert text.count("too few to say anything") == len(few)
    assert "From the scores as they were served, from" in text
    assert service.market.bundle.version in text


def test_one_model_alone_and_one_that_never_served(service: Door):
    version = service.market.bundle.version
    assert "All models together" in page(service, f"/record?model_version={version}")
    page(service, "/record?model_version=never", 404)
    assert service.get("/v1/record?model_version=never").status_code == 404
    assert service.get(f"/v1/record?model_version={'x' * 101}").status_code == 422


def test_a_look_back_is_left_out_and_said(tmp_path: Any):
    with door(market().copy(tmp_path)) as here:
        asked(here, 45)
        told = here.get("/v1/record").json()["served"]
        one = next(one for one in scorelog.read(here.store) if one.score is not None)
        back = one.as_of - 20 * MICROS_PER_DAY
        scorelog.append(here.store, [replace(one, as_of=back, score=100.0)])
        here.clock[0] += MICROS_PER_DAY // 24
        again = here.get("/v1/record").json()
        assert (again["served"], again["replayed"]) == (told, 1)
        assert "1 such score is left out" in page(here, "/record")
        assert "1 score est laissé de côté" in page(here, "/record?lang=fr")


def test_while_it_is_young_the_test_stands_in_and_says_so(tmp_path: Any):
    bands = tuple(Band(low, low + 10, 30, low // 10, 3.0) for low in range(0, 100, 10))
    test = Record(DAYS, 1_700_000_000_000_000, 1_710_000_000_000_000, Band(0, 100, 300, 45, 30.0), bands)
    where = market().emptied(tmp_path)
    publish(where.workspace, replace(where.bundle, facts=where.bundle.facts | {"record": test.to_dict()}), "tested")
    with door(where) as here:
        text = page(here, "/record")
        assert "So far the outcomes of 0 served leads are known: too few to say anything." in text
        assert "from the test when the model was made" in text
        assert "not from served scores" in text
        assert f"45 of 300 scored leads were won within {DAYS} days; 30 were predicted." in text
        assert "Of 100 leads scored 70 to 80, 23 were won within" in text
        assert "non de scores servis" in page(here, "/record?lang=fr")
        told = here.get("/v1/record").json()
        assert (told["served"]["leads"], told["test"]["leads"], told["test"]["won"]) == (0, 300, 45)
        assert not told["served"]["enough"]


@pytest.mark.parametrize(
    ("won", "expected", "english", "french"),
    [
        (0, 0.0, "none was won within 30 days; none was predicted.", "aucun n’a été gagné sous 30 jours ; aucun n’ét"),
        (1, 1.0, "1 was won within 30 days; 1 was predicted.", "1 a été gagné sous 30 jours ; 1 était prévu."),
        (2, 1.4, "2 were won within 30 days; 1.4 were predicted.", "2 ont été gagnés sous 30 jours ; 1,4 était prévu."),
        (
            30,
            2.0,
            "30 were won within 30 days; 2 were predicted.",
            "30 ont été gagnés sous 30 jours ; 2 étaient prévus",
        ),
    ],
)
def test_one_and_none_are_said_as_such(tmp_path: Any, won: int, expected: float, english: str, french: str):
    assert DAYS == 30
    bands = tuple(Band(low, low + 10, 100, won, expected) for low in range(0, 100, 10))
    test = Record(DAYS, 1_700_000_000_000_000, 1_710_000_000_000_000, Band(0, 100, 100, won, expected), bands)
    where = market().emptied(tmp_path)
    publish(where.workspace, replace(where.bundle, facts=where.bundle.facts | {"record": test.to_dict()}), "tested")
    with door(where) as here:
        text = page(here, "/record")
        assert f"Of 100 leads scored 70 to 80, {english}" in text
        assert ("None of 100 scored leads was won" in text) == (won == 0)
        assert won == 0 or f"{won} of 100 scored leads {'was' if won == 1 else 'were'} won" in text
        text = page(here, "/record?lang=fr")
        assert f"Sur 100 prospects notés de 70 à 80, {french}" in text
        assert f"Sur 100 prospects notés, {french.split(maxsplit=1)[0]} " in text


def test_with_neither_there_is_a_sentence_and_no_chart(tmp_path: Any):
    with door(market().emptied(tmp_path)) as here:
        answer = here.client.get("/record", headers=BROWSER)
        assert "too few to say anything" in answer.text
        assert "<img" not in answer.text
        ElementTree.fromstring(here.client.get("/record/chart.svg").text)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_chart_shows_the_bands_that_say_something(size: Any, language: Any):
    bands = tuple(Band(low, low + 10, 30 if low >= 70 else 5, 4, 3.0) for low in range(0, 100, 10))
    words = Words(language)
    svg = reliability(Record(DAYS, 1, 2, Band(0, 100, 120, 70, 60.0), bands), words, size)
    root = ElementTree.fromstring(svg)
    text = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {f"{low}–{low + 10}" for low in range(0, 100, 10)} <= set(text)
    assert {words("won"), words("predicted"), words("of 100 leads")} <= set(text)
    assert svg.count('aria-roledescription="point"') == 3 + 10  # three that say something, ten that keep the places
    assert float(root.attrib["width"]) <= (380 if size == "narrow" else 740)


def test_the_record_parts_the_worked_from_the_others(service: Door):
    """By hand, from the events: an act that names a seller, or an acceptance, within a fortnight of the score."""
    told = service.get("/v1/record").json()["served"]
    for part in (told, *told["bands"]):
        assert part["worked"]["leads"] + part["not_worked"]["leads"] == part["leads"]
        assert part["worked"]["won"] + part["not_worked"]["won"] == part["won"]
        assert part["explored"]["leads"] == part["not_drawn"]["leads"] == 0
    assert told["worked"]["leads"] >= 20
    assert told["not_worked"]["leads"] >= 20
    share = {side: told[side]["share"] for side in ("worked", "not_worked")}
    assert share["worked"] > share["not_worked"]  # nobody wins in that market whom sales do not work
    text = page(service, "/record")
    assert f"of 100 leads that sales worked {of_hundred(share['worked'], Words('en'))} (" in text
    assert "may win more because it was called" in text
    assert "Travaillé par les commerciaux, ou non" in page(service, "/record?lang=fr")
