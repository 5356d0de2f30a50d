"""Who gets which lead: one place for each, by what is visible, in turn, with the colleagues, and with the reason."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.companies import AccountWon, account_won
from serving.rotation import Rotation
from serving.routing import Chance, route
from serving.scorer import visible_leads
from tests import histories
from tests.histories import alias, at, log_of, playbook, track
from veraison.playbook_routes import Routing

TRAITS = {"employees": "number", "country": "category", "email_domain": "account", "budget": "number"}
BIG = {"name": "big", "when": {"employees": ">=500", "country": {"not": ["DE", "missing"]}}, "to": "key-accounts"}
REST = {"name": "rest", "when": {"employees": ["<500", "missing"]}, "to": "inside-sales"}
TEAMS = {"key-accounts": ["Amira", "Eva"], "inside-sales": ["Ugo"]}


def identify(name, day, *, known=None, **traits):
    numbers = {key: float(value) if isinstance(value, int) else value for key, value in traits.items()}
    return histories.identify(name, day, known=known, **numbers)


def book(*routes, **routing):
    routing = {"teams": TEAMS, **routing} if routes in ((), (BIG, REST)) else routing
    return playbook(features={"traits": TRAITS}, routes=list(routes or (BIG, REST)), routing=routing)


def lead(name, day=0.0, **traits):
    known = [identify(name, day, **traits)] if traits else []
    return [track(name, "Lead Created", day), *known]


def routed(rules, events, day=10, chances=None, **more):
    """Where each lead goes that is visible then."""
    log = log_of(*events)
    leads = visible_leads(log, at(day))
    if chances is not None:
        more["chances"] = [chances.get(one, Chance()) for one in leads]
    return {one.lead_id: one for one in route(rules, log, leads, at(day), **more)}


# Who takes a place of a seller's week


def test_who_is_not_to_be_called_takes_no_place_and_is_told_where_it_would_go():
    rules = book(capacity={"inside-sales": 1})
    events = [*lead("L1", employees=20), *lead("L2", employees=30), *lead("L3", employees=40, owner="Ugo")]
    found = routed(rules, events, to_call={"L2"})
    assert [(one.status, one.to, one.seller) for one in found.values()] == [
        ("routed", "inside-sales", None), ("routed", "inside-sales", "Ugo"), ("routed", "inside-sales", "Ugo"),
    ]  # fmt: skip
    assert found["L1"].why == "employees 20 < 500: route rest"
    everybody = routed(rules, events)
    assert {one.exception for one in everybody.values()} == {None, "full"}


# Which route, and why


def test_a_lead_goes_where_its_route_leads_and_says_why():
    one = routed(book(), lead("L1", employees=1200, country="FR"))["L1"]
    assert (one.status, one.route, one.to, one.seller in ("Amira", "Eva")) == ("routed", "big", "key-accounts", True)
    assert one.why == (
        "employees 1,200 >= 500 and country FR, not DE or missing: route big. "
        f"It is the turn of {one.seller} in key-accounts, with 0 leads this week."
    )
    assert (one.potential, one.price, one.currency) == (None, None, None)
    assert one.to_dict()["as_of"] == "2026-01-11T00:00:00Z"


def test_it_says_so_in_french():
    one = routed(book(), lead("L1", employees=1200, country="FR"), language="fr")["L1"]
    assert one.why.startswith("employees 1\u202f200 >= 500 et country FR, pas DE ou manquant\u00a0: circuit big.")


@pytest.mark.parametrize(
    ("when", "traits", "why"),
    [
        ({"employees": "missing"}, {}, "employees missing: route r"),
        ({"employees": "known"}, {"employees": 7}, "employees 7: route r"),
        ({"employees": ["<5", "50..499"]}, {"employees": 50}, "employees 50 in 50..499: route r"),
        ({"employees": 7}, {"employees": 7}, "employees 7: route r"),
        ({"country": ["FR", "BE"]}, {"country": "be "}, "country be : route r"),
        ({"country": {"not": "FR"}}, {}, "country missing: route r"),
        ({"country": "=<50"}, {"country": "<50"}, "country <50: route r"),
        ({"grade": ["A", "B"]}, {}, "grade B: route r"),
        ({"score": ">50"}, {}, "score 57.5 > 50: route r"),
        ({"expected_value": ">=100"}, {"budget": 1_000.5}, "expected value 250.125 >= 100: route r"),
        ({}, {}, "every lead: route r"),
    ],
)
def test_a_reason_tells_the_part_that_was_met(when, traits, why):
    rules = book({"name": "r", "when": when, "to": "x"}, amount_trait="budget")
    assert routed(rules, lead("L1", **traits), chances={"L1": Chance(0.25, 57.5)})["L1"].why == why


def test_what_no_route_takes_and_what_several_do_goes_to_the_named_queue():
    both = {"name": "both", "when": {"employees": ">=1000"}, "to": "inside-sales"}
    rules = playbook(features={"traits": TRAITS}, routes=[BIG, REST, both], routing={"exceptions": "triage"})
    found = routed(rules, [*lead("L1", employees=1200, country="FR"), *lead("L2", employees=600, country="DE")])
    told = {name: (one.status, one.exception, one.to, one.route, one.seller, one.why) for name, one in found.items()}
    assert told == {
        "L1": ("exception", "several routes", "triage", None, None, "Several routes take it: big, both."),
        "L2": ("exception", "no route", "triage", None, None, "No route takes it: employees 600, country DE."),
    }
    assert routed(book(BIG), lead("L9"))["L9"].to == "exceptions"


def test_routes_that_are_first_take_their_leads_before_others():
    first = {"name": "named", "when": {"email_domain": ["acme.fr"]}, "to": "board", "first": True}
    rules = book(BIG, REST | {"to": "x"}, first)
    found = routed(rules, [*lead("L1", employees=9, email_domain="ACME.fr"), *lead("L2", employees=9)])
    assert [found[one].route for one in ("L1", "L2")] == ["named", "rest"]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([track("L1", "Deal Won", 3)], "converted"),
        ([track("L1", "Deal Lost", 3)], "lost"),
        ([alias("L1", "L0", 3)], "merged"),
    ],
)
def test_who_is_not_open_goes_nowhere_and_the_reason_says_so(events, status):
    one = routed(book(), [*lead("L1"), *events])["L1"]
    assert (one.status, one.to, one.route) == (status, None, None)
    assert one.why


def test_who_is_unknown_is_a_row_too():
    (one,) = route(book(), log_of(*lead("L1")), ["nobody"], at(10))
    assert (one.status, one.why) == ("unknown", "Nothing is known of it.")


def test_the_newest_readable_word_counts():
    events = [
        *lead("L1", employees=1200, country="FR"),
        identify("L1", 5, employees="many"),
        identify("L1", 4, country="BE"),
    ]
    assert routed(book(), events)["L1"].route == "big"
    assert routed(book(), [*events, identify("L1", 6, employees=3)])["L1"].route == "rest"


# Potential and price


def test_potential_is_probability_times_the_amount_that_is_known_best():
    rules = book(amount_trait="budget", amount_events=["Quote Requested"], amount_else=100.0, price_share=0.1)
    quotes = [track("L2", "Quote Requested", day, known=known, value=value) for day, known, value in
              ((1, 1, 500), (2, 2, 4000), (1.5, 3, 9000), (3, 11, 1))]  # fmt: skip
    events = [*lead("L1", budget=8000), *lead("L2"), *quotes, *lead("L3"), *lead("L4", budget=70)]
    chances = {name: Chance(0.05, 40.0) for name in ("L1", "L2", "L3")}
    found = routed(rules, events, chances=chances)
    assert [found[one].potential for one in ("L1", "L2", "L3", "L4")] == [400.0, 200.0, 5.0, None]
    assert [found[one].price for one in ("L1", "L2", "L3", "L4")] == [40.0, 20.0, 0.5, None]
    assert found["L1"].currency == "EUR"


def test_a_price_can_stand_on_the_grade():
    rules = book(price={"A": 120.0, "B": 60.0, "C": 10.0, "D": 0.0}, currency="CHF")
    found = routed(rules, [*lead("L1"), *lead("L2")], chances={"L1": Chance(0.2, 64.9)})
    assert (found["L1"].price, found["L1"].currency, found["L2"].price) == (60.0, "CHF", None)


# Turns, capacity, colleagues


def test_turns_are_taken_by_what_each_can_take():
    events = [event for n in range(6) for event in lead(f"L{n}", employees=900, country="FR")]
    found = routed(book(capacity={"Amira": 10, "Eva": 5}), events)
    assert Counter(one.seller for one in found.values()) == {"Amira": 4, "Eva": 2}


def test_who_is_full_is_passed_over_and_then_the_queue_says_so():
    events = [event for n in range(5) for event in lead(f"L{n}", employees=900, country="FR")]
    found = routed(book(capacity={"Amira": 1, "Eva": 3}), events)
    assert Counter((one.seller, one.exception) for one in found.values()) == {
        ("Amira", None): 1, ("Eva", None): 3, (None, "full"): 1
    }  # fmt: skip
    (full,) = (one for one in found.values() if one.exception)
    assert full.to == "exceptions"
    assert full.why.endswith("route big. Nobody in key-accounts can take another lead this week.")


def test_the_week_of_a_seller_is_what_the_histories_say_and_begins_on_monday():
    rules = book(capacity={"Ugo": 2})
    monday = 4  # 5 January 2026
    had = [
        *lead("A", -30), identify("A", -20, owner="Ugo"), identify("A", monday + 1, owner="ugo "),  # long his
        *lead("B", -30), identify("B", -20, owner="Eva"), identify("B", monday + 1, owner="Ugo"),
        *lead("C", -30), identify("C", monday - 0.1, owner="Ugo"),
    ]  # fmt: skip
    new = lead("L1", employees=9)
    assert routed(rules, [*had, *new], monday + 2)["L1"].seller == "Ugo"
    again = [*had, *lead("D", -30), identify("D", monday + 1, owner="Ugo"), *new]
    assert routed(rules, again, monday + 2)["L1"].exception == "full"
    assert routed(rules, again, monday + 8)["L1"].seller == "Ugo"
    assert routed(rules, again, monday + 2)["D"].why.endswith("Ugo has it already.")


def test_a_colleague_goes_to_the_same_seller_whatever_the_week():
    rules = book(capacity={"Amira": 1, "Eva": 1, "Ugo": 1})
    events = [
        *lead("L1", employees=900, country="FR", email_domain="acme.fr"), identify("L1", 8, owner="Eva"),
        *lead("L2", employees=900, country="FR", email_domain="ACME.fr"),
        *lead("L3", employees=900, country="FR", email_domain="gmail.com"),
        *lead("L4", employees=900, country="FR", email_domain="gmail.com"),
    ]  # fmt: skip
    found = routed(rules, events)
    assert (found["L2"].seller, found["L2"].why.split(". ")[1]) == ("Eva", "Eva has L1 of the same company, acme.fr.")
    assert sorted([found["L3"].exception or "", found["L4"].exception or ""]) == ["", "full"]
    apart = routed(book(capacity={"Amira": 1, "Eva": 1, "Ugo": 1}, sticky=False), events)
    assert apart["L2"].seller == "Amira" or apart["L2"].exception == "full"


def test_a_seller_who_is_in_no_team_any_more_holds_nothing():
    events = [
        *lead("L1", employees=900, country="FR", email_domain="acme.fr"), identify("L1", 8, owner="Gone"),
        *lead("L2", employees=900, country="FR", email_domain="acme.fr"),
    ]  # fmt: skip
    found = routed(book(), events)
    assert found["L1"].seller == found["L2"].seller
    assert found["L1"].seller in ("Amira", "Eva")


def test_key_accounts_come_first_and_then_the_greatest_potential():
    rules = playbook(
        features={"traits": TRAITS},
        routes=[
            {"name": "named", "when": {"country": "FR"}, "to": "team", "first": True},
            {"name": "rest", "when": {}, "to": "team"},
        ],
        routing={"teams": {"team": ["Eva"]}, "capacity": {"Eva": 2}, "amount_trait": "budget"},
    )
    events = [*lead("A", budget=9), *lead("B", budget=90), *lead("C"), *lead("D", country="FR")]
    found = routed(rules, events, chances={name: Chance(0.5) for name in "ABCD"})
    assert {name: one.seller for name, one in found.items()} == {"A": None, "B": "Eva", "C": None, "D": "Eva"}


weeks = st.dictionaries(st.sampled_from(["Amira", "Eva", "Ugo", "Zoe"]), st.integers(1, 9), min_size=1)


@given(capacity=weeks, leads=st.lists(st.text(max_size=4), max_size=40))
def test_shares_of_capacity_differ_by_one_lead_at_most_and_nobody_takes_more(capacity, leads):
    routing = Routing(teams={"t": tuple(capacity)}, capacity=capacity)
    week = Rotation(routing, "2026-W09")
    given_ = []
    for one in leads:
        if (seller := week.next(one, "t")) is not None:
            week.give(seller)
        given_.append(seller)
        shares = {name: week.of(name) / most for name, most in capacity.items()}
        assert all(shares[name] - 1 / capacity[name] <= min(shares.values()) + 1e-9 for name in capacity)
    assert given_.count(None) == max(0, len(leads) - sum(capacity.values()))


@given(leads=st.lists(st.text(max_size=4), max_size=40), week=st.sampled_from(["2026-W09", "2026-W10"]))
def test_without_limits_sellers_differ_by_one_lead_at_most(leads, week):
    turns = Rotation(Routing(teams={"t": ("Amira", "Eva", "Ugo")}), week)
    for one in leads:
        turns.give(turns.next(one, "t"))
        counts = [turns.of(name) for name in ("Amira", "Eva", "Ugo")]
        assert max(counts) - min(counts) <= 1


def test_no_seller_is_always_the_first_of_the_week():
    routing = Routing(teams={"t": ("Amira", "Eva")})
    first = Counter(Rotation(routing, f"2026-W{week:02d}").next("L1", "t") for week in range(1, 53))
    assert min(first["Amira"], first["Eva"]) > 13


# Whatever the leads are


days = st.floats(0, 20, allow_nan=False)
people = st.fixed_dictionaries(
    {},
    optional={
        "employees": st.sampled_from([0, 499, 499.5, 500, 1200, "many"]),
        "country": st.sampled_from(["FR", "fr", "DE", "BE", ""]),
        "email_domain": st.sampled_from(["acme.fr", "ACME.FR", "b.io", "gmail.com"]),
        "owner": st.sampled_from(["Amira", "eva", "Ugo", "Gone", ""]),
    },
)
stories = st.lists(
    st.tuples(
        st.sampled_from(["L0", "L1", "L2", "L3", "L4"]),
        st.one_of(people, st.sampled_from(["Lead Created", "Deal Won", "Deal Lost", "Visit"])),
        days,
        st.floats(0, 5),
    ),
    max_size=24,
)
RULES = book(capacity={"Amira": 2, "Eva": 2, "Ugo": 1}, exceptions="triage")


@pytest.mark.parametrize("late", [{"employees": 900, "country": "FR"}, {"owner": "Ugo"}, {"email_domain": "acme.fr"}])
def test_a_word_counts_from_the_moment_it_is_known_not_from_that_it_is_true_of(late):
    held = [*lead("L0", email_domain="acme.fr"), identify("L0", 1, owner="Ugo"), *lead("L1")]
    rules = book({"name": "r", "when": {}, "to": "t"}, teams={"t": ["Eva", "Ugo"]}, capacity={"Eva": 9, "Ugo": 1})
    before, unseen, seen = (
        [routed(each, [*held, *more], 6)["L1"] for each in (book(), rules)]
        for more in ([], [identify("L1", 2, known=6, **late)], [identify("L1", 2, known=5.9, **late)])
    )
    assert unseen == before
    assert seen != before


def events_of(story):
    return [
        identify(name, day, known=day + late, **what)
        if isinstance(what, dict)
        else track(name, what, day, known=day + late)
        for name, what, day, late in story
    ]


@settings(max_examples=60)
@given(story=stories, day=st.sampled_from([2, 9, 16]))
def test_every_lead_has_one_place_and_what_is_known_later_changes_nothing(story, day):
    events = [*(track(f"L{n}", "Lead Created", n / 10) for n in range(4)), *events_of(story)]
    log, past = log_of(*events), log_of(*(one for one in events if one.known_at < at(day)))
    leads = visible_leads(past, at(day))
    found = route(RULES, log, leads, at(day))
    assert found == route(RULES, past, leads, at(day))
    assert account_won(log, RULES, at(day)) == account_won(past, RULES, at(day))
    companies: dict[str, set[str]] = {}
    for one in found:
        places = [one.status == "routed" and one.route in ("big", "rest"), one.status == "exception", one.to is None]
        assert sum(places) == 1
        assert (one.to == "triage") == (one.exception is not None)
        assert (one.seller is not None) == (one.status == "routed")
        assert one.why
        if one.status == "routed":
            company = newest(events, one.lead_id, "email_domain", day)
            owner = newest(events, one.lead_id, "owner", day)
            if company not in (None, "gmail.com") and (owner or "").lower() not in ("amira", "eva", "ugo"):
                companies.setdefault(company.lower(), set()).add(one.seller)
    assert all(len(sellers) == 1 for sellers in companies.values())  # stickiness, of those nobody had before


def newest(events, name, trait, day):
    """What was visible of a trait, the obvious way; of two words of one moment the one that was known last."""
    told = [
        (one.occurred_at, one.known_at, place, one.traits[trait])
        for place, one in enumerate(events)
        if one.lead_id == name and one.known_at < at(day) and trait in (one.traits or {})
    ]
    return max(told)[-1] if told else None


# Companies


def test_when_a_contact_is_won_open_colleagues_are_account_won():
    rules = book()
    events = [
        *lead("W", 0, email_domain="acme.fr"), track("W", "Deal Won", 5, known=6),
        *lead("colleague", 1, email_domain="Acme.fr"),
        *lead("later", 7, email_domain="acme.fr"),
        *lead("lost", 1, email_domain="acme.fr"), track("lost", "Deal Lost", 3),
        *lead("elsewhere", 1, email_domain="b.io"),
    ]  # fmt: skip
    log = log_of(*events)
    assert account_won(log, rules, at(6)) == {}
    assert account_won(log, rules, at(8)) == {"colleague": AccountWon("acme.fr", "W", at(5))}
    found = routed(rules, events, 8)
    assert found["colleague"].status == "account_won"
    assert found["colleague"].why == "Its company, acme.fr, was won with W on 6 Jan 2026."
    assert {name: found[name].status for name in ("W", "later", "lost", "elsewhere")} == {
        "W": "converted", "later": "routed", "lost": "lost", "elsewhere": "routed"
    }  # fmt: skip


def test_without_a_trait_of_companies_nobody_is_account_won():
    plain = playbook(features={"traits": {}}, routes=[{"name": "r", "to": "x"}])
    assert account_won(log_of(*lead("A"), track("A", "Deal Won", 1)), plain, at(9)) == {}
