"""The audit of a store: an honest market stays unnamed, planted leaks are named, and a training stops at them."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from data.events import Event, parse_instant
from data.sources import EXAMPLES
from data.store import Store
from tests import market
from tests.histories import at, identify, ingest, log_of, track
from tests.support import require_data
from training.audit.finding import Finding, Severity, Sign, refuse
from training.audit.histories import audit_log
from training.fit import training_set
from training.jobs import train
from veraison.errors import TrainingError
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

DAY = at(1) - at(0)
CLOSED_DEALS = (
    "business_segment", "lead_type", "lead_behaviour_profile", "has_company", "has_gtin", "average_stock",
    "business_type", "declared_product_catalog_size", "declared_monthly_revenue",
)  # fmt: skip
NUMBERS = ("declared_product_catalog_size", "declared_monthly_revenue")


def with_traits(book: Playbook, **traits: str) -> Playbook:
    tables = book.model_dump()
    tables["features"]["traits"] |= traits
    return Playbook.model_validate(tables)


def audited(log, book: Playbook, before: int) -> list[Finding]:
    return audit_log(log, book, training_set(log, book, before=before), before=before)


def leaks(findings):
    return {one.column for one in findings if one.severity is Severity.leak}


def signs(findings, column):
    return {one.sign for one in findings if one.column == column}


@lru_cache(maxsize=1)
def ends() -> dict[str, tuple[int, int | None, bool]]:
    """Of each lead of the market: when it was created, when it was closed, and whether it was won."""
    found: dict[str, tuple[int, int | None, bool]] = {}
    for one in market.events():
        if one.kind == "Lead Created":
            found[one.lead_id] = (one.occurred_at, None, False)
        elif one.kind in ("Deal Won", "Deal Lost"):
            found[one.lead_id] = (found[one.lead_id][0], one.occurred_at, one.kind == "Deal Won")
    return found


def day(moment: int) -> float:
    return (moment - at(0)) / DAY


def at_close(after: float = 0.0, *, winners: bool = True, losers: bool = False, backdated: bool = False, **traits):
    """A message for each closed lead of some sort, dated when it closed, or at its creation."""
    for lead, (born, closed, won) in ends().items():
        if closed is not None and ((won and winners) or (not won and losers)):
            yield identify(lead, day(born) if backdated else day(closed) + after, **traits)


def market_with(*more: Event):
    return log_of(*market.events(), *more, keys=("email",))


# --- what is honest --------------------------------------------------------------------------------------------------


def test_an_honest_market_has_no_leak():
    assert leaks(audit_log(market.log(), market.BOOK, market.data(), before=market.SNAPSHOT)) == set()


@pytest.mark.parametrize("moment", [100, 120, 135])
def test_nor_has_it_at_earlier_moments(moment):
    assert leaks(audited(market.log(), market.BOOK, at(moment))) == set()


def test_what_is_known_after_the_snapshot_changes_nothing():
    won = [lead for lead, (_, _, won) in ends().items() if won]
    late = [*(identify(lead, 200, secret="won") for lead in won), *(track(lead, "Invoice Sent", 200) for lead in won)]
    book = with_traits(market.BOOK, secret="category")
    with_it, without = (audited(log, book, market.SNAPSHOT) for log in (market_with(*late), market_with()))
    assert with_it == without


def test_a_strong_trait_that_is_known_in_time_is_honest():
    rng = np.random.default_rng(2)
    told = [
        identify(lead, day(born), fit="high" if won == (rng.random() < 0.8) else "low")
        for lead, (born, _, won) in ends().items()
    ]
    assert "fit" not in leaks(audited(market_with(*told), with_traits(market.BOOK, fit="category"), market.SNAPSHOT))


# --- planted leaks ---------------------------------------------------------------------------------------------------


def test_a_trait_of_winners_alone_is_named_even_when_it_comes_with_the_outcome():
    book = with_traits(market.BOOK, contract="category")
    found = audited(market_with(*at_close(contract="signed")), book, market.SNAPSHOT)
    assert leaks(found) == {"contract"}
    assert signs(found, "contract") >= {Sign.one_outcome, Sign.after_outcome}
    assert any("dated 0.0 days" in one.evidence for one in found if one.sign is Sign.one_outcome)


def test_the_same_dated_back_is_named():
    book = with_traits(market.BOOK, contract="category")
    found = audited(market_with(*at_close(backdated=True, contract="signed")), book, market.SNAPSHOT)
    assert leaks(found) == {"contract"}
    assert {Sign.one_outcome, Sign.near_perfect} <= signs(found, "contract")


def test_a_trait_that_no_feature_is_made_of_stops_nothing():
    found = audited(market_with(*at_close(backdated=True, contract="signed")), market.BOOK, market.SNAPSHOT)
    assert leaks(found) == set()
    assert Sign.one_outcome in signs(found, "contract")


def test_a_state_of_today_dated_back_is_named():
    told = [
        *at_close(backdated=True, state="customer"),
        *at_close(backdated=True, winners=False, losers=True, state="closed"),
    ]
    found = audited(market_with(*told), with_traits(market.BOOK, state="category"), market.SNAPSHOT)
    assert leaks(found) == {"state"}


def test_a_value_that_was_overwritten_under_its_first_date_is_named():
    first = [identify(lead, day(born), plan="trial") for lead, (born, _, _) in ends().items()]
    log = market_with(*first, *at_close(backdated=True, plan="paid"))
    found = audited(log, with_traits(market.BOOK, plan="category"), market.SNAPSHOT)
    assert leaks(found) == {"plan"}
    assert Sign.rewritten in signs(found, "plan")


def test_a_value_that_changes_with_the_outcome_and_says_when_is_a_notice():
    first = [identify(lead, day(born), plan="trial") for lead, (born, _, _) in ends().items()]
    log = market_with(*first, *at_close(0.01, plan="paid"))
    found = audited(log, with_traits(market.BOOK, plan="category"), market.SNAPSHOT)
    assert leaks(found) == set()
    assert signs(found, "plan") == {Sign.changed_by_outcome}


def test_events_of_winners_dated_back_to_the_creation_are_named():
    told = [track(lead, "Invoice Sent", day(born)) for lead, (born, _, won) in ends().items() if won]
    found = audited(market_with(*told), market.BOOK, market.SNAPSHOT)
    assert "Invoice Sent" in leaks(found)


def test_events_that_come_after_the_outcome_are_noticed():
    told = [track(lead, "Invoice Sent", day(c) + 1) for lead, (_, c, won) in ends().items() if won and c is not None]
    found = audited(market_with(*told), market.BOOK, market.SNAPSHOT)
    assert leaks(found) == set()
    assert signs(found, "Invoice Sent") == {Sign.after_outcome}


def test_what_became_known_in_one_import_is_noticed():
    told = [identify(lead, day(born), known=140, region="north") for lead, (born, _, _) in ends().items()]
    found = audited(market_with(*told), with_traits(market.BOOK, region="category"), market.SNAPSHOT)
    assert leaks(found) == set()
    assert Sign.one_import in signs(found, "region")


def test_what_is_known_just_before_the_outcome_alone_is_noticed():
    told = [track(lead, "Papers Ready", day(c) - 0.1) for lead, (_, c, won) in ends().items() if won and c is not None]
    found = audited(market_with(*told), market.BOOK, market.SNAPSHOT)
    assert leaks(found) == set()
    assert Sign.fades in signs(found, "Papers Ready")


def test_what_is_known_long_before_does_not_fade():
    told = [track(lead, "Papers Ready", day(born) + 1) for lead, (born, _, won) in ends().items() if won]
    found = audited(market_with(*told), market.BOOK, market.SNAPSHOT)
    assert Sign.fades not in signs(found, "Papers Ready")


def twins_of_the_newest(share: float) -> list[Event]:
    """The newest leads of the market, with telephone numbers that so many of them share with the oldest."""
    order = sorted(ends(), key=lambda lead: ends()[lead][0])
    newest, oldest = order[-80:], order[:80]
    told = []
    for place, (old, new) in enumerate(zip(oldest, newest, strict=True)):
        number = f"+33 6 {place:02d} 12 34 56"
        told.append(identify(old, day(ends()[old][0]), phone=number))
        other = number if place < share * 80 else f"+33 7 {place:02d} 12 34 56"
        told.append(identify(new, day(ends()[new][0]), phone=other))
    return told


@pytest.mark.parametrize(("share", "severity"), [(0.5, Severity.leak), (0.03, Severity.notice), (0.0, None)])
def test_one_person_under_two_ids_on_both_sides_of_a_split_is_named(share, severity):
    found = audited(market_with(*twins_of_the_newest(share)), market.BOOK, market.SNAPSHOT)
    assert [one.severity for one in found if one.sign is Sign.duplicates] == ([severity] if severity else [])


def test_identity_that_links_them_settles_it():
    keys = ("email", "phone")
    tables = market.BOOK.model_dump() | {"identity": {"keys": keys}}
    log = log_of(*market.events(), *twins_of_the_newest(0.5), keys=keys)
    assert not any(
        one.sign is Sign.duplicates for one in audited(log, Playbook.model_validate(tables), market.SNAPSHOT)
    )


# --- a training stops ------------------------------------------------------------------------------------------------


class Untouched:
    """A registry that nothing may reach."""

    def register(self, *_: object, **__: object) -> None:
        pytest.fail("a model was registered")


def test_training_stops_with_one_line_before_anything_is_registered(tmp_path):
    book = with_traits(market.BOOK, contract="category")
    log = market_with(*at_close(backdated=True, contract="signed"))
    with pytest.raises(TrainingError) as caught:
        train(log, book, Untouched(), before=market.SNAPSHOT, reports=tmp_path, threads=1)  # type: ignore[arg-type]
    told = str(caught.value)
    assert "\n" not in told
    assert "'contract'" in told
    assert "AUC 1.000" in told
    assert 'allow_leaks = ["contract"]' in told
    assert list(tmp_path.iterdir()) == []


def test_what_the_playbook_allows_by_name_trains_and_is_said():
    book = with_traits(market.BOOK, contract="category")
    found = audited(market_with(*at_close(backdated=True, contract="signed")), book, market.SNAPSHOT)
    said: list[str] = []
    refuse(found, ["contract"], said.append)
    assert said
    assert all("'contract'" in line for line in said)
    with pytest.raises(TrainingError):
        refuse(found, ["Contract"])


def test_a_feature_is_allowed_by_its_own_name_or_its_source():
    one = Finding("trait__fit", Sign.near_perfect, Severity.leak, "AUC 0.99", 0.99, source="fit")
    for name in ("trait__fit", "fit"):
        refuse([one], [name])
    with pytest.raises(TrainingError, match=r'allow_leaks = \["fit"\]'):
        refuse([one], ["other"])


def test_notices_stop_nothing():
    refuse([Finding("x", Sign.fades, Severity.notice, "AUC 0.8", 0.8)], [])


# --- real logs -------------------------------------------------------------------------------------------------------


def olist(tmp_path, time: str | None = None):
    """The log as shipped, or with the columns of the closed deals as traits dated by one of the columns."""
    leads, deals = (
        require_data(f"olist/olist_{name}_dataset.csv.gz") for name in ("marketing_qualified_leads", "closed_deals")
    )
    book = load_playbook(EXAMPLES / "olist.playbook.toml")
    with Store("sqlite://", book.identity.keys) as store:
        ingest(store, leads, EXAMPLES / "olist-leads.toml")
        ingest(store, deals, EXAMPLES / "olist-deals.toml")
        if time is not None:
            mapping = tmp_path / "traits.toml"
            traits = "\n".join(f"{name} = {_as(name)}" for name in CLOSED_DEALS)
            mapping.write_text(
                '[[message]]\ntype = "identify"\nlead = "mql_id"\ntime = "won_date"\n[message.traits]\n'
                f'{traits}\n[time]\nformats = ["%Y-%m-%d %H:%M:%S"]\nzone = "America/Sao_Paulo"\n'
            )
            assert ingest(store, deals, mapping) == 0
            book = with_traits(book, **{name: "number" if name in NUMBERS else "category" for name in CLOSED_DEALS})
        log, before = store.scan(), store.newest() + 1
    if time == "creation":
        born = np.array([int(log.known[log.offsets[lead]]) for lead in range(len(log.leads))])
        lead = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))
        log = replace(log, trait_known=born[lead], trait_occurred=born[lead])
    return log, book, before


def _as(name: str) -> str:
    return f'{{ column = "{name}", as = "number" }}' if name in NUMBERS else f'"{name}"'


@pytest.mark.slow
@pytest.mark.parametrize("time", ["won", "creation"])
def test_on_olist_the_columns_of_closed_deals_are_named(tmp_path, time):
    assert leaks(audited(*olist(tmp_path, time))) == {*CLOSED_DEALS}


@pytest.mark.slow
def test_on_olist_as_shipped_there_is_nothing(tmp_path):
    assert audited(*olist(tmp_path)) == []


@pytest.mark.slow
def test_on_bpic2012_as_shipped_there_is_no_leak_and_the_last_step_is_noticed():
    events, cases = (require_data(f"bpic2012/{name}") for name in ("events.parquet", "cases.csv.gz"))
    book = load_playbook(EXAMPLES / "bpic2012.playbook.toml")
    with Store("sqlite://", book.identity.keys) as store:
        ingest(store, events, EXAMPLES / "bpic2012.toml")
        ingest(store, cases, EXAMPLES / "bpic2012-cases.toml")
        log, before = store.scan(), store.newest() + 1
    found = audited(log, book, before)
    assert leaks(found) == set()
    assert signs(found, "O_ACCEPTED") == {Sign.fades}
    assert leaks(audited(log, book, parse_instant("2011-11-14T00:00:00Z"))) == set()
