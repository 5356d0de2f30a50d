"""What touches contributed, asked of the model: what would it have said just before the sale without them?

L1 was won on 10 March. Just before, the model gave it a chance of 40 %. Without its webinars it would have said 15 %,
without its white paper 35 %, without both 10 %: on average over both orders the webinar adds 25 points, the white
paper 5, and 10 were there anyway. Of a sale of 400 that makes 250, 50 and 100 (monitoring.money_shapley).

That is what the model would have said, not what would have happened: no experiment was made, and a touch may be a sign
of interest rather than its cause. Removed are the lead's own events of a channel within the days before the sale, as
they were known then; its traits, and what its colleagues did, stay.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from data.journey import standing
from data.log import NEVER, EventIds, EventLog, Floats, Ints
from data.money_report import ENOUGH, Contribution, Method
from features import compute
from features.catalogue import FeatureSet
from features.ops import Op
from monitoring.money_sales import People
from monitoring.money_shapley import EXACT, groups, shares
from monitoring.money_touches import Channels, Touches, credited, priced, revenue, touches
from training.bundle import Bundle

ASKED = 500
"""The model is asked about so many sales at most, the newest."""
_AT_ONCE = 2_000


def by_model(
    log: EventLog, bundle: Bundle, known: Channels, sold: People, days: int, at: int, *, threads: int = 1,
    step: Callable[[float], None] = lambda _: None,
) -> Contribution | None:  # fmt: skip
    """Contributions by the model; None without a sale that it can be asked about.

    sold : all sales; asked about are those made after its training, where there are fewer than `ENOUGH` all of them
    step : is told the share of the work that is done
    """
    chosen, seen = _asked(log, bundle, sold, at)
    if not len(chosen):
        return None
    found = touches(log, known.of, chosen, days, at, before_sale=True)
    part = np.zeros((len(chosen), len(known.names) + 1))
    without, whole, sampled = np.zeros(len(chosen)), np.zeros(len(chosen)), 0
    for start, stop, worth in _worths(log, bundle, chosen, found, threads):
        for sale in range(start, stop):
            there = np.unique(found.channel[found.sale == sale])
            told = worth[sale - start]
            part[sale, [*there, -1]] = shares(told, len(there))
            without[sale], whole[sale] = told[0], told[(1 << len(there)) - 1]
            sampled += len(there) > EXACT
        step(stop / len(chosen))
    return Contribution(
        sales=len(chosen),
        priced=priced(chosen),
        revenue=revenue(chosen),
        methods=(Method(name="model", credits=credited(part, known.names, chosen)),),
        seen=seen,
        sampled=sampled,
        mean_without=float(without.mean()),
        mean_with=float(whole.mean()),
    )


def _asked(log: EventLog, bundle: Bundle, sold: People, at: int) -> tuple[People, int]:
    """The sales that the model is asked about, and how many of them it may have learned from."""
    begun = standing(log, bundle.playbook.journey, sold.lead, np.minimum(sold.won, at)).started
    mine = sold[begun != NEVER]
    fresh = mine.won >= bundle.known_until
    mine = (mine[fresh] if fresh.sum() >= ENOUGH else mine)[slice(-ASKED, None)]  # type: ignore[index]  # see People
    return mine, int((mine.won < bundle.known_until).sum())


def _worths(
    log: EventLog, bundle: Bundle, sold: People, found: Touches, threads: int
) -> Iterable[tuple[int, int, list[dict[int, float]]]]:
    """Parts of the sales, from a place to a place, and of each sale the probability by group of its channels."""
    of_sale = np.searchsorted(found.sale, np.arange(len(sold) + 1))
    start, copies, wanted = 0, 0, []
    for sale in range(len(sold)):
        mine = slice(of_sale[sale], of_sale[sale + 1])
        there, channel = np.unique(found.channel[mine], return_inverse=True)
        wanted.append((groups(len(there)), found.row[mine], channel))
        copies += len(wanted[-1][0])
        if copies >= _AT_ONCE or sale == len(sold) - 1:
            yield start, sale + 1, _chances(log, bundle, sold[np.arange(start, sale + 1)], wanted, threads)
            start, copies, wanted = sale + 1, 0, []


def _chances(
    log: EventLog, bundle: Bundle, sold: People, wanted: list[tuple[list[int], Ints, Ints]], threads: int
) -> list[dict[int, float]]:
    """Of each sale the probability just before it, by group of the channels that stay.

    wanted : of each sale the groups, its touches' rows in the log, and the place of each one's channel in the groups
    """
    sale = np.repeat(np.arange(len(sold)), [len(one) for one, _, _ in wanted])
    kept = []
    for (one, rows, channel), lead, won in zip(wanted, sold.lead.tolist(), sold.won.tolist(), strict=True):
        seen = log.visible(lead, won)
        every = np.arange(seen.start, seen.stop)
        for group in one:
            gone = rows[(np.int64(group) >> channel) & 1 == 0]
            kept.append(np.setdiff1d(every, gone, assume_unique=True))
    features = _features(log, bundle.feature_set, sold, sale, kept, bundle, threads)
    chance = bundle.predict(features, threads).probability[:, bundle.primary]
    told: list[dict[int, float]] = [{} for _ in range(len(sold))]
    for place, group, one in zip(sale.tolist(), (g for all_, _, _ in wanted for g in all_), chance, strict=True):
        told[place][group] = float(one)
    return told


def _features(
    log: EventLog, feature_set: FeatureSet, sold: People, sale: Ints, kept: list[Ints], bundle: Bundle, threads: int
) -> Floats:
    """(copies, f) of copies of leads that have had only some of their events; colleagues' acts are as they were."""
    started = standing(log, bundle.playbook.journey, sold.lead, sold.won).started
    whole = compute.batch(log, feature_set, sold.lead, sold.won, started, threads=threads)
    every = np.arange(len(sale), dtype=np.int64)
    copies = copied(log, sold.lead[sale], kept)
    features = compute.batch(copies, feature_set, every, sold.won[sale], started[sale], threads=threads)
    theirs = [place for place, one in enumerate(feature_set.features) if Op.colleagues <= one.op <= Op.won_colleagues]
    features[:, theirs] = whole[sale][:, theirs]
    return features


def copied(log: EventLog, lead: Ints, kept: list[Ints]) -> EventLog:
    """A log of copies of leads, each with some of its events and all of its traits.

    lead : (copies,) codes of `log`
    kept : of each copy the rows of its events, in their order
    """
    rows = np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
    traits = [np.arange(log.trait_offsets[code], log.trait_offsets[code + 1]) for code in lead]
    told = np.concatenate(traits) if traits else np.empty(0, dtype=np.int64)
    return replace(
        log,
        leads=[f"{place:09d}" for place in range(len(lead))],
        offsets=_offsets(kept),
        known=log.known[rows],
        occurred=log.occurred[rows],
        kind=log.kind[rows],
        value=log.value[rows],
        actor=log.actor[rows] if len(log.actor) else log.actor,
        event_ids=EventIds(None, range(len(rows))),
        trait_offsets=_offsets(traits),
        trait_known=log.trait_known[told],
        trait_occurred=log.trait_occurred[told],
        trait_name=log.trait_name[told],
        trait_text=log.trait_text[told],
        trait_number=log.trait_number[told],
        merged_at=np.full(len(lead), NEVER, dtype=np.int64),
        hand_overs=None,
    )


def _offsets(parts: list[Ints]) -> Ints:
    found = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in parts], out=found[1:])
    return found
