"""Questions answered together have the answers they would have alone; a bad one spoils no other."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from data import scorelog
from data.scorelog import LoggedScore
from serving import meters
from serving.leads import Leads
from serving.models import ModelHolder
from serving.scoring import Question, answers
from serving.together import Together
from tests.service import door, market
from veraison.errors import VeraisonError


class Halves:
    """Halves even numbers; keeps what it was asked in one go, and waits where it is told to."""

    def __init__(self) -> None:
        self.parts: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.go.wait(10)
        self.parts.append(list(numbers))
        for number in numbers:
            if number % 2:
                raise ValueError(f"{number} is odd")
        return [number // 2 for number in numbers]


def asked_at_once(halves: Halves, numbers: list[int], most: int = 64) -> list[int | BaseException]:
    async def ask() -> list[int | BaseException]:
        together = Together(halves, most)
        halves.go.clear()
        asked = [asyncio.ensure_future(together.ask(number)) for number in numbers]
        await asyncio.sleep(0.05)
        halves.go.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def test_who_waits_at_the_same_moment_is_answered_in_one_go_in_order():
    halves = Halves()
    assert asked_at_once(halves, [2, 4, 6, 8]) == [1, 2, 3, 4]
    assert halves.parts == [[2, 4, 6, 8]]
    assert asked_at_once(halves, [2, 4, 6, 8, 10], most=2) == [1, 2, 3, 4, 5]
    assert halves.parts[1:] == [[2, 4], [6, 8], [10]]


def test_a_question_that_fails_fails_alone():
    found = asked_at_once(Halves(), [2, 3, 4, 5])
    assert [found[0], found[2]] == [1, 2]
    assert [str(found[1]), str(found[3])] == ["3 is odd", "5 is odd"]


def test_who_has_gone_away_holds_up_nobody():
    async def ask() -> int:
        halves = Halves()
        together = Together(halves)
        halves.go.clear()
        gone = [asyncio.ensure_future(together.ask(2)), asyncio.ensure_future(together.ask(4))]
        await asyncio.sleep(0.05)
        late = asyncio.ensure_future(together.ask(8))
        await asyncio.sleep(0)
        for one in (*gone, late):
            one.cancel()
        halves.go.set()
        with pytest.raises(asyncio.CancelledError):
            await gone[0]
        return await together.ask(6)

    assert asyncio.run(ask()) == 3


def test_answers_made_together_equal_those_made_alone_and_are_all_logged(tmp_path):
    """Every lead of a market, asked one by one and by thirty senders at once, bit for bit."""
    with door(market().copy(tmp_path)) as here:
        here.clock[0] += 12_345  # a moment at which no other test of this process has logged a score
        leads = here.log().leads
        before = scorelog.count(here.store)

        def one(lead: str) -> dict:
            answer = here.post("/v1/score", {"lead_ids": [lead], "details": False, "lang": "fr"}, "read")
            assert answer.status_code == 200
            return answer.json()

        alone = [one(lead) for lead in leads]
        logged = scorelog.count(here.store) - before
        assert logged > 100
        here.clock[0] += 1
        with ThreadPoolExecutor(30) as senders:
            list(senders.map(one, leads))
        assert scorelog.count(here.store) == before + 2 * logged
        here.clock[0] -= 1
        with ThreadPoolExecutor(30) as senders:
            assert list(senders.map(one, leads)) == alone
        assert scorelog.count(here.store) == before + 2 * logged  # the same moments: they were there


def test_what_could_not_be_kept_is_counted_once(tmp_path, monkeypatch: pytest.MonkeyPatch):
    with door(market().copy(tmp_path)) as here:
        keep = Leads.keep

        def fails_of_many(self: Leads, logged: list[LoggedScore]) -> None:
            if len(logged) > 1:
                raise VeraisonError("the log is full")
            keep(self, logged)

        monkeypatch.setattr(Leads, "keep", fails_of_many)
        leads = Leads(here.store, ModelHolder(here.market.workspace), here.market.playbook, lambda: here.clock[0])
        scored = here.get("/v1/leads?limit=2").json()["leads"]
        asked = [
            Question(leads, [one["lead_id"]], None, here.clock[0], "en", 3, False, False, "json", logged=True)
            for one in scored
        ]

        def counted() -> float:
            return meters.SCORES.labels("scored")._value.get()

        async def ask() -> None:
            together = Together(answers)
            told = await asyncio.gather(*(together.ask(one) for one in asked))
            assert [one.status_code for one in told] == [200, 200]

        before = counted()
        asyncio.run(ask())
        assert counted() == before + 2


def test_an_id_that_nobody_has_spoils_no_neighbour():
    with door(market()) as here:
        leads = [*here.log().leads[:20], "nobody", "\U0001f347", "x" * 200]

        def one(lead: str) -> int:
            return here.post("/v1/score", {"lead_ids": [lead]}, "read").status_code

        with ThreadPoolExecutor(len(leads)) as senders:
            assert set(senders.map(one, leads)) == {200}
