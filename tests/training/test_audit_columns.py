"""The audit of columns without dates: against oracles, honest columns, chance, planted leaks, and a real table."""

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.datasets import load_diabetes
from sklearn.metrics import roc_auc_score

from tests.support import require_data
from training.audit.alone import Coded, Purity, discrimination, wilson
from training.audit.columns import mantel_haenszel
from training.audit.finding import Severity, Sign
from training.audit.table import audit_table, outcome, read_table
from veraison.errors import SourceError

ROWS = 4_000
NAMED = {"Tags", "Lead Quality", "Last Notable Activity"}
AFTERWARDS = NAMED | {"Lead Profile", "Last Activity", "Asymmetrique Activity Score"}
HONEST = {
    "Lead Origin", "Lead Source", "Do Not Email", "Do Not Call", "TotalVisits", "Total Time Spent on Website",
    "Page Views Per Visit", "Country", "Specialization", "City", "Search", "Newspaper", "Lead Number",
    "A free copy of Mastering The Interview", "What is your current occupation",
}  # fmt: skip


def leaks(findings):
    return {one.column for one in findings if one.severity is Severity.leak}


def signs(findings, column):
    return {one.sign for one in findings if one.column == column}


def honest(seed: int = 0, base: float = 0.3) -> tuple[np.ndarray, pl.DataFrame]:
    """A table whose columns are known before the outcome: some tell much, and chance is left in each."""
    rng = np.random.default_rng(seed)
    source, effect = rng.integers(0, 6, ROWS), rng.uniform(-1.2, 1.2, 6)
    size, noise = rng.lognormal(3, 1, ROWS), rng.normal(0, 1, (ROWS, 2))
    z = effect[source] + 0.6 * (np.log(size) - 3) + noise[:, 0]
    won = z > np.quantile(z, 1 - base)
    employees = np.where(rng.random(ROWS) < 0.2, np.nan, size.round())
    return won, pl.DataFrame(
        {
            "source": np.array(["web", "fair", "partner", "mail", "call", "ads"])[source],
            "employees": employees,
            "visits": rng.poisson(np.exp(0.4 * noise[:, 0])),
            "name": [f"L{n}" for n in range(ROWS)],
        }
    ).with_columns(won=won)


# --- the measures, against others' -----------------------------------------------------------------------------------


