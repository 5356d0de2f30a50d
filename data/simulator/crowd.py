"""Traffic that no lead is behind: visitors who stay anonymous, and bots."""

import numpy as np

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.simulator.market import START, Market
from data.simulator.messages import Outbox, browser
from data.simulator.people import AGENTS, BOT_AGENT, EARLIEST, LATEST, People, Person

_VISITORS, _BOT_VISITORS = 0.5, 0.4
"""Visitors a day who never become leads, and, under drift "bots", bots beside them; per new lead a day."""
_PAGES = ("Home", "Product", "Pricing", "Careers")
_BURST = 0.25
"""Chance a day that a bot that is a lead crawls the site."""
_UNMASKED = 0.02
"""Chance a working day that somebody notices such a lead and disqualifies it."""


class Crowd:
    """Tells an outbox what the crowd does, day by day.

    leads_a_day : the volume of the market, to which the crowd is in proportion
    """

    def __init__(self, market: Market, people: People, outbox: Outbox, leads_a_day: float) -> None:
        self._market = market
        self._people = people
        self._outbox = outbox
        self._leads_a_day = leads_a_day

    def strangers(self, day: int, rng: np.random.Generator) -> None:
        """Anonymous visits: of people who become leads later, of people who never do, and of bots."""
        midnight = START + day * MICROS_PER_DAY
        for anonymous, page, second in self._people.early.get(day, ()):
            self._outbox.visit(
                (page,), midnight + second * MICROS_PER_SECOND, rng, {"anonymousId": anonymous}, AGENTS[0]
            )
        volume = self._leads_a_day * self._market.season(day) * self._market.dip(day)
        for number in range(int(rng.poisson(_VISITORS * volume))):
            moment = midnight + int(EARLIEST + rng.random() * (LATEST - EARLIEST)) * MICROS_PER_SECOND
            pages = _PAGES[: 1 + int(rng.random() * len(_PAGES))]
            self._outbox.visit(pages, moment, rng, {"anonymousId": f"a-{day:04d}-{number}"}, AGENTS[0])
        if self._market.under("bots", day):
            for number in range(int(rng.poisson(_BOT_VISITORS * self._leads_a_day))):
                moment = midnight + int(rng.random() * 20 * 3_600) * MICROS_PER_SECOND
                self.crawl(moment, {"anonymousId": f"a-{day:04d}-s{number}"}, rng)

    def arrive(self, person: Person, rng: np.random.Generator) -> None:
        """A bot crawls the site minutes before it fills in a form and is taken for a lead."""
        self.crawl(person.born - 300 * MICROS_PER_SECOND, {"anonymousId": person.anonymous_id}, rng)

    def crawl(self, moment: int, who: dict[str, object], rng: np.random.Generator) -> None:
        """A bot views 5 to 15 pages within seconds."""
        pages = [_PAGES[int(rng.random() * len(_PAGES))] for _ in range(5 + int(rng.random() * 11))]
        self._outbox.visit(pages, moment, rng, who, BOT_AGENT, pace=2)

    def bot(self, day: int, person: Person, rng: np.random.Generator) -> bool:
        """A day of a bot that is a lead: it clicks every link of every mail. Returns whether it was unmasked."""
        who: dict[str, object] = {"userId": person.lead_id, "anonymousId": person.anonymous_id}
        if self._market.mailing(day):
            moment = person.at(day, 0.01)
            sent = {"event": "Email Sent", "properties": {"mailing": day // 14 + 1}}
            self._outbox.send("track", moment, rng, {"userId": person.lead_id}, sent)
            for link in range(4 + int(rng.random() * 5)):
                moment += MICROS_PER_SECOND
                clicked = {"event": "Email Clicked", "properties": {"mailing": day // 14 + 1, "link": link}}
                self._outbox.send("track", moment, rng, who, {**clicked, **browser(BOT_AGENT)})
        if rng.random() < _BURST:
            self.crawl(person.at(day, 0.1 + 0.5 * rng.random()), who, rng)
        unmasked = day % 7 < 5 and rng.random() < _UNMASKED
        if unmasked:
            found = {"event": "Disqualified", "properties": {"reason": "bot"}}
            self._outbox.send("track", person.at(day, 0.9), rng, {"userId": person.lead_id}, found)
        return unmasked
