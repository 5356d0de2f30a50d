"""The reports: what a month says of a registry, a log and a journal, and the journey of a store at a moment."""

import re
from pathlib import Path

import pytest

from data.events import MICROS_PER_DAY, Event, isoformat
from data.store import Store
from serving.monthly import Month
from tests.journals import HOSTILE, SCORE, story, verdict, write_journal
from tests.reading import Text
from tests.service import Market, door, log_scores, market
from training.registry import CHAMPION, Registry
from veraison.cli import app, common
from veraison.errors import VeraisonError

pytestmark = pytest.mark.filterwarnings(  # MLflow's own, at each look into its tables
    "ignore:The ``noload`` loader strategy is deprecated", "ignore:.*type hint:UserWarning"
)
NOW = market().now
THIS, LAST = Month.of(NOW), Month.of(NOW).before
DAYS = market().playbook.horizons.primary


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    return market().copy(tmp_path)


def written(firm: Market, *words: str, month: Month = THIS) -> str:
    path = firm.workspace.root / "page.html"
    app(["report", "model", "--month", month.name, "--out", str(path), *words], standalone_mode=False)
    return path.read_text(encoding="utf-8")


def read(html: str) -> str:
    return " ".join(" ".join(Text(html.split("</style>")[1]).text).split())


def test_a_month_with_nothing_known_says_so(firm: Market):
    english, french = read(written(firm)), read(written(firm, "--lang", "fr"))
    assert "Nobody looked before the end of this month" in english
    assert "No score was served whose time (30 days) ended in this month." in english
    assert "Monitoring did not look in this month." in english
    assert "Personne n’a regardé avant la fin de ce mois" in french
    assert "Le modèle en" in french


def test_what_was_promised_what_happened_what_changed(firm: Market):
    registry = Registry(firm.workspace)
    registry.register(firm.bundle, metrics={f"auc_{DAYS}d": 0.874}, alias=CHAMPION)
    version = firm.bundle.version
    lines = [one | {"champion": "old-model"} for one in story(NOW)]
    lines.append(
        verdict(NOW + 1, decision="retrain", causes=[SCORE], champion="old-model", challenger=version, promoted=True)
    )
    write_journal(firm.workspace.reports, lines)
    with door(firm) as here:
        log_scores(here, here.log().leads, days=35)
    html = written(firm)
    text = read(html)
    assert f"{version} In the test when it was made, of two leads of whom one was won, it put that one first 87" in text
    assert "old-model What it promised is not in the registry." in text
    assert f"{version} took the place of old-model." in text
    assert "21 leads were won where the model expected 40." in text
    assert len(re.findall("<svg", html)) == 2
    with Store(firm.workspace.store_url, firm.playbook.identity.keys) as store:
        won = store.engine.connect().exec_driver_sql(
            "SELECT count(DISTINCT lead_id) FROM events WHERE kind = 'Deal Won' AND known_at >= ? AND known_at < ?",
            (THIS.first, THIS.after),
        ).scalar()  # fmt: skip
    assert won
    assert f"{won} leads were won in this month." in text
    scored = re.search(r"([\d,]+) of ([\d,]+) scored leads were won within 30 days", text)
    assert scored
    assert int(scored[2]) > 50
    assert "Worked by sales, or not" in text
    assert re.search(r"of 100 leads that sales worked \d+|to compare, 20 leads are needed on either side", text)


def test_it_stands_alone(firm: Market):
    write_journal(firm.workspace.reports, story(NOW))
    html = written(firm)
    page = Text(html)
    assert not page.all("script", "src")
    assert "<script" not in html
    assert [one for tag in ("link", "img", "a", "source") for one in page.all(tag, "href") + page.all(tag, "src")] == []
    assert "default-src 'none'" in html


def test_markup_in_a_journal_is_text(firm: Market):
    causes = [{"kind": "event_new", "name": HOSTILE, "acts": True, "first": isoformat(NOW), "leads": 3}]
    odd = {"kind": "odd", "name": HOSTILE, "acts": True}
    one = verdict(NOW, decision=HOSTILE, causes=[*causes, odd], champion=HOSTILE, challenger=HOSTILE, message=HOSTILE)
    write_journal(firm.workspace.reports, [one, one | {"promoted": True}], rest="{broken\n")
    for language in ("en", "fr"):
        html = written(firm, "--lang", language)
        assert "<script" not in html
        assert read(html).count(HOSTILE.split("&", maxsplit=1)[0]) > 4


def test_what_became_known_after_the_month_changes_nothing(firm: Market):
    write_journal(firm.workspace.reports, story(NOW)[:20])
    with door(firm) as here:
        log_scores(here, here.log().leads, days=70)
    first = written(firm, month=LAST)
    later = [one for one in story(NOW)[:20] if one["as_of"] < isoformat(LAST.after)]
    assert len(later) > 0
    write_journal(firm.workspace.reports, [*later, verdict(LAST.after, decision="hold", causes=[SCORE])])
    with Store(firm.workspace.store_url, firm.playbook.identity.keys) as store:
        at = LAST.after + MICROS_PER_DAY
        store.append([Event("late", "L00001", "track", "Deal Won", LAST.first, at, properties={})])
    assert written(firm, month=LAST) == first


def test_a_month_that_is_not_over_says_until_when(firm: Market):
    assert "The month is not over: until" in read(written(firm, month=Month.of(NOW + 10 * MICROS_PER_DAY)))
    assert "not over" not in read(written(firm, month=LAST))


def test_the_last_month_that_is_over_is_the_default(firm: Market, capsys: pytest.CaptureFixture[str]):
    app(["report", "model"], standalone_mode=False)
    path = Path(capsys.readouterr().out.strip())
    with firm.store() as store:
        newest = store.newest()
    assert newest is not None
    assert path == firm.workspace.reports / f"model-{Month.of(newest).before.name}.html"
    assert path.is_file()


@pytest.mark.parametrize("month", ["2031-01", "1999-12"])
def test_a_month_of_which_nothing_is_known_is_one_line(firm: Market, month: str):
    with pytest.raises(VeraisonError, match=f"nothing is known of {month}; the store holds 2025-01 to 2025-06"):
        app(["report", "model", "--month", month], standalone_mode=False)


def test_a_registry_that_does_not_answer_is_one_line(firm: Market, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERAISON_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(VeraisonError) as caught:
        app(["report", "model", "--month", THIS.name], standalone_mode=False)
    assert str(caught.value) == (
        "the registry http://127.0.0.1:9 cannot be used: connection refused; is its server up? "
        "VERAISON_TRACKING_URI says where it is"
    )


@pytest.mark.parametrize(
    "words", [("--month", "October"), ("--month", "2025-13"), ("--month", "2025-1"), ("--lang", "de")]
)  # fmt: skip
def test_misuse_is_one_line(firm: Market, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    code = app(["report", "model", *words], standalone_mode=False)
    assert code == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)


def test_months():
    assert [Month.parse(one).before.name for one in ("2026-01", "2026-03")] == ["2025-12", "2026-02"]
    assert Month.parse("2024-02").after - Month.parse("2024-02").first == 29 * MICROS_PER_DAY
