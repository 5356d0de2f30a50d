"""The page of monitoring and its JSON: what a journal says in two languages, and whatever else a journal may hold."""

import json
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, isoformat
from monitoring.reasons import Code
from serving.cause_words import told
from serving.lights import KINDS, QUESTIONS, lights
from serving.monitoring_charts import score_drift, weeks
from serving.reason_words import BECAUSE
from serving.translations import Words
from serving.verdicts import Cause, Journal, Verdict
from tests.journals import HOSTILE, SCORE, SILENT, WINS, drift, outcomes, story, verdict, write_journal
from tests.reading import BROWSER, Text
from tests.service import Door, door, market
from tests.serving.test_selection_words import band, record
from veraison.answers import Monitoring

NOW = market().now
PAGES = ("/monitoring", "/monitoring/conversions.svg", "/monitoring/scores.svg", "/monitoring/events.svg")


@pytest.fixture
def service(tmp_path: Path):
    with door(market().copy(tmp_path)) as opened:
        yield opened


def page(service: Door, path: str = "/monitoring", language: str = "en", status: int = 200) -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == status, answer.text
    return " ".join(" ".join(Text(answer.text).text).split())


def keep(service: Door, *verdicts: dict[str, Any], **more: Any) -> None:
    write_journal(service.market.workspace.reports, list(verdicts), **more)


# --- lights ------------------------------------------------------------------------------------------------------


def states(**sections: Any) -> dict[str, str]:
    return dict(lights(Verdict.model_validate(verdict(NOW, **sections))))


def test_a_light_is_what_was_found_and_grey_is_what_was_not_measured():
    whole = {"data": {"late": 0}}
    assert set(states(**whole).values()) == {"good"}
    assert set(states(drift=None, performance=None).values()) == {"unknown"}
    assert set(lights(None).values()) == {"unknown"}
    assert states(**whole, drift=drift(enough=False)) == dict.fromkeys(QUESTIONS, "good") | {
        "leads": "unknown", "scores": "unknown",
    }  # fmt: skip
    for kind, question in KINDS.items():
        for acts, state in ((True, "act"), (False, "watch")):
            cause = {"kind": kind, "name": "x", "acts": acts}
            found = states(**whole, causes=[cause])
            assert found == dict.fromkeys(QUESTIONS, "good") | {question: state}, kind


def test_a_model_that_ranks_below_its_promise_is_to_be_watched():
    for auc, state in ((0.83, "good"), (0.81, "good"), (0.79, "watch")):
        performance = {"promised": {"auc": 0.84}, "since_model": outcomes(auc), "newest": outcomes()}
        assert states(performance=performance)["model"] == state
    few = {"promised": {"auc": 0.84}, "since_model": outcomes(0.5, converted=19), "newest": outcomes(converted=19)}
    assert states(performance=few) == states() | {"model": "unknown", "conversions": "unknown"}


# --- words -------------------------------------------------------------------------------------------------------


BROKEN = {"kind": "calibration", "name": "observed_to_expected", "value": 0.48, "low": 0.3, "high": 0.66}
CAUSES = [
    SCORE, WINS, SILENT, WINS | {"name": "source=Webinar"}, SCORE | {"moved": 0.2},
    {"kind": "event_new", "name": "New", "first": "2025-03-01T00:00:00Z", "leads": 12},
    {"kind": "category_new", "name": "source=TV", "share": 0.12},
    {"kind": "source_silent", "name": "Ads", "last": "2025-03-01"}, {"kind": "source_silent", "name": "Ads"},
    {"kind": "source_new", "name": "TV"}, {"kind": "volume", "name": "Ads", "value": 3, "low": 20, "high": 58},
    WINS | {"event": "ready"}, WINS | {"event": "ready", "name": "source=Webinar"},
    {"kind": "inputs", "name": "share of columns", "share": 0.31},
    {"kind": "column", "name": "count__x", "psi": 0.4},
    {"kind": "slice", "name": "source=Webinar", "leads": 200, "observed": 9, "expected": 30.2},
    BROKEN,
    {"kind": "level", "name": "all", "before": 0.5, "factor": 0.62},
    {"kind": "level", "name": "source=Webinar", "before": 0.5, "factor": 0.62},
    {"kind": "quarantine", "name": "all events", "value": 40, "source": "http", "reason": "time"},
    *({"kind": kind, "name": "x"} for kind in ("bots", "late_events", "quarantine", "duplicates", "estimate")),
]  # fmt: skip


