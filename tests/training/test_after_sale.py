"""A model of customers: it learns the planted chances of a second sale, and nothing of the first one leaks into it."""

from functools import lru_cache

import numpy as np
import pytest

from data.after_sale import customers
from data.events import MICROS_PER_DAY
from data.log import EventLog
from serving.scorer import score
from tests import repeats
from tests.histories import at, log_of, track
from training.audit.histories import audit_log
from training.bundle import Bundle
from training.fit import TrainingSet, fit, training_set
from veraison.errors import TrainingError
from veraison.playbook import Playbook

BEFORE = at(repeats.DAYS)


@lru_cache(maxsize=1)
def learned() -> tuple[EventLog, Playbook, TrainingSet, Bundle]:
    log, book = customers(repeats.log(), repeats.BOOK)
    data = training_set(log, book, before=BEFORE)
    return log, book, data, fit(data, book, before=BEFORE, threads=1)


def test_it_learns_the_planted_chances_of_customers_it_has_not_seen():
    _, book, _, bundle = learned()
    moment = BEFORE - 60 * MICROS_PER_DAY
    events = repeats.events(seed=4)
    log, _ = customers(log_of(*events), repeats.BOOK)
    rows = [one for one in score(bundle, log, log.leads, [moment] * len(log.leads)).rows() if one.status == "scored"]
    shown = {one.lead_id for one in events if one.kind == "Product Shown" and one.known_at < moment}
    for told in (True, False):
        found = [one.probability for one in rows if (one.lead_id in shown) is told]
        assert len(found) > 20
        assert np.mean(np.array(found, dtype=float)) == pytest.approx(repeats.within(60, shown=told), rel=0.15)
    assert book.horizons.primary == 60


def test_the_audit_finds_no_leak_and_the_labels_are_second_sales_only():
    log, book, data, _ = learned()
    assert audit_log(log, book, data, before=BEFORE) == []
    orders = {one.lead_id for one in repeats.events() if one.kind == "Repeat Order"}
    sold = {one.lead_id for one in repeats.events() if one.kind == "Deal Won"}
    assert {log.leads[code] for code in data.pairs.lead} <= sold
    won = {log.leads[code] for code in data.pairs.lead[data.outcomes.within(60)]}
    assert won
    assert won <= orders


def test_too_few_repeat_sales_are_one_line_with_how_many_more():
    events = [one for n in range(30) for one in (track(f"L{n}", "Lead Created", n), track(f"L{n}", "Deal Won", n + 1))]
    events += [track(f"L{n}", "Repeat Order", n + 9) for n in range(12)]
    log, book = customers(log_of(*events), repeats.BOOK)
    with pytest.raises(TrainingError, match=r"40 leads that convert .* 12 are known .*\(of 30 leads\): 28 more; wait"):
        training_set(log, book, before=at(200))
