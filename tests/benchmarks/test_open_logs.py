"""The open logs of leads in the benchmark of quality: what is absent is said, what is there is counted right."""

import io

import polars as pl
import pytest
from rich.console import Console

from benchmarks import open_logs
from tests import market
from tests.histories import at
from training.backtest import backtest
from training.evaluate import OURS
from veraison.playbook import Horizons

BOOK = market.BOOK.model_copy(update={"horizons": Horizons(days=(7, 30), primary=30)})


@pytest.fixture(scope="module")
def found():
    asked = {"origins": (at(80),), "peers": ("base rate", "logistic regression"), "threads": 1, "draws": 20}
    return backtest(market.log(), BOOK, before=at(150), **asked)


def test_logs_that_are_absent_are_named_and_left_out(tmp_path, capsys):
    assert dict(open_logs.looked_back(tmp_path)) == {}
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"bpic2012 is left out: no events.parquet, cases.csv.gz in {tmp_path}"
    assert len(said) == len(open_logs.LOGS)


def test_every_peer_is_counted_once_by_horizon_and_measure(found):
    lines = {one.metric: one for one in open_logs.results("firm", found)}
    for metric in ("auc", "log_loss"):
        for days in (7, 30):
            rows = found.comparison.filter(metric=metric, horizon=days)
            counts = lines[f"verdicts_{metric}_{days}d"].peers
            assert counts == {one: (rows["verdict"] == one).sum() for one in open_logs.VERDICTS}
            assert sum(counts.values()) == 2
            figure = found.figures.filter(model=OURS, metric=metric, horizon=days)["value"].item()
            assert lines[f"{metric}_{days}d"].ours == pytest.approx(figure)
    ours = found.figures.filter(pl.col("model") == OURS)
    assert lines["ece_30d"].ours == ours.filter(metric="ece", horizon=30)["value"].item()
    assert lines["interval_coverage"].ours == ours.filter(metric="interval_coverage")["value"].item()


def test_the_table_tells_verdicts_and_what_ours_is_worth(found):
    text = io.StringIO()
    open_logs.show(Console(file=text, width=160), {"firm": found})
    for words in (
        "firm: 1 folds",
        "logistic regression",
        "AUC 30 d",
        "better / = / worse",
        "ece_7d",
        "interval_coverage",
    ):
        assert words in text.getvalue()