TRUTH = {
    "slices": [
        {"by": "score", "name": "70-80", "leads": 40, "observed": 11, "expected": 9.5, "low": 6.6, "high": 17.2,
         "p": 1.0, "off": False},
        {"by": "source", "name": "Webinar", "leads": 200, "observed": 9, "expected": 30.2, "low": 4.8, "high": 16.6,
         "p": 0.0004, "off": True},
        {"by": "stage", "name": "accepted by sales", "leads": 25, "observed": 6, "expected": 6.0, "low": 2.9,
         "high": 10.2, "p": 1.0, "off": False},
    ],
    "times": {
        "pairs": 90, "leads": 33, "promised_coverage": 0.8,
        "interval_coverage": {"value": 0.86, "low": 0.78, "high": 0.92},
        "timing_error_days": {"value": 5.6, "low": 4.4, "high": 6.9},
    },
}  # fmt: skip


def test_every_kind_of_cause_has_words_in_both_languages():
    assert {one["kind"] for one in CAUSES} == set(KINDS)
    for one in CAUSES:
        english, french = (told(Cause.model_validate(one), Words(language)) for language in ("en", "fr"))
        assert english
        assert french
        assert english != french, one


def test_what_a_sentence_says_is_what_was_measured():
    words = Words("fr")
    ratio = "Pour chaque vente attendue, il y en a eu 0,48 (entre 0,3 et 0,66)."
    assert told(Cause.model_validate(BROKEN), words) == ratio
    assert told(Cause.model_validate(WINS), Words("en")) == "21 leads were won where the model expected 40."
    unread = next(one for one in CAUSES if one["kind"] == "quarantine")
    assert (
        told(Cause.model_validate(unread), Words("en"))
        == "More messages than usual cannot be read. Most come from “http”. What is wrong most often: their times."
    )
    silent = "No “Quote Requested” has come since 1 Mar 2025; about 12 leads should have sent one. "
    assert told(Cause.model_validate(SILENT), Words("en")) == silent + "Is it called “Quote Asked” now?"


@given(
    kind=st.sampled_from([*KINDS, "other"]),
    numbers=st.dictionaries(
        st.sampled_from(
            ["last", "missed", "instead", "first", "leads", "share", "psi", "moved", "value", "low", "high"]
        ),
        st.none() | st.booleans() | st.text() | st.floats(allow_nan=True) | st.integers() | st.lists(st.text()),
    ),
)
def test_numbers_of_another_version_never_break_a_page(kind: str, numbers: dict[str, Any]):
    cause = Cause.model_construct(None, kind=kind, name="x", acts=True, **numbers)
    for language in ("en", "fr"):
        assert told(cause, Words(language)) != ""  # type: ignore[arg-type]


# --- the page ----------------------------------------------------------------------------------------------------


def test_nobody_has_looked_yet(service: Door):
    english, french = page(service), page(service, language="fr")
    assert "Nobody has looked yet. Run: veraison monitor" in english
    assert english.count("Not measured yet") == 6
    assert "Personne n’a encore regardé" in french
    assert service.market.bundle.version in english
    for path in PAGES[1:]:
        assert service.client.get(path).status_code == 404
    assert service.client.get("/monitoring/drift.html").status_code == 404
    assert service.get("/v1/monitoring").json() == {"newest": None, "verdicts": [], "next": None, "unreadable": 0}


