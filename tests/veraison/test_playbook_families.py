"""The tables of families, returns and consent: what is usual, and each mistake as one line with the key's path."""

import json

import pytest

from serving.feedback import REASONS as ASKED_FOR
from tests.veraison.test_playbook import LEAST, load, refusal
from veraison.playbook import OF_NO_MODEL
from veraison.playbook_returns import REASONS, Return, follows

TRAITS = '[features.traits]\nemployees = "number"\nrole = "category"\nstage = "category"\n'
X = '[families.x]\nnext = "a"\n'
_OF = "postponed, wrong_contact, not_mature, no_budget, other"
BAD = {
    "families = 3\n" + LEAST: "families: should be a table (got 3)",
    LEAST + "[families]\nidle = 3": (
        "families: 'idle' is no key; there are idle_days and take_back_days, and a table [families.<name>] for each "
        "family"
    ),
    LEAST + '[families]\ntake_back_days = "x"': "families.take_back_days: should be a whole number (got 'x')",
    LEAST + "[families]\nidle_days = -1": "families.idle_days: should be greater than or equal to 0 (got -1)",
    LEAST + "[families.x]\nwhem = {}": ("families.x.whem: unknown key; allowed in [families.x]: idle_days, next, when"),
    LEAST + X: "families.x: does not say whom it takes; give it when = {...} (got 'x')",
    LEAST + "[families.x]\nwhen = {}": "families.x: does not say what to do; give it next = \"...\" (got 'x')",
    LEAST + X + "when = {}\n[families.dormant]": (
        "families.dormant: never takes a lead: x before it takes everybody (got 'dormant')"
    ),
    LEAST + "[families.nurture]\n[families.dormant]": (
        "families.dormant: never takes a lead: nurture before it takes everybody (got 'dormant')"
    ),
    LEAST + X + "when = {score = 3}\n[families.X]\nwhen = {}\nnext = 'b'": (
        "families.X: is the family 'x' once more; each needs a name of its own (got 'X')"
    ),
    LEAST + "[families.hot]\nwhen = {}": "families.hot.when: is decided by what sales and the score say; leave it out",
    LEAST + TRAITS + X + "when = {shoe = 3}": (
        "families.x.when.shoe: is neither a trait of [features.traits] (employees, role, stage) nor probability, "
        "score, grade, expected_value, days_idle, returned or stage (got 3)"
    ),
    LEAST + TRAITS + X + 'when = {stage = "mql"}': (
        "families.x.when.stage: is a trait and a word of [families]; the trait needs another name to be asked for "
        "(got 'mql')"
    ),
    LEAST + X + 'when = {stage = "sql"}': (
        "families.x.when.stage: 'sql' is none of anonymous, mql, customer (got 'sql')"
    ),
    LEAST + X + 'when = {days_idle = "<0"}': (
        "families.x.when.days_idle: takes no value at all, so no lead; it is at least 0 (got '<0')"
    ),
    LEAST + X + 'when = {returned = "bored"}': (
        f"families.x.when.returned: 'bored' is no reason that sales are asked for; those are: {_OF} (got 'bored')"
    ),
    LEAST + X + 'when = {expected_value = ">5"}': (
        "families.x.when.expected_value: needs an amount: routing.amount_trait, amount_events or amount_else (got '>5')"
    ),
    LEAST + "[returns.bored]\ndays = 3": (
        f"returns.bored: is no reason that sales are asked for; those are: {_OF} (got 'bored')"
    ),
    LEAST + "[returns.other]\ndays = -3": (
        'returns.other.days: is a whole number of days in [0; 731], or "always" (got -3)'
    ),
    LEAST
    + "[returns.other]\nday = 3": "returns.other.day: unknown key; allowed in [returns.other]: days, next, on_date",
    LEAST + "[consent]\nrequired = true": (
        "consent: required = true, and nothing says yes, so nobody could be contacted; name a trait or granted_events"
    ),
    LEAST + '[consent]\ntrait = "c"\ngranted = [" NO"]': (
        "consent: 'no' stands in both granted and withdrawn; a word means one thing"
    ),
    LEAST + '[consent]\ngranted_events = ["A"]\nwithdrawn_events = ["A"]': (
        "consent: 'A' stands in both granted_events and withdrawn_events; a word means one thing"
    ),
    LEAST + '[consent]\ntrait = "c"\ngranted = []\nwithdrawn = []': (
        "consent: names a trait, and no text of it that means anything; give granted or withdrawn"
    ),
    LEAST + "[consent]\nasked = true": (
        "consent.asked: unknown key; allowed in [consent]: granted, granted_events, required, trait, withdrawn, "
        "withdrawn_events"
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.items())
def test_a_mistake_is_one_line_with_the_keys_path(tmp_path, text, sentence):
    assert refusal(tmp_path, text) == sentence


def test_whom_it_names_none_the_usual_families_are_there_and_the_last_takes_everybody(tmp_path):
    usual = load(tmp_path, LEAST).families
    assert list(usual.in_order) == ["postponed", "wrong_contact", "dormant", "nurture"]
    own = load(tmp_path, LEAST + TRAITS + X + 'when = {role = "x"}\n[families.dormant]\nidle_days = 9').families
    assert {name: one.idle_days for name, one in own.in_order.items()} == {"x": 30, "dormant": 9, "nurture": 30}
    assert own.in_order["dormant"].when == {"days_idle": ">=90"}
    last = load(tmp_path, LEAST + X + "when = {}\nidle_days = 0\n[families.hot]\nidle_days = 2").families
    assert {name: one.idle_days for name, one in last.in_order.items()} == {"x": 0}
    assert [last.idle_of(name) for name in ("with_sales", "taken_back", "hot")] == [14, 0, 2]
    assert [last.next_of(name) for name in ("x", "hot")] == ["a", ""]


def test_what_follows_a_reason_is_as_usual_where_the_playbook_does_not_say_it(tmp_path):
    said = load(tmp_path, LEAST + '[returns.postponed]\ndays = 9\n[returns.wrong_contact]\nnext = "Ask."').returns
    assert follows(said, "postponed") == Return(days=9, on_date=True)
    assert follows(said, "wrong_contact") == Return(days="always", next="Ask.")
    assert follows(said, "as they call it") == follows(said, None) == Return(days=30)
    assert REASONS == ASKED_FOR


def test_they_change_no_model(tmp_path):
    text = X + 'when = {}\n[returns.other]\ndays = 3\n[consent]\ntrait = "c"\n'
    plain, told = load(tmp_path, LEAST), load(tmp_path, LEAST + text)
    assert plain.fingerprint == told.fingerprint
    assert not {"families", "returns", "consent"} & set(json.loads(plain.model_dump_json(exclude=OF_NO_MODEL)))
    assert type(told).model_validate_json(told.model_dump_json()) == told