@given(hits=st.integers(0, 200), more=st.integers(0, 200))
def test_the_bounds_of_a_share_are_wilsons(hits, more):
    rows = hits + more + 1
    low, high = wilson(float(hits), float(rows))
    theirs = binomtest(hits, rows).proportion_ci(0.98, "wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-4)


def test_the_ratio_of_rows_alike_is_that_of_mantel_and_haenszel():
    rng = np.random.default_rng(1)
    strata, exposed = rng.integers(0, 4, 3_000).astype(np.int32), rng.random(3_000) < 0.4
    won = rng.random(3_000) < 0.2 + 0.1 * exposed + 0.1 * strata
    both, neither = (exposed & won, exposed & ~won), (~exposed & won, ~exposed & ~won)
    tables = [
        [[(mine & one).sum() for one in row] for row in (both, neither)] for mine in (strata == c for c in range(4))
    ]
    theirs = sm.stats.StratifiedTable(np.array(tables, dtype=float).transpose(1, 2, 0))
    ratio, z = mantel_haenszel(strata, exposed, won)
    assert ratio == pytest.approx(theirs.oddsratio_pooled)
    assert z**2 == pytest.approx(theirs.test_null_odds().statistic)


def test_a_flag_has_the_auc_that_scikit_learn_gives_it():
    won, table = honest()
    flag = table["source"].is_in(["web", "fair"]).to_numpy()
    auc, low = discrimination(Coded.of(pl.Series("flag", flag)), won)
    theirs = roc_auc_score(won, flag)
    assert auc == pytest.approx(max(theirs, 1 - theirs), abs=0.02)  # cross-validated: a little lower
    assert auc - 0.04 < low < auc


def test_names_of_one_row_each_tell_nothing():
    won, table = honest()
    assert discrimination(Coded.of(table["name"]), won)[0] == pytest.approx(0.5, abs=0.02)


def test_shares_of_few_rows_prove_nothing():
    won = np.arange(200) % 2 == 0
    few = Purity.of((np.arange(200) < 20) & won, won)
    assert few.share == 1.0
    assert few.low < 0.9


# --- what is honest stays unnamed ------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), base=st.sampled_from([0.05, 0.2, 0.5, 0.8]))
def test_honest_columns_are_no_leaks(seed, base):
    _, table = honest(seed, base)
    assert leaks(audit_table(table, "won", ("name",))) == set()


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_chance_is_not_even_a_notice(seed):
    _, table = honest(seed)
    assert audit_table(table.with_columns(pl.col("won").shuffle(seed)), "won") == []


def test_a_partner_whose_leads_nearly_all_convert_is_honest():
    rng = np.random.default_rng(3)
    won = rng.random(ROWS) < 0.38
    partner = np.where(won & (rng.random(ROWS) < 0.15), "partner", "web")
    partner[rng.choice(np.flatnonzero(~won), 4, replace=False)] = "partner"
    assert audit_table(pl.DataFrame({"won": won, "source": partner}), "won") == []


def test_a_disease_and_its_measurements_are_honest():
    bunch = load_diabetes(as_frame=True, scaled=False)
    table = pl.from_pandas(bunch.data).with_columns(won=pl.Series(bunch.target > bunch.target.median()))
    assert audit_table(table, "won") == []


def test_an_honest_copy_of_a_column_is_no_overwritten_one():
    _, table = honest()
    touched = np.random.default_rng(5).random(ROWS) < 0.3
    copied = table.with_columns(last=pl.when(pl.Series(touched)).then(pl.lit("modified")).otherwise("source"))
    assert leaks(audit_table(copied, "won", ("name",))) == set()


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_of_few_rows_proves_nothing(seed):
    _, table = honest(seed)
    table = table.head(200)
    touched = np.random.default_rng(seed).random(len(table)) < 0.3
    copied = table.with_columns(last=pl.when(pl.Series(touched)).then(pl.lit("modified")).otherwise("source"))
    assert leaks(audit_table(copied, "won", ("name",))) == set()


@pytest.mark.parametrize(("best", "leak"), [(0.89, False), (0.97, True)])
def test_both_ends_have_to_be_nearly_certain(best, leak):
    rng = np.random.default_rng(4)
    share = np.repeat([best, 0.3, 0.01], [1_000, 2_000, 1_500])
    fit = np.repeat(["good", "middling", "bad"], [1_000, 2_000, 1_500])
    found = audit_table(pl.DataFrame({"won": rng.random(len(share)) < share, "fit": fit}), "won")
    assert (Sign.both_ways in signs(found, "fit")) == leak


# --- planted leaks are named -----------------------------------------------------------------------------------------


def planted(kind: str) -> tuple[pl.DataFrame, Sign]:
    won, table = honest(11)
    rng = np.random.default_rng(12)
    some = rng.random(ROWS)
    number = np.char.add("C-", (some * 1e6).astype(int).astype(str))
    last = np.where(some < np.where(won, 0.2, 0.5), "modified", table["source"].to_numpy())
    columns = {
        "only winners": (np.where(won & (some < 0.2), number, ""), Sign.one_outcome),
        "only losers": (np.where(~won & (some < 0.6), "too dear", ""), Sign.one_outcome),
        "default": (np.where(won & (some < 0.7), (some * 1e4).round(-3), 0), Sign.filled_one_outcome),
        "near perfect": (won * 2.0 + rng.normal(0, 0.5, ROWS), Sign.near_perfect),
        "verdict": (np.where(some < 0.7, "open", np.where(won, "hot", "dead")), Sign.both_ways),
        "codes": (np.where(some < 0.7, 0, np.where(won, 3, 7)), Sign.both_ways),
        "touched": (last, Sign.overwritten_copy),
    }
    column, sign = columns[kind]
    return table.with_columns(planted=pl.Series(column.tolist(), strict=False)), sign


@pytest.mark.parametrize(
    "kind", ["only winners", "only losers", "default", "near perfect", "verdict", "codes", "touched"]
)
def test_a_planted_leak_is_named_and_nothing_else(kind):
    table, sign = planted(kind)
    found = audit_table(table, "won", ("name",))
    assert leaks(found) == {"planted"}
    assert sign in signs(found, "planted")


def test_a_name_alone_is_no_more_than_a_notice():
    _, table = honest(11)
    found = audit_table(table.rename({"source": "Lead Status"}), "won", ("name",))
    assert [(one.column, one.sign, one.severity) for one in found] == [
        ("Lead Status", Sign.undated_state, Severity.notice)
    ]


def test_rows_that_are_there_twice_are_noticed():
    _, table = honest(11)
    table = table.with_columns(amount=pl.Series(np.random.default_rng(1).normal(size=ROWS)))
    assert signs(audit_table(pl.concat([table, table.head(400)]), "won"), "(rows)") == {Sign.duplicates}
    assert signs(audit_table(table, "won"), "(rows)") == set()


# --- a real table ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leads_table():
    return read_table(require_data("xeducation/Leads.csv.gz"))


@pytest.fixture(scope="module")
def real(leads_table):
    return audit_table(leads_table, "Converted", ("Prospect ID",))


def test_on_a_real_table_what_was_set_afterwards_is_named(real):
    assert leaks(real) == NAMED
    assert {one.column for one in real} >= AFTERWARDS


def test_on_a_real_table_honest_columns_are_no_leaks(real):
    assert not leaks(real) & HONEST
    assert not {one.column for one in real} & {"Lead Source", "TotalVisits", "Country", "Lead Origin", "City"}


def test_leaks_are_found_whatever_columns_and_values_are_called(leads_table, real):
    plain = {name: f"c{place}" for place, name in enumerate(leads_table.columns)}
    told = leads_table.rename(plain).with_columns(pl.col(pl.String).str.reverse())
    found = audit_table(told, plain["Converted"], (plain["Prospect ID"],))
    assert leaks(found) == {plain[name] for name in NAMED}


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_rows_are_enough(leads_table, seed):
    half = leads_table.sample(fraction=0.5, seed=seed)
    found = leaks(audit_table(half, "Converted", ("Prospect ID",)))
    assert {"Tags", "Lead Quality", "Last Notable Activity"} >= found >= {"Tags", "Last Notable Activity"}


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "told"),
    [(["a", "b"], "is no outcome"), ([1, 2, 3], "is no outcome"), (["yes"], "is no outcome"), ([1, 0], None)],
)
def test_the_outcome_has_two_values_of_which_one_is_a_success(values, told):
    if told is None:
        assert outcome(pl.Series("y", values)).tolist() == [True, False]
        return
    with pytest.raises(SourceError, match=told):
        outcome(pl.Series("y", values))


def test_few_rows_of_one_outcome_are_told():
    with pytest.raises(SourceError, match="3 of 100 rows converted; 20 of each"):
        audit_table(pl.DataFrame({"won": [1] * 3 + [0] * 97, "x": range(100)}), "won")


def test_a_column_that_is_not_there_is_told():
    with pytest.raises(SourceError, match="no column 'nope'; there are 'won'"):
        audit_table(pl.DataFrame({"won": [1, 0]}), "nope")