def test_a_page_says_what_was_found_and_decided(service: Door):
    keep(service, *story(NOW))
    english, french = page(service), page(service, language="fr")
    assert "21 leads were won where the model expected 40." in english
    assert "21 prospects gagnés, le modèle en attendait 40." in french
    assert "Something calls for a new model, but it cannot be made, or judged, yet." in english
    assert "Too few outcomes are known to learn from." in english  # the monitor's own words
    assert "A new model was made, was not worse than the old one, and serves now." in english
    assert "Un nouveau modèle a été fait, n’était pas moins bon que l’ancien, et sert désormais." in french
    assert french.count("À traiter") == 1
    assert Text(service.client.get("/monitoring", headers=BROWSER).text).all("table", "class") == ["record journal"]
    rows = [len(Text(service.client.get(f"/monitoring?limit={limit}").text).all("th", "scope")) for limit in (5, 26)]
    assert rows == [3 + 5, 3 + 26]


def test_every_code_of_a_reason_has_words_or_is_told_by_what_was_done():
    told_by_what = {"calm", "training", "not_better", "waits", "asks", "promoted"}
    assert set(BECAUSE) | told_by_what == set(get_args(Code))
    assert not told_by_what & set(BECAUSE)


def test_why_it_decided_so_is_told_in_both_languages_and_an_unknown_code_is_no_word(service: Door):
    codes = ["quiet_period", "of another version", None, 7]
    keep(service, *(verdict(NOW, decision="hold", causes=[SCORE], reason_code=code) for code in reversed(codes)))
    english, french = page(service), page(service, language="fr")
    assert english.count("The model was changed a short time ago; it is left alone for a while.") == 2
    assert french.count("Le modèle a changé il y a peu ; on le laisse tranquille un moment.") == 2
    assert "of another version" not in english
    found = service.get("/v1/monitoring").json()
    Monitoring.model_validate(found, strict=False)
    assert [one["reason_code"] for one in found["verdicts"]] == ["quiet_period", "of another version", None, None]


def test_the_truth_is_told_by_kind_of_lead(service: Door):
    keep(service, verdict(NOW, performance=verdict(NOW)["performance"] | TRUTH))
    english, french = page(service), page(service, language="fr")
    assert "Webinar beyond chance 200 30.2 9 (5 to 17)" in english
    assert "70 to 80 40 9.5 11 (7 to 17)" in english
    assert "Par étape acceptés par les ventes 25 6 6 (3 à 10)" in french
    assert "Of 33 leads that became ready, 86% did so between" in english
    assert "(promis : 80 %). Le jour annoncé s’écartait en moyenne de 6 jours." in french
    assert english.count("beyond chance") == 1
    assert service.get("/v1/monitoring").json()["newest"]["performance"]["slices"] == TRUTH["slices"]


def test_sources_of_a_name_that_is_markup_or_a_kind_that_is_unknown_break_no_table(service: Door):
    odd = TRUTH["slices"][1] | {"name": HOSTILE}
    other = odd | {"by": "moon"}
    keep(service, verdict(NOW, performance={"slices": [odd, other], "times": {"leads": "x"}}))
    text = service.client.get("/monitoring", headers=BROWSER).text
    assert "<script" not in text
    assert page(service).count(HOSTILE) == 1


def test_long_unseen_is_said(service: Door):
    keep(service, verdict(NOW - 40 * MICROS_PER_DAY))
    assert "Where outcomes are known" not in page(service)
    assert "Nobody has looked since" in page(service)
    assert "40 days ago" in page(service)
    keep(service, verdict(NOW - 14 * MICROS_PER_DAY))
    assert "Nobody has looked since" not in page(service)


def test_an_unknown_kind_or_decision_falls_back_to_the_monitors_own_words(service: Door):
    odd = {"kind": "moon_phase", "name": "full", "acts": True}
    keep(service, verdict(NOW, decision="ponder", causes=[odd], message="The moon is full."))
    for language in ("en", "fr"):
        text = page(service, language=language)
        assert "ponder" in text
        assert text.count("The moon is full.") == 2  # of the newest decision, and in the table
    assert "Something was found that this page has no words for." in page(service)


