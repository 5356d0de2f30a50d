"""What sources cost: lines that are costs, lines that are none and say why, and the store that keeps them once."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.costs import Cost, forget, keep, read_costs, stored_costs
from data.store import Store
from veraison.errors import VeraisonError

MARCH = date(2026, 3, 1), date(2026, 3, 31)
HEAD = "source,month,cost\n"


def read(folder: Path, text: str, currency: str = "EUR") -> tuple[list[tuple[str, str, float]], list[str]]:
    path = folder / "costs.csv"
    path.write_bytes(text.encode())
    found, refused = read_costs(path, currency)
    return [(one.source, one.period, one.cost / 1e6) for one in found], [f"{one.line}: {one.why}" for one in refused]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "Fair,2026-03,4200\nWeb,2026-04,1250.50\n",
        "\ufeffMonth;Note;Source;Cost;Currency\r\n2026-03;a;Fair;4 200;eur\r\n\r\n2026-04;b;Web;1250,5;\r\n",
        "source\tfrom\tto\tcost\nFair\t2026-03-01\t2026-03-31\t4000\nfair\t2026-03-01\t2026-03-31\t200\n"
        "Web\t2026-04-01\t2026-04-30\t1\u202f250,50\n",
    ],
)
def test_the_same_costs_in_several_forms(tmp_path: Path, text: str):
    assert read(tmp_path, text) == ([("Fair", "2026-03", 4200.0), ("Web", "2026-04", 1250.5)], [])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",2026-03,1", "source: is empty"),
        ("a\x00b,2026-03,1", "source: 'a\\x00b' cannot be printed"),
        ("Web,2026-13,1", "month: '2026-13' is not a month; write it as 2026-03"),
        ("Web,March,1", "month: 'March' is not a month; write it as 2026-03"),
        ("Web,2026-03,x", "cost: 'x' is not a number; write it as 1250.50"),
        ("Web,2026-03,", "cost: '' is not a number; write it as 1250.50"),
        ("Web,2026-03,nan", "cost: 'nan' is not a number; write it as 1250.50"),
        ("Web,2026-03,1.250", "cost: '1.250' could be two numbers; write it as 1250 or 1.25"),
        ("Web,2026-03,-5", "cost: -5 is outside [0; 10^12[; a cost is not negative"),
        ("Web,2026-03,9999999999999", "cost: 9999999999999 is outside [0; 10^12[; a cost is not negative"),
        ("Web,2026-03", "has more or fewer cells than the first line names"),
        ("Web,2026-03,1,2", "has more or fewer cells than the first line names"),
    ],
)
def test_a_line_that_is_no_cost_is_named_and_the_others_stay(tmp_path: Path, line: str, why: str):
    kept, refused = read(tmp_path, f"{HEAD}Fair,2026-03,5\n{line}\nWeb,2026-04,6\n")
    assert kept == [("Fair", "2026-03", 5.0), ("Web", "2026-04", 6.0)]
    assert refused == [f"3: {why}"]


def test_days_and_currencies_that_do_not_fit(tmp_path: Path):
    text = (
        "source,from,to,cost,currency\nA,2026-03-02,2026-03-01,5,\nA,2026-02-30,2026-03-01,5,EUR\nA,1/3/2026,,5,EUR\n"
        "A,2026-03-01,2026-03-10,5,USD\nA,2026-03-01,2026-03-10,5,\nA,2026-03-10,2026-03-12,5,\n"
    )
    assert read(tmp_path, text) == (
        [("A", "2026-03-01 to 2026-03-10", 5.0)],
        [
            "2: to: 2026-03-01 lies before 2026-03-02",
            "3: from: '2026-02-30' is not a day; write it as 2026-03-01",
            "4: from: '1/3/2026' is not a day; write it as 2026-03-01",
            "5: currency: 'USD' is not the playbook's EUR (routing.currency); convert it first",
            "7: 2026-03-10 to 2026-03-12 of A overlaps 2026-03-01 to 2026-03-10 (line 6); a day is paid once",
        ],
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "needs the columns source, month, cost, or source, from, to, cost; found: none"),
        (b"source,cost\n", "found: source, cost"),
        (b"source,month,from,to,cost\n", "found: source, month, from, to, cost"),
        (b"source,month,cost,Cost\n", "the column 'cost' stands there twice"),
        (b"source,month,cost\n\xff,2026-03,1\n", "not UTF-8 at byte 19"),
        (b'source,month,cost\n"a"b,2026-03,1\n', "line 2: not CSV"),
    ],
)
def test_a_file_that_holds_no_costs_is_one_line(tmp_path: Path, content: bytes, why: str):
    path = tmp_path / "costs.csv"
    path.write_bytes(content)
    with pytest.raises(VeraisonError) as problem:
        read_costs(path, "EUR")
    assert why in str(problem.value)
    assert "\n" not in str(problem.value)
    with pytest.raises(VeraisonError, match=r"^[^\n]*none.csv: no such file$"):
        read_costs(tmp_path / "none.csv", "EUR")


@given(
    rows=st.lists(
        st.lists(st.one_of(st.text(max_size=6), st.sampled_from(["Web", "2026-03", "12", "3,5"])), max_size=5),
        max_size=5,
    )
)
def test_any_file_is_read_line_by_line(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]):
    path = tmp_path_factory.mktemp("costs") / "costs.csv"
    path.write_text(HEAD + "\n".join(",".join(row) for row in rows), encoding="utf-8", errors="replace")
    try:
        found, refused = read_costs(path, "EUR")
    except VeraisonError as problem:
        assert str(problem).count("\n") == 0
    else:
        assert all(one.cost >= 0 and one.first <= one.last for one in found)
        assert len({one.key for one in found}) == len(found)
        assert all(one.line > 1 and "\n" not in one.why for one in refused)


# --- the store ---------------------------------------------------------------------------------------------------


def told(store: Store) -> list[tuple[str, str, int]]:
    return [(one.source, one.period, one.cost) for one in stored_costs(store)]


def test_a_file_imported_twice_is_there_once_and_a_correction_takes_its_place(tmp_path: Path):
    march, april = Cost("Fair", *MARCH, 7), Cost("Fair", date(2026, 4, 1), date(2026, 4, 30), 8)
    url = f"sqlite:///{tmp_path / 'w.db'}"
    with Store(url) as store:
        done = keep(store, [march, april], "a.csv", 1)
        assert (done.new, done.changed, done.same, done.refused) == (2, 0, 0, ())
        done = keep(store, [march, april], "a.csv", 2)
        assert (done.new, done.changed, done.same) == (0, 0, 2)
        done = keep(store, [Cost("FAIR ", *MARCH, 9)], "b.csv", 3)
        assert (done.new, done.changed, done.same) == (0, 1, 0)
    with Store(url) as store:  # opened again
        assert told(store) == [("FAIR ", "2026-03", 9), ("Fair", "2026-04", 8)]


def test_a_period_that_overlaps_a_stored_one_is_refused_or_takes_its_place():
    quarter = Cost("Fair", date(2026, 1, 1), date(2026, 3, 31), 30, line=2)
    with Store("sqlite://") as store:
        keep(store, [Cost("Fair", *MARCH, 7), Cost("Web", *MARCH, 1)], "a.csv", 1)
        done = keep(store, [quarter], "q.csv", 2)
        assert (done.new, [one.line for one in done.refused]) == (0, [2])
        assert done.refused[0].why == (
            "2026-01-01 to 2026-03-31 of Fair overlaps 2026-03 (stored; --replace takes its place); a day is paid once"
        )
        keep(store, [quarter], "q.csv", 3, replacing=True)
        assert told(store) == [("Fair", "2026-01-01 to 2026-03-31", 30), ("Web", "2026-03", 1)]
        assert (forget(store, "web"), forget(store, "web")) == (1, 0)


def test_a_store_that_knew_no_costs_gets_the_table(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'w.db'}"
    with Store(url) as store, store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE costs")
    with Store(url) as store:
        keep(store, [Cost("Fair", *MARCH, 7)], "a.csv", 1)
        assert told(store) == [("Fair", "2026-03", 7)]
