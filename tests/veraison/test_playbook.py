"""The firm's definitions: whatever is wrong in them is one line with the key, what is wrong, and what is allowed."""

import re
import tomllib
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from data.simulator.files import playbook_text
from tests.support import ROOT
from veraison.errors import PlaybookError
from veraison.playbook import Playbook
from veraison.playbook_families import Family
from veraison.playbook_file import load_playbook
from veraison.playbook_maturity import MaturityRule, OffTopic
from veraison.playbook_model import ModelSettings
from veraison.playbook_returns import Return, follows
from veraison.playbook_routes import Route
from veraison.playbook_stages import Stage

LEAST = '[journey]\nconverted = ["Deal Won"]\n'
JOURNEY = "contacts, converted, created, lost, observed_from, opted_out, ready, returned, worked, worked_days"


def load(folder, text, name="playbook.toml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_playbook(path)


def refusal(folder, text):
    with pytest.raises(PlaybookError) as raised:
        load(folder, text)
    sentence = str(raised.value)
    start = f"{folder / 'playbook.toml'}: "
    assert sentence.startswith(start)
    assert sentence.isprintable()
    assert len(sentence) < len(start) + 300
    return sentence.removeprefix(start)


BAD = {
    "": 'journey: is required and missing; write [journey] converted = ["Deal Won"] with your own event name',
    "[journey]": (
        'journey.converted: is required and missing; write [journey] converted = ["Deal Won"] with your own event name'
    ),
    "journey = 3": "journey: should be a table (got 3)",
    "[journey]\nconverted = []": "journey.converted: needs the name of at least one event (got [])",
    '[journey]\nconverted = "Won"': ("journey.converted: should be a list, such as [\"Deal Won\"] (got 'Won')"),
    "[journey]\nconverted = [3]": "journey.converted.0: should be text (got 3)",
    '[journey]\nconverted = [""]': "journey.converted.0: should not be empty (got '')",
    LEAST + 'created = ["Deal Won"]': (
        "journey: 'Deal Won' stands in both created and converted; an event means one thing"
    ),
    LEAST + 'lost = ["No", "No"]': "journey: 'No' stands twice in lost; an event means one thing",
    LEAST + 'won = ["Deal Won"]': f"journey.won: unknown key; allowed in [journey]: {JOURNEY}",
    LEAST + "[horizon]\ndays = [7]": (
        "horizon: unknown key; allowed at the top level: " + ", ".join(sorted(Playbook.model_fields))
    ),
    LEAST + '"a\\nb" = 1': f"journey.a\\nb: unknown key; allowed in [journey]: {JOURNEY}",
    LEAST + "observed_from = 2017-12-05": (
        "journey.observed_from: needs a date, a time and a zone; write it as 2026-03-01T09:12:00Z (got 2017-12-05)"
    ),
    LEAST + "observed_from = 1512432000": (
        "journey.observed_from: needs a date, a time and a zone; write it as 2026-03-01T09:12:00Z (got 1512432000)"
    ),
    LEAST + 'observed_from = "last year"': (
        "journey.observed_from: is not a date; write it as 2026-03-01T09:12:00Z (got 'last year')"
    ),
    LEAST + 'observed_from = "2017-12-05T00:00:00"': (
        "journey.observed_from: has no zone; write it as 2026-03-01T09:12:00Z (got '2017-12-05T00:00:00')"
    ),
    LEAST + "[horizons]\ndays = []": "horizons.days: needs at least one whole number of days in [1; 3650] (got [])",
    LEAST + "[horizons]\ndays = [0]": "horizons.days: needs at least one whole number of days in [1; 3650] (got [0])",
    LEAST + "[horizons]\ndays = [7, 9999999]": (
        "horizons.days: needs at least one whole number of days in [1; 3650] (got [7, 9999999])"
    ),
    LEAST + "[horizons]\ndays = [7, 7]": "horizons.days: names a horizon twice (got [7, 7])",
    LEAST + "[horizons]\ndays = 7": 'horizons.days: should be a list, such as ["Deal Won"] (got 7)',
    LEAST + '[horizons]\ndays = ["7"]': "horizons.days.0: should be a whole number (got '7')",
    LEAST + "[horizons]\ndays = [7.5]": "horizons.days.0: should be a whole number (got 7.5)",
    LEAST + "[horizons]\nprimary = 31": "horizons: primary = 31 is not one of days = [7, 30, 90]",
    LEAST + "[horizons]\nprimary = true": "horizons.primary: should be a whole number (got True)",
    LEAST + "[features]\nwindows_days = [0]": (
        "features.windows_days: needs at least one whole number of days in [1; 365] (got [0])"
    ),
    LEAST + '[features]\ntraits = ["email"]': "features.traits: should be a table (got ['email'])",
    LEAST + '[features.traits]\nindustry = "text"': (
        "features.traits.industry: should be 'category', 'number', 'email' or 'account' (got 'text')"
    ),
    LEAST + "[features]\nmax_kinds = 0": "features.max_kinds: should be greater than or equal to 1 (got 0)",
    LEAST + '[identity]\nkeys = "email"': ("identity.keys: should be a list, such as [\"Deal Won\"] (got 'email')"),
    LEAST + "[identity]\nkey = 1": "identity.key: unknown key; allowed in [identity]: keys",
    LEAST + "[training]\nlandmark_days = [-1]": (
        "training.landmark_days: needs at least one whole number of days in [0; 3650] (got [-1])"
    ),
    LEAST + "[exploration]\nshare = 0.3": "exploration.share: should be less than or equal to 0.2 (got 0.3)",
    LEAST + "[exploration]\nshare = -0.1": "exploration.share: should be greater than or equal to 0 (got -0.1)",
    LEAST + '[training]\nweight_by = "worked"': (
        "training.weight_by: should be 'none' or 'exploration' (got 'worked')"
    ),
    LEAST + 'worked = ["Deal Won"]': (
        "journey: 'Deal Won' stands in both converted and worked; an event means one thing"
    ),
    LEAST + "worked_days = 0": "journey.worked_days: should be greater than or equal to 1 (got 0)",
    LEAST + "[training]\nmin_conversions = 9": (
        "training.min_conversions: should be greater than or equal to 10 (got 9)"
    ),
    LEAST + "[training]\nseed = 99999999999": "training.seed: should be less than 2147483648 (got 99999999999)",
    LEAST + "[training]\ngap_days = 400": "training.gap_days: should be less than or equal to 365 (got 400)",
    LEAST + "[scoring]\ngrades = {}": (
        "scoring.grades: needs falling bounds, best grade first, such as {A = 65, B = 50, C = 35, D = 0}"
    ),
    LEAST + "[scoring.grades]\nA = 10\nB = 20": (
        "scoring.grades: needs falling bounds, best grade first, such as {A = 65, B = 50, C = 35, D = 0}"
    ),
    LEAST + "[scoring.grades]\nA = 50\nB = 10": (
        "scoring.grades: needs bounds in [0; 100], the last one 0, so that every score has a grade"
    ),
    LEAST + "[scoring.grades]\nA = nan\nB = 0": "scoring.grades.A: should be a finite number (got nan)",
    LEAST + '[scoring.grades]\nA = "x"': "scoring.grades.A: should be a number (got 'x')",
    LEAST + '[scoring]\nreset_base = "no"': "scoring.reset_base: should be true or false (got 'no')",
    LEAST + "[monitoring]\nfalse_alarms = 0": (
        "monitoring.false_alarms: should be greater than or equal to 0.001 (got 0)"
    ),
    LEAST + "[monitoring]\nfalse_alarms = inf": "monitoring.false_alarms: should be a finite number (got inf)",
    LEAST
    + "[monitoring]\nfalse_alarms = 1.5": "monitoring.false_alarms: should be less than or equal to 0.2 (got 1.5)",
    LEAST + "[monitoring]\ncategory_share = -1\nfalse_alarms = -1": (
        "monitoring.false_alarms: should be greater than or equal to 0.001 (got -1) (and 1 more)"
    ),
    "stages = 3\n" + LEAST: "stages: should be a table (got 3)",
    LEAST + "[stages]\nmql = 3": "stages.mql: should be a table (got 3)",
    LEAST + "[stages.mql]\n": (
        "stages: the last one is not entered by journey.converted; end with [stages.customer] (got 'mql')"
    ),
    LEAST + "[stages.mql]\nevent = []\n[stages.customer]": (
        "stages.mql.event: unknown key; allowed in [stages.mql]: by, events, requires, rules"
    ),
    LEAST + "[stages.hot]\n[stages.customer]": (
        "stages.hot: does not say how a lead enters it; give it events, rules or by (got 'hot')"
    ),
    LEAST + '[stages.a]\nevents = ["X"]\n[stages.b]\nevents = ["Y", "X"]\n[stages.customer]': (
        "stages.b.events: 'X' enters a already; an entry is of one stage (got 'X')"
    ),
    LEAST + '[stages.a]\nrules = [{of = ["X"], within_days = 3}]\n[stages.b]\nevents = ["X"]\n[stages.customer]': (
        "stages.b.events: 'X' enters a already; an entry is of one stage (got 'X')"
    ),
    LEAST + '[stages.MQL]\nevents = ["X"]\n[stages.mql]\n[stages.customer]': (
        "stages.mql: is the stage 'MQL' once more; each needs a name of its own (got 'mql')"
    ),
    LEAST + '[stages.a]\nrules = [{of = ["X"], days = 3}]\n[stages.customer]': (
        "stages.a.rules.0.within_days: is required and missing (and 1 more)"
    ),
    LEAST + "[stages.a]\nrules = [{of = [], within_days = 3}]\n[stages.customer]": (
        "stages.a.rules.0.of: needs the name of at least one event (got [])"
    ),
    LEAST + 'lost = ["No"]\n[stages.a]\nevents = ["No"]\n[stages.customer]': (
        "stages.a.events: 'No' stands in journey.lost (got 'No')"
    ),
    LEAST + 'lost = ["No"]\n[stages.a]\nrules = [{of = ["X", "No"], within_days = 3}]\n[stages.customer]': (
        "stages.a.rules.0.of: 'No' stands in journey.lost (got 'No')"
    ),
    LEAST + '[stages.a]\nevents = ["Deal Won"]\n[stages.customer]': (
        "stages.a.events: 'Deal Won' stands in journey.converted; write by = [\"converted\"] (got 'Deal Won')"
    ),
    LEAST + "[stages.sql]\n[stages.customer]": (
        "stages.sql.by: journey.ready names no event by which sales accept a lead (got 'ready')"
    ),
    LEAST + '[stages.mql]\nby = ["created"]\n[stages.customer]': (
        "stages.mql.by: journey.created names no event (got 'created')"
    ),
    LEAST + '[stages.a]\nby = ["won"]\n[stages.customer]': (
        "stages.a.by.0: should be 'first_event', 'identity', 'created', 'ready' or 'converted' (got 'won')"
    ),
    LEAST + '[stages.a]\nevents = ["X", "X"]\n[stages.customer]': "stages.a: 'X' stands twice in events",
    LEAST + "[money]\nwindow_days = 0": "money.window_days: should be greater than or equal to 1 (got 0)",
    LEAST + "[money]\ntouches = {A = []}": "money.touches.A: needs the name of at least one event (got ())",
    LEAST + '[money]\ntouches = {A = ["X"], B = ["X"]}': (
        "money.touches.B: 'X' stands in A already; an event is a touch of one channel (got 'X')"
    ),
    LEAST + '[money]\ntouches = {A = ["Deal Won"]}': (
        "money.touches.A: 'Deal Won' stands in journey.converted; what ends a journey is no touch (got 'Deal Won')"
    ),
    LEAST + '[after_sale]\nlost = ["X"]': (
        "after_sale.lost: says something of a journey that has no conversion; name after_sale.converted (got ('X',))"
    ),
    LEAST + '[after_sale]\nconverted = ["X"]\nlost = ["X"]': (
        "after_sale: 'X' stands in both converted and lost; an event means one thing"
    ),
    LEAST + '[after_sale]\nconverted = ["X"]\nready = ["Deal Won"]': (
        "after_sale.ready: 'Deal Won' stands in journey.converted; a sale cannot mean that here (got 'Deal Won')"
    ),
    LEAST + '[after_sale]\nconverted = ["X"]\nprimary = 5': (
        "after_sale.primary: primary = 5 is not one of days = [7, 30, 90]; name after_sale.primary (got 5)"
    ),
    LEAST + '[after_sale]\nconverted = ["X"]\nmin_conversions = 9': (
        "after_sale.min_conversions: should be 0, or at least 10 (got 9)"
    ),
    LEAST + "[stages.customer]\n[stages.mql]": (
        "stages.customer: is entered by journey.converted, so it has to be the last; mql stands later (got 'customer')"
    ),
    LEAST + "[monitoring]\npsi = 0.2": (
        "monitoring.psi: is no key any more, as thresholds are calibrated (monitoring.false_alarms); leave it out"
    ),
    LEAST + "[monitoring]\nshare = 0.2": (
        "monitoring.share: is no key any more, as thresholds are calibrated (monitoring.false_alarms); leave it out"
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.items())
def test_a_mistake_is_one_line_with_the_keys_path_and_what_is_allowed(tmp_path, text, sentence):
    assert refusal(tmp_path, text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[journey", "not valid TOML: Expected ']'"),
        (f"a = {'9' * 5_000}", "not valid TOML: "),
        (f"a = {'[' * 3_000}", "not valid TOML: "),
        ('a = "\n"', "not valid TOML: Illegal character '\\n'"),
        (b"a = \xff", "not UTF-8 at byte 5"),
    ],
)
def test_what_is_not_toml_is_one_line(tmp_path, text, sentence):
    assert refusal(tmp_path, text).startswith(sentence)


def test_a_playbook_that_is_not_there_is_one_line_that_says_how_to_write_one(tmp_path):
    with pytest.raises(
        PlaybookError, match=r'^[^\n]*p.toml: no playbook there; .* \[journey\] converted = \["Deal Won"\]$'
    ):
        load_playbook(tmp_path / "p.toml")
    with pytest.raises(PlaybookError, match=r"^[^\n]*: cannot be read \(Is a directory\)$"):
        load_playbook(tmp_path)


def test_the_least_playbook_is_enough(tmp_path):
    book = load(tmp_path, LEAST)
    assert book == Playbook.model_validate({"journey": {"converted": ["Deal Won"]}})
    assert not book.has_readiness
    assert load(tmp_path, b"\xef\xbb\xbf" + LEAST.encode()) == book


def test_days_are_put_in_order(tmp_path):
    book = load(tmp_path, LEAST + "[horizons]\ndays = [90, 30]\n[features]\nwindows_days = [7, 1, 7]")
    assert (book.horizons.days, book.features.windows_days) == ((30, 90), (1, 7))


def test_stages_stand_in_their_order_and_the_usual_ones_know_how_they_are_entered(tmp_path):
    journey = LEAST + 'ready = ["Accepted"]\ncreated = ["Lead"]\n'
    usual = load(tmp_path, journey).zones
    assert [one.name for one in usual] == ["anonymous", "mql", "sql", "customer"]
    own = load(
        tmp_path,
        journey + '[stages.anonymous]\n[stages.mql]\nrequires = ["email"]\n[stages.hot]\nevents = ["Demo"]\n'
        "[stages.sql]\n[stages.customer]",
    ).zones
    assert [one.name for one in own] == ["anonymous", "mql", "hot", "sql", "customer"]
    assert [(one.events, one.first_event, one.identity, one.accepted) for one in own if one.name != "hot"] == [
        (one.events, one.first_event, one.identity, one.accepted) for one in usual
    ]
    assert own[1].requires == ("email",)
    assert [one.events for one in own] == [(), ("Lead",), ("Demo",), ("Accepted",), ("Deal Won",)]


@pytest.mark.parametrize("text", ["2017-12-05T00:00:00Z", '"2017-12-05T01:00:00+01:00"'])
def test_a_moment_may_be_text_or_a_date_of_toml(tmp_path, text):
    book = load(tmp_path, LEAST + f"observed_from = {text}")
    assert book.journey.observed_from == datetime(2017, 12, 5, tzinfo=UTC)


def test_a_bundle_can_carry_a_playbook_and_its_fingerprint_tells_every_change(tmp_path):
    book = load(tmp_path, playbook_text() + "[monitoring]\nfalse_alarms = 0.05\n[scoring]\ngrades = {A = 60, B = 0}\n")
    again = Playbook.model_validate_json(book.model_dump_json())
    assert again == book
    assert again.fingerprint == book.fingerprint
    other = load(tmp_path, playbook_text() + "[monitoring]\nfalse_alarms = 0.02\n[scoring]\ngrades = {A = 60, B = 0}\n")
    assert other.fingerprint != book.fingerprint


@pytest.mark.parametrize("path", sorted(ROOT.glob("data/mappings/*playbook*.toml")), ids=lambda path: path.name)
def test_the_playbooks_beside_the_mappings_are_good(path):
    assert load_playbook(path).journey.converted


def table_of(field):
    """The table that a key of the playbook is, or that its names or places hold."""
    among = (field.annotation, *get_args(field.annotation))
    return next(one for one in among if isinstance(one, type) and issubclass(one, BaseModel))


def test_every_key_is_documented_with_its_default():
    for table, field in Playbook.model_fields.items():
        lines = {line.split()[0]: line for line in table_of(field).__doc__.splitlines() if line.strip()}
        for key, about in table_of(field).model_fields.items():
            assert key in lines, f"[{table}] {key} is not in the docstring"
            default = about.get_default(call_default_factory=True)
            if default is not PydanticUndefined:
                assert re.search(rf"^ +{key} +{re.escape(shown(default))} +\w", lines[key]), lines[key]


def shown(default):
    """A default as TOML has it."""
    match default:
        case tuple():
            return str(list(default))
        case str():
            return f'"{default}"'
        case bool():
            return str(default).lower()
        case dict():
            return "{" + ", ".join(f"{name} = {bound:g}" for name, bound in default.items()) + "}"
        case ModelSettings():
            return shown(default.chosen)
    return str(default)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
tables = {
    table: st.dictionaries(st.sampled_from([*table_of(field).model_fields, "odd"]), values, max_size=3)
    for table, field in Playbook.model_fields.items()
}
tables["routes"] = st.lists(tables["routes"], max_size=3)
tables["stages"] = st.dictionaries(st.sampled_from(["mql", "hot", "customer", "x\n"]), tables["stages"] | values)


@given(given_=st.fixed_dictionaries({}, optional={name: plan | values for name, plan in tables.items()}))
def test_any_table_is_a_playbook_or_one_line(given_, monkeypatch, tmp_path):
    monkeypatch.setattr("veraison.playbook_file.tomllib.loads", lambda _: given_)
    path = tmp_path / "playbook.toml"
    path.write_text("")
    try:
        book = load_playbook(path)
    except PlaybookError as problem:
        assert str(problem).isprintable()
        assert len(str(problem)) < 1_000
    else:
        assert Playbook.model_validate_json(book.model_dump_json()) == book


def test_the_page_about_the_playbook_shows_every_key_with_its_default(tmp_path):
    page = (ROOT / "docs" / "playbook.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    written, book = tomllib.loads(text), load(tmp_path, text)
    assert set(written) == set(Playbook.model_fields)
    examples = {"journey", "outbound", "traits", "keys", "acts", "rules", "off_topic", "sellers"}
    assert {key for one in written.pop("stages").values() for key in one} == set(Stage.model_fields)
    returns = written.pop("returns")
    assert {name: dict(follows({}, name)) for name in returns} == returns
    assert {key for one in returns.values() for key in one} == set(Return.model_fields)
    families = {name: written["families"].pop(name) for name in book.families.named}
    assert {key for one in families.values() for key in one} == set(Family.model_fields)
    assert {key for route in written.pop("routes") for key in route} == set(Route.model_fields)
    maturity = written["maturity"]
    assert {key for one in maturity["rules"] for key in one} == set(MaturityRule.model_fields)
    assert {key for one in maturity["off_topic"] for key in one} == set(OffTopic.model_fields)
    for table, field in Playbook.model_fields.items():
        if table not in written:
            continue
        assert set(written[table]) == set(table_of(field).model_fields), table
        for key, about in table_of(field).model_fields.items():
            if not {table, key} & examples:
                default = about.get_default(call_default_factory=True)
                assert getattr(getattr(book, table), key) == default, f"[{table}] {key}"
