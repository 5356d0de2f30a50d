"""`veraison routes check`: what it says of good and bad rules, with and without a past, for people and for machines."""

import json
import shutil
import sys
from dataclasses import replace

import polars as pl
import pytest

from data.store import Store
from serving.models import load_champion
from serving.routing import chances_of
from serving.routing_history import moments, shares
from serving.scorer import score
from tests.histories import alias, at, identify, log_of, named, playbook, track
from veraison.cli import common, main
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

JOURNEY = '[journey]\ncreated = ["Lead Created"]\nready = ["Accepted"]\nconverted = ["Deal Won"]\n'
TRAITS = '[features.traits]\nemployees = "number"\ncountry = "category"\n'
BIG = '[[routes]]\nname = "big"\nto = "key-accounts"\nwhen = {employees = ">=500"}\n'
SMALL = '[[routes]]\nname = "small"\nto = "inside-sales"\nwhen = {employees = "<500"}\n'
LOST = '[[routes]]\nname = "lost"\nto = "inside-sales"\nwhen = {employees = "missing"}\n'
QUEUE = '[routing]\nexceptions = "triage"\n'


@pytest.fixture
def check(monkeypatch, capsys, tmp_path):
    """Run the command on a playbook: exit code, what it says, and what it says beside that."""
    for console in (common.out, common.errors):
        monkeypatch.setattr(console, "_width", 120)

    def run(text, *words):
        (tmp_path / "playbook.toml").write_text(JOURNEY + TRAITS + text, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["veraison", "routes", "check", "-w", str(tmp_path), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def events():
    """Ten leads that sales accepted on day 5: seven small, one big, one that became big later, one unknown."""
    for n in range(10):
        yield track(f"L{n}", "Lead Created", 0)
        yield track(f"L{n}", "Accepted", 5, known=6)
        yield track(f"L{n}", "Accepted", 8)
    for n in range(8):
        yield identify(f"L{n}", 2, employees=9.0)
    yield identify("L7", 4, employees=900.0)
    yield identify("L8", 2, employees=900.0)
    yield identify("L9", 4, known=5.5, employees=1.0)  # nobody could see it when they accepted
    yield track("A", "Lead Created", 1)  # never accepted
    yield track("anonymous", "Accepted", 3)
    yield alias("anonymous", "L0", 9)


def filled(folder):
    with Store(f"sqlite:///{folder / 'veraison.db'}") as store:
        store.append(named(events()))


def test_rules_that_partition_are_said_to(check):
    code, said, beside = check(BIG + SMALL + LOST)
    assert (code, said) == (0, "3 routes partition the leads: every lead there can be is taken by one\n")
    assert "no events there, so nothing is said of leads of the past" in beside


def test_each_overlap_and_gap_is_named_with_an_example(check):
    code, said, _ = check(BIG + SMALL.replace("<500", "<=500") + LOST.replace("employees", "country"))
    assert code == 1
    assert said.splitlines() == [
        "overlap: big and small both take employees 500 (all such: employees 500)",
        "overlap: big and lost both take employees 500, country missing (all such: employees >= 500; country missing)",
        "overlap: small and lost both take employees 499, country missing "
        "(all such: employees <= 500; country missing)",
        "gap: no route takes employees missing, country (any other country) "
        "(all such: employees missing; country known)",
        "3 routes: 3 overlaps, 1 gap",
    ]


def test_gaps_are_well_where_a_queue_takes_them_and_overlaps_never_are(check):
    code, said, _ = check(BIG + SMALL + QUEUE)
    assert (code, said.splitlines()) == (
        0,
        [
            "exception: triage gets employees missing (all such: employees missing)",
            "2 routes and the queue triage partition the leads: every lead there can be is taken by one of them",
        ],
    )
    assert check(BIG + SMALL)[0] == 1
    assert check(BIG + SMALL.replace("<500", "<=500") + QUEUE)[0] == 1


def test_a_route_that_never_takes_a_lead_is_named(check):
    first = SMALL.replace('"small"', '"first"').replace("<500", "known") + "first = true\n"
    code, said, _ = check(SMALL + LOST + first)
    assert (code, said.splitlines()[0]) == (0, "idle: small never takes a lead")


def test_the_past_is_counted_when_sales_accepted_on_what_was_known_then(check, tmp_path):
    filled(tmp_path)
    code, said, beside = check(BIG + SMALL + QUEUE + "goal = 0.1\n")
    assert code == 0
    assert "10 leads of the past, when sales accepted them" in said
    rows = [line.replace("│", " ").split() for line in said.splitlines() if "%" in line]
    assert rows[:4] == [
        ["big", "key-accounts", "2", "20.0%"],
        ["small", "inside-sales", "7", "70.0%"],
        ["(no", "route)", "triage", "1", "10.0%"],
        ["(several", "routes)", "triage", "0", "0.0%"],
    ]
    assert said.endswith("exceptions: 10.0% of the leads; the goal is at most 10.0%: met\n")
    assert "as of 2026-01-10" in beside
    assert check(BIG + SMALL + QUEUE)[1].endswith("the goal is at most 5.0%: not met\n")
    assert "no lead of the past was ever to be routed" in check(BIG + SMALL, "--as-of", "2026-01-02")[2]
    assert "routes ask for country, which nobody has ever told" in check(LOST.replace("employees", "country"))[2]


def test_for_machines_it_is_one_object(check, tmp_path):
    filled(tmp_path)
    code, said, _ = check(BIG + SMALL, "--json")
    assert (code, json.loads(said)) == (
        1,
        {
            "routes": 2,
            "partition": False,
            "sound": False,
            "overlaps": [],
            "gaps": [{"lead": {"employees": None}, "all_such": {"employees": "missing"}}],
            "more_gaps": False,
            "undecided": False,
            "idle": [],
            "exceptions": None,
            "past": {
                "at": "accepted",
                "leads": 10,
                "routes": {"big": 2, "small": 7},
                "exceptions": {"no route": 1, "several routes": 0},
                "share_of_exceptions": 0.1,
                "goal": 0.05,
                "met": False,
            },
        },
    )


def test_routed_leads_can_be_written(check, tmp_path, monkeypatch, capsys):
    filled(tmp_path)
    check(BIG + SMALL + QUEUE)
    for form in ("csv", "json"):
        words = ["leads", "-w", str(tmp_path), "--as-of", "2026-01-07", "--out", str(tmp_path / f"routed.{form}")]
        monkeypatch.setattr(sys, "argv", ["veraison", "routes", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        said = capsys.readouterr().err
        assert "11 rows" in said
        assert "not routed: 1 not_started" in said
    rows = json.loads((tmp_path / "routed.json").read_text(encoding="utf-8"))
    assert [row["to"] for row in rows if row["lead_id"] in ("L0", "L7", "L8", "A")] == [
        "triage", "inside-sales", "key-accounts", "key-accounts"
    ]  # fmt: skip
    table = pl.read_csv(tmp_path / "routed.csv", infer_schema=False)
    assert table.to_dicts() == rows
    monkeypatch.setattr(sys, "argv", ["veraison", "routes", "leads", "-w", str(tmp_path), "--out", "routed.xlsx"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_what_cannot_be_checked_is_one_line(check):
    code, said, beside = check("")
    assert (code, said) == (1, "")
    assert beside.strip().endswith('no routes there; write [[routes]] name = "all" to = "sales"')
    code, said, beside = check(BIG.replace("employees", "employes"))
    assert (code, said, beside.count("\n")) == (1, "", 1)
    assert "routes.0.when.employes: is neither a trait" in beside


def test_without_a_model_rules_about_scores_are_proved_all_the_same(check, tmp_path):
    filled(tmp_path)
    good, poor = BIG.replace('employees = ">=500"', 'grade = "A"'), SMALL.replace("employees", "score")
    code, said, beside = check(good + poor.replace("<500", "<65") + LOST.replace("employees", "score"))
    assert (code, said) == (0, "3 routes partition the leads: every lead there can be is taken by one\n")
    assert "so nothing is said of leads of the past: no model yet" in beside.replace("\n", " ")


def test_without_acceptance_leads_are_counted_a_minute_after_their_creation():
    book = playbook(features={"traits": {"employees": "number"}})
    log = log_of(*events())
    lead, as_of = moments(book, log, at(20))
    assert {log.leads[code]: moment for code, moment in zip(lead, as_of, strict=True)} == {
        **{f"L{n}": at(0) + 60_000_000 for n in range(10)}, "A": at(1) + 60_000_000
    }  # fmt: skip


def test_what_becomes_known_later_changes_nothing_of_the_past():
    rules = [{"name": "big", "when": {"employees": ">=500"}, "to": "x"}]
    book = playbook(journey={"ready": ["Accepted"]}, features={"traits": {"employees": "number"}}, routes=rules)
    for day in range(1, 12):
        past = [one for one in events() if one.known_at < at(day)]
        assert shares(book, log_of(*events()), at(day)) == shares(book, log_of(*past), at(day))


def test_the_champion_says_the_scores_that_routes_ask_for(check, tmp_path, trained_workspace):
    for name in ("veraison.db", "champion"):
        (shutil.copytree if (trained_workspace / name).is_dir() else shutil.copy)(
            trained_workspace / name, tmp_path / name
        )
    text = BIG.replace('employees = ">=500"', 'grade = ["A", "B"]') + SMALL.replace("employees", "score").replace(
        "<500", "<50"
    )
    code, said, _ = check(text.replace("Accepted", "Sales Accepted") + QUEUE, "--json")
    assert code == 0
    assert json.loads(said)["past"]["leads"] == 0  # this journey's acceptance never occurs there
    (tmp_path / "playbook.toml").write_text(
        (trained_workspace / "playbook.toml").read_text(encoding="utf-8") + text + QUEUE, encoding="utf-8"
    )
    book, bundle = load_playbook(tmp_path / "playbook.toml"), load_champion(Workspace(tmp_path))
    plain, routed = (replace(bundle, playbook=one, saved_as=None) for one in (bundle.playbook, book))
    assert plain.version == routed.version  # other routes are no other model
    with Store(f"sqlite:///{tmp_path / 'veraison.db'}", book.identity.keys) as store:
        log = store.scan()
    found = shares(book, log, log.newest + 1, bundle)
    lead, as_of = moments(book, log, log.newest + 1)
    told = chances_of(score(bundle, log, [log.leads[code] for code in lead], as_of))
    assert found.leads == len(lead) > 50
    assert found.routes == {
        "big": sum(one.score is not None and one.score >= 50 for one in told),
        "small": sum(one.score is not None and one.score < 50 for one in told),
    }