def test_a_rollback_is_told(service: Door):
    keep(service, verdict(NOW, action="rolled_back"))
    assert "The model before serves again." in page(service)


def test_columns_are_told_by_what_they_mean(service: Door):
    name = next(one for one in service.market.bundle.feature_set.names if one.startswith("count__"))
    keep(service, verdict(NOW, causes=[{"kind": "column", "name": name, "acts": False, "psi": 0.4}]))
    assert name not in page(service)


def test_markup_in_a_journal_is_text(service: Door):
    causes = [one | {"name": HOSTILE, "acts": acts} for one in CAUSES for acts in (True, False)]
    one = verdict(NOW, decision=HOSTILE, causes=causes, champion=HOSTILE, challenger=HOSTILE, message=HOSTILE)
    one["drift"]["events"].append({"event": HOSTILE, "per_week": 900, "per_week_before": 1})
    keep(service, verdict(NOW - 7 * MICROS_PER_DAY), one, one | story(NOW)[-1] | {"decision": HOSTILE})
    for path in PAGES:
        for language in ("en", "fr"):
            answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
            assert answer.status_code == 200, path
            assert "<script" not in answer.text
            if path.endswith(".svg"):
                ElementTree.fromstring(answer.text)
    assert page(service).count(HOSTILE) > 10
    events = "".join(ElementTree.fromstring(service.client.get(PAGES[3]).text).itertext())
    assert "<script>alert('x')</script>" in events


# --- charts ------------------------------------------------------------------------------------------------------


def test_charts_hold_what_the_journal_does(tmp_path: Path):
    write_journal(tmp_path, story(NOW))
    seen = Journal(tmp_path).lines().verdicts
    drawn = weeks(seen)
    assert len(drawn) == 20
    assert [one.alarm for one in drawn] == [False] * 19 + [True]
    moments, limit = score_drift(seen)
    assert (len(moments), limit) == (26, 0.25)
    assert [place for place, one in enumerate(moments) if one.alarm] == [12, 13, 14, 15, 16]


@pytest.mark.parametrize("count", [1, 2, 200])
def test_charts_of_few_and_of_many_looks(service: Door, count: int):
    keep(service, *(verdict(NOW - (count - number) * MICROS_PER_DAY) for number in range(count)))
    for path in PAGES[2:]:
        for size in ("wide", "narrow"):
            answer = service.client.get(f"{path}?size={size}&lang=fr")
            assert answer.status_code == 200
            ElementTree.fromstring(answer.text)


# --- the journal -------------------------------------------------------------------------------------------------


def test_a_line_that_is_being_written_waits_and_broken_ones_are_counted(tmp_path: Path):
    whole = json.dumps(verdict(NOW))
    write_journal(tmp_path, [verdict(NOW - MICROS_PER_DAY)], rest="{broken\n\n[]\n" + whole[:100])
    journal = Journal(tmp_path)
    known = journal.lines()
    assert [one.number for one in known.verdicts] == [1]
    assert known.unreadable == 2
    with (tmp_path / "monitor.log.jsonl").open("a") as file:
        file.write(whole[100:] + "\n" + '{"decision": NaN}\n')
    later = journal.lines()
    assert [one.number for one in later.verdicts] == [1, 5]
    assert later.unreadable == 3
    assert later == Journal(tmp_path).lines()
    assert journal.whole(later.verdicts[1]) == json.loads(whole)


def test_a_journal_that_was_put_back_is_read_anew(tmp_path: Path):
    write_journal(tmp_path, story(NOW))
    journal = Journal(tmp_path)
    assert len(journal.lines().verdicts) == 26
    write_journal(tmp_path, story(NOW)[:3])
    assert len(journal.lines().verdicts) == 3
    (tmp_path / "monitor.log.jsonl").unlink()
    assert journal.lines().verdicts == ()


