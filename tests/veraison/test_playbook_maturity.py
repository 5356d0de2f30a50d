"""The table of maturity: what it means by default, and each mistake as one line with the key's path."""

import pytest

from tests.veraison.test_playbook import LEAST, load, refusal
from veraison.playbook import Playbook

TRAITS = '[features.traits]\nemployees = "number"\nrole = "category"\n'
RULE = '[[maturity.rules]]\nname = "prices"\nwithin_days = 14\n'
OFF = '[[maturity.off_topic]]\nname = "jobs"\n'
JOURNEY = '[journey]\nconverted = ["Won"]\nready = ["Accepted"]\nlost = ["No"]\nreturned = ["Back"]\n'


def test_what_a_playbook_says(tmp_path):
    text = (
        '[maturity]\nacts = ["Demo"]\n' + RULE + 'any = ["Pricing"]\nat_least = 2\n' + OFF + 'when = {role = "student"}'
    )
    book = load(tmp_path, LEAST + TRAITS + text)
    assert book.maturity is not None
    assert (book.maturity.acts, book.maturity.for_days, book.maturity.score) == (("Demo",), 30, True)
    assert [one.events for one in book.maturity.rules] == [("Pricing",)]
    both = load(tmp_path, LEAST + "[maturity]\n" + RULE + 'all = ["Guide", "Webinar"]')
    assert both.maturity is not None
    assert both.maturity.rules[0].events == ("Guide", "Webinar")
    for one in (book, both):
        assert Playbook.model_validate_json(one.model_dump_json()) == one
    assert load(tmp_path, LEAST).maturity is None
    bare = load(tmp_path, LEAST + "[maturity]").maturity
    assert bare is not None
    assert (bare.acts, bare.rules, bare.off_topic, bare.score) == ((), (), (), True)


NO_EVENT = 'names no event: any = ["Pricing Page Viewed"], or all = ["Guide Downloaded", "Webinar Attended"]'
BOTH = (
    'has both any and all; keep one: any = ["Pricing Page Viewed"], or all = ["Guide Downloaded", "Webinar Attended"]'
)
WRITE = 'when = {role = "student"}, or events = ["Job Application Sent"]'
BAD = {
    "[maturity]\nact = 3": "maturity.act: unknown key; allowed in [maturity]: acts, for_days, off_topic, rules, score",
    '[maturity]\nacts = "Demo"': "maturity.acts: should be a list, such as [\"Deal Won\"] (got 'Demo')",
    '[maturity]\nacts = ["Demo", "Demo"]': "maturity.acts: 'Demo' stands twice (got ['Demo', 'Demo'])",
    '[maturity]\nacts = [""]': "maturity.acts.0: should not be empty (got '')",
    "[maturity]\nfor_days = 0": "maturity.for_days: should be greater than or equal to 1 (got 0)",
    "[maturity]\nscore = 1": "maturity.score: should be true or false (got 1)",
    "[maturity]\nscore = false": (
        "maturity: names no act and no rule, and the score does not count: no lead would ever be mature"
    ),
    RULE: "maturity.rules.0: " + NO_EVENT,
    RULE + 'any = ["A"]\nall = ["B"]': "maturity.rules.0: " + BOTH,
    RULE + 'all = ["A", "B"]\nat_least = 3': (
        "maturity.rules.0: at_least is of any: all asks for each of its events once; leave it out"
    ),
    RULE + 'any = ["A"]\nat_least = 0': "maturity.rules.0.at_least: should be greater than or equal to 1 (got 0)",
    RULE + 'any = ["A", "A"]': "maturity.rules.0: 'A' stands twice in any",
    RULE.replace("14", "0")
    + 'any = ["A"]': "maturity.rules.0.within_days: should be greater than or equal to 1 (got 0)",
    RULE.replace("within_days = 14", 'any = ["A"]'): "maturity.rules.0.within_days: is required and missing",
    RULE + 'any = ["A"]\nevery = 3': (
        "maturity.rules.0.every: unknown key; allowed in [maturity.rules.0]: all, any, at_least, name, within_days"
    ),
    (RULE + 'any = ["A"]\n') * 2: "maturity.rules.1.name: is the name of an earlier one too (got 'prices')",
    OFF: "maturity.off_topic.0: has no condition, so it would take all: " + WRITE,
    OFF + 'events = ["A"]\nwhen = {role = "x"}': (
        "maturity.off_topic.0: has both when and events; make two of it: " + WRITE
    ),
    (OFF + 'events = ["A"]\n') * 2: "maturity.off_topic.1.name: is the name of an earlier one too (got 'jobs')",
    OFF + 'when = {country = "FR"}': (
        "maturity.off_topic.0.when.country: is no trait of [features.traits] (employees, role) (got 'FR')"
    ),
    OFF + 'when = {score = "<20"}': (
        "maturity.off_topic.0.when.score: is no trait of [features.traits] (employees, role) (got '<20')"
    ),
    OFF + 'when = {employees = "few"}': (
        "maturity.off_topic.0.when.employees: 'few' is no condition on a number; "
        'write ">=500", "<500", "50..499", "50..<500", "missing", "known", a list of such, or {not = ...} (got \'few\')'
    ),
    '[maturity]\nacts = ["Demo"]\n' + OFF + 'events = ["Demo"]': (
        "maturity.off_topic.0.events: 'Demo' stands in maturity.acts too; keep one (got 'Demo')"
    ),
    '[maturity]\nacts = ["Won"]': (
        "maturity.acts: 'Won' stands in journey.converted: what follows it is no sign of maturity (got 'Won')"
    ),
    RULE + 'all = ["Guide", "No"]': (
        "maturity.rules.0.all: 'No' stands in journey.lost: what follows it is no sign of maturity (got 'No')"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_each_mistake_is_one_line(tmp_path, text):
    assert refusal(tmp_path, JOURNEY + TRAITS + text) == BAD[text]