@pytest.mark.parametrize("name", ["gate", "performance", "drift", "conversions", "estimate", "selection", "data"])
@pytest.mark.parametrize("value", [None, 7, "text", [], {"weeks": 7, "chunks": "x", "events": [3], "score": []}])
def test_a_section_that_is_not_understood_counts_as_not_measured(service: Door, name: str, value: Any):
    keep(service, verdict(NOW, **{name: value}))
    page(service)
    answer = service.get("/v1/monitoring").json()
    Monitoring.model_validate(answer, strict=False)
    assert answer["unreadable"] == 0
    missing = verdict(NOW)
    missing.pop(name, None)
    keep(service, missing)
    page(service)


def test_outcomes_by_worked_or_not(service: Door):
    told = record(band(200, 60), band(100, 4)).to_dict()
    keep(service, verdict(NOW, selection=told))
    assert "of 100 leads that sales worked 30 (24 to 37)" in page(service)
    assert "sur 100 prospects travaillés par les commerciaux, 30" in page(service, language="fr")
    assert service.get("/v1/monitoring").json()["newest"]["selection"] == told
    for broken in (told | {"horizon_days": "x"}, told | {"worked": None}, told | {"bands": told["bands"][:3]}):
        keep(service, verdict(NOW, selection=broken))
        page(service)


# --- JSON --------------------------------------------------------------------------------------------------------


def test_the_journal_page_by_page(service: Door):
    keep(service, *story(NOW), rest="{broken\n")
    found, before = [], None
    while True:
        answer = service.get("/v1/monitoring", params={"limit": 7} | ({"before": before} if before else {})).json()
        Monitoring.model_validate(answer, strict=False)
        assert answer["newest"]["as_of"] == isoformat(NOW)
        assert answer["unreadable"] == 1
        found += answer["verdicts"]
        before = answer["next"]
        if before is None:
            break
    assert [one["number"] for one in found] == list(range(26, 0, -1))
    assert found[0]["drift"] == story(NOW)[-1]["drift"]
    for wrong in ("limit=0", "limit=201", "before=0", "limit=x"):
        assert service.get(f"/v1/monitoring?{wrong}").status_code == 422


# --- what it links -----------------------------------------------------------------------------------------------


def test_evidentlys_report_runs_in_a_sandbox(service: Door):
    keep(service, verdict(NOW))
    assert "/monitoring/drift.html" in Text(service.client.get("/monitoring").text).all("a", "href")
    policy = service.client.get("/monitoring/drift.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # default-src rules it
    keep(service, verdict(NOW))
    (service.market.workspace.reports / "drift.html").unlink()
    assert "/monitoring/drift.html" not in service.client.get("/monitoring").text


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://me:secret@ml.example:8443/x/", "https://ml.example:8443/x/#/models/veraison"),
        ("sqlite:////srv/mlflow.db", None),
        ("databricks://profile", None),
    ],
)
def test_mlflow_is_linked_where_it_is_on_the_web(tmp_path: Path, address: str, link: str | None):
    with door(market().copy(tmp_path), mlflow=address) as here:
        text = here.client.get("/monitoring").text
        assert "secret" not in text
        assert [one for one in Text(text).all("a", "href") if "models" in one] == ([link] if link else [])


@pytest.mark.parametrize(
    ("run", "links"),
    [("/experiments/1/runs/0a1b", 1), ("//evil.example/#", 0), ("/experiments/1/runs/a b", 0), (None, 0)],
)
def test_the_champions_run_is_linked_and_nothing_else_that_a_journal_holds(tmp_path: Path, run: str | None, links: int):
    with door(market().copy(tmp_path), mlflow="https://ml.example:8443/x/") as here:
        keep(here, verdict(NOW, champion_run=run))
        found = [
            one for one in Text(here.client.get("/monitoring").text).all("a", "href") if "runs" in one or "evil" in one
        ]
        assert found == [f"https://ml.example:8443/x/#{run}"] * links
