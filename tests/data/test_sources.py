"""Files in: every format gives the same records, and nothing that a file contains makes reading crash."""

import csv
import doctest
import gzip
import json
import tracemalloc
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data.json_lines
import data.sources
import data.tables
from data.mapping import Mapping, load_mapping
from data.sources import open_source, source_size
from tests.support import ROOT, require_data
from veraison.errors import MappingError, SourceError
from veraison.playbook_file import load_playbook

MAPPINGS = ROOT / "data/mappings"
SEEN = Mapping.model_validate(
    {
        "message": [{"type": "track", "lead": "id", "time": "at", "event": "Seen", "properties": {"name": "name"}}],
        "time": {"zone": "Europe/Paris"},
    }
)
HEADER = "id,at,name\n"
ROW = "L1,2026-03-01,Ann\n"


def file(folder, name, content):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def records(folder, name, content, mapping=None):
    return list(open_source(file(folder, name, content), mapping))


def fails(path, mapping=None):
    """What could be read, and the one line that says why no more can."""
    read = []
    with pytest.raises((SourceError, MappingError)) as raised:
        for record in open_source(path, mapping):
            read.append(record)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)
    return read, str(raised.value)


# JSON lines


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl", "a.JSON", "a.ndjson.gz"])
def test_json_lines(tmp_path, name):
    first, second = records(tmp_path, name, b'\xef\xbb\xbf{"type": "track"}\r\n\n  \n{"messageId": "\xc3\xa9"}')
    assert (first.line, first.raw, first.payload) == (1, '{"type": "track"}', {"type": "track"})
    assert (second.line, second.payload, second.problem) == (4, {"messageId": "é"}, None)
    assert first.source == str(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": 1', "not valid JSON: Expecting ',' delimiter at column 8"),
        (b'{"a" 1}', "not valid JSON: Expecting ':' delimiter at column 6"),
        (b'{"a": "caf\xe9"}', "not valid JSON: not UTF-8 at byte 11"),
        (b'{"a": NaN}', "not valid JSON: NaN is not a number of JSON"),
        (b'{"a": [-Infinity]}', "not valid JSON: -Infinity is not a number of JSON"),
        (b'{"a": 1e999}', "not valid JSON: 1e999 is too large for a number"),
        (b"[" * 100_000, "not valid JSON: nested deeper than 100 levels"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "not valid JSON: nested deeper than 100 levels"),
        (b"[{}]", "a line should be an object, not a list"),
        (b"null", "a line should be an object, not null"),
        (b'{"batch": {}}', "batch should be a list of messages"),
        (b'{"batch": []}', "batch should be a list of messages"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_broken_line_is_its_own_problem(tmp_path, line, problem):
    before, broken, after = records(tmp_path, "a.ndjson", b'{"n":1}\n' + line + b'\n{"n":3}\n')
    assert (before.payload, after.payload) == ({"n": 1}, {"n": 3})
    assert (broken.line, broken.payload) == (2, None)
    assert broken.problem == problem
    assert broken.raw == line.decode("utf-8", "replace")


def test_a_line_nested_as_deep_as_allowed(tmp_path):
    [record] = records(tmp_path, "a.ndjson", b'{"a":' * 100 + b"1" + b"}" * 100)
    assert record.problem is None


def test_an_endless_number_is_a_problem_of_its_line(tmp_path):
    [record] = records(tmp_path, "a.ndjson", b'{"a": ' + b"1" * 5000 + b"}")
    assert record.problem.startswith("not valid JSON: Exceeds the limit")


def test_a_batch_is_unpacked(tmp_path):
    text = '{"batch": [{"type": "track", "b": 1}, 5, {"type": "page"}], "sentAt": "x"}\n{"batch": 1, "type": "track"}'
    one, two, three, own = records(tmp_path, "a.ndjson", text)
    assert (one.payload, one.raw) == ({"type": "track", "b": 1}, '{"b":1,"type":"track"}')
    assert (two.payload, two.problem) == (None, "batch.2 should be an object, not a number")
    assert three.payload == {"type": "page"}
    assert own.payload == {"batch": 1, "type": "track"}  # a message that happens to say batch
    assert [r.line for r in (one, two, three, own)] == [1, 1, 1, 2]


def test_a_line_without_end_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(data.json_lines, "LINE_LIMIT", 2_000)
    text = b'{"a": "' + b"x" * 7_000 + b'"}\n{"b": 1}\n'
    long, short = records(tmp_path, "a.ndjson", text)
    assert long.problem == "longer than 2,000 bytes; only its beginning is kept"
    assert len(long.raw) == 1_000
    assert (short.line, short.payload) == (2, {"b": 1})


@given(st.binary(max_size=300))
def test_whatever_the_bytes_every_line_that_is_not_blank_gives_a_record(content):
    with TemporaryDirectory() as folder:
        found = records(Path(folder), "a.ndjson", content)
    lines = {number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()}
    assert {record.line for record in found} == lines
    for record in found:
        assert (record.payload is None) == bool(record.problem)
        record.raw.encode()


def test_json_lines_with_a_mapping_are_rows(tmp_path):
    text = '{"id": 7, "at": "2026-03-01T00:00:00Z"}\n{\n{"id": 8, "at": "2026-03-01", "name": ["x"]}\n'
    good, broken, bad = records(tmp_path, "a.ndjson", text, SEEN)
    assert (good.payload["userId"], good.raw) == ("7", '{"id": 7, "at": "2026-03-01T00:00:00Z"}')
    assert broken.problem.startswith("not valid JSON: ")
    assert bad.problem == "column 'name': a list is not a plain value"


def test_a_column_that_no_row_has_is_found_before_anything_is_given(tmp_path):
    path = file(tmp_path, "a.ndjson", '{"id": 7, "at": "2026-03-01"}\n' * 3)
    read, sentence = fails(path, SEEN)
    assert read == []
    assert "reads the column 'name', which is not there; there are 'id', 'at'" in sentence


# packed, damaged, missing


@pytest.mark.parametrize(("name", "mapping"), [("a.ndjson.gz", None), ("a.csv.gz", SEEN)])
@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_what_stands_before_the_cut_is_read(tmp_path, name, mapping, cut):
    lines = [f'{{"n": {n}}}\n' if mapping is None else f"L{n * 7919},2026-03-01,\n" for n in range(50_000)]
    path = file(tmp_path, name, ("" if mapping is None else HEADER) + "".join(lines))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    count = 0
    with pytest.raises(SourceError, match=r"^\S+: damaged or cut off, no more can be read \(.+\)$"):
        for record in open_source(path, mapping):
            assert record.problem is None
            count += 1
    assert count > 50_000 * cut * 0.8


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.csv.gz", "a.xes.gz"])
def test_what_is_not_gzip(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"plain text")
    assert "Not a gzipped file" in fails(path, SEEN)[1]


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv", "a.parquet", "a.xlsx", "a.xes"])
def test_a_file_that_is_not_there(tmp_path, name):
    path = tmp_path / name
    assert fails(path, SEEN)[1] == f"{path}: cannot be read (No such file or directory)"
    with pytest.raises(SourceError):
        source_size(path)
    path.mkdir()
    assert fails(path, SEEN)[1].startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["a.doc", "a", "a.gz", "a.parquet.gz", "a.csv.zip"])
def test_a_format_that_is_not_known(tmp_path, name):
    assert "unknown format; known are .ndjson, .jsonl" in fails(tmp_path / name)[1]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.parquet", "a.xlsx"])
def test_a_table_without_a_mapping(tmp_path, name):
    sentence = fails(file(tmp_path, name, b""))[1]
    assert "needs --mapping M.toml" in sentence
    assert str(MAPPINGS) in sentence


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PAR1 nonsense PAR1"])
def test_binary_files_that_are_not_what_they_claim(tmp_path, name, content):
    assert "not a" in fails(file(tmp_path, name, content), SEEN)[1]


# CSV


def test_csv_rows_carry_the_line_they_begin_at(tmp_path):
    text = HEADER + 'L1,2026-03-01,"two\nlines"\n\n,,\nL2,2026-03-02\nL3,2026-03-03,x,,\n'
    found = records(tmp_path, "a.csv", text, SEEN)
    assert [(r.line, r.payload["userId"]) for r in found] == [(2, "L1"), (6, "L2"), (7, "L3")]
    assert found[0].payload["properties"] == {"name": "two\nlines"}
    assert found[1].payload["properties"] == {}
    assert found[0].raw == '{"at":"2026-03-01","id":"L1","name":"two\\nlines"}'


def test_broken_rows_are_their_own_problem(tmp_path):
    text = HEADER + ROW + 'L2,"2026"-03,x\nL3,2026-03-03,Ann, Bob\n' + ROW + 'L4,2026-03-04,"open\n'
    fine, quoted, long, again, unclosed = records(tmp_path, "a.csv", text, SEEN)
    assert fine.payload == again.payload
    assert (quoted.line, quoted.raw) == (3, 'L2,"2026"-03,x')
    assert quoted.problem == "not valid CSV: ',' expected after '\"'"
    assert long.problem == "4 cells where the header has 3; is a cell not quoted?"
    assert (unclosed.line, unclosed.problem) == (6, "not valid CSV: unexpected end of data")


def test_a_quote_that_is_never_closed_swallows_no_more_than_one_cell_may_hold(tmp_path):
    text = HEADER + 'L0,2026-03-01,"open\n' + "".join(f"L{n},2026-03-01,{'x' * 100}\n" for n in range(1, 3_000))
    swallowed, *rest = records(tmp_path, "a.csv", text, SEEN)
    assert swallowed.problem.startswith("not valid CSV: field larger than field limit")
    assert {record.problem for record in rest} == {None}
    assert swallowed.raw.count("\n") + 1 + len(rest) == 3_000  # each row is given, or kept in the raw text


def test_the_delimiter_and_the_encoding_of_excel_in_french(tmp_path):
    text = "\nid;at;name\nL1;01/03/2026;Société d'été\n".encode("cp1252")
    french = Mapping.model_validate(
        {
            "message": [{"type": "track", "lead": "id", "time": "at", "event": "{name}"}],
            "time": {"formats": ["%d/%m/%Y"], "zone": "Europe/Paris"},
            "file": {"delimiter": ";", "encoding": "cp1252"},
        }
    )
    [record] = records(tmp_path, "a.csv", text, french)
    assert (record.line, record.payload["event"]) == (3, "Société d'été")
    assert "is its delimiter another one" in fails(file(tmp_path, "b.csv", "id;at;name\n"), SEEN)[1]


def test_bytes_that_do_not_fit_the_encoding(tmp_path):
    bad, good = records(tmp_path, "a.csv", HEADER.encode() + b"L1,2026-03-01,caf\xe9\n" + ROW.encode(), SEEN)
    assert bad.problem.startswith("column 'name': not in the encoding of the mapping")
    assert good.payload["properties"] == {"name": "Ann"}
    assert "a cell of the header is not in the encoding" in fails(file(tmp_path, "b.csv", b"caf\xe9\n1\n"), SEEN)[1]
    utf16 = SEEN.model_copy(update={"file": SEEN.file.model_copy(update={"encoding": "utf-16-le"})})
    assert "not in utf-16-le" in fails(file(tmp_path, "c.csv", b"odd"), utf16)[1]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("content", ["", "\n\n", " \n"])
def test_a_table_without_a_header(tmp_path, name, content):
    assert fails(file(tmp_path, name, content), SEEN)[1].endswith("empty; there is no header")


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    sentence = fails(file(tmp_path, "a.csv", "id,name,\n"), SEEN)[1]
    assert "reads the column 'at', which is not there; there are 'id', 'name', ''" in sentence


# workbooks and Parquet


def workbook(path, rows, sheets=("Sheet",)):
    book = openpyxl.Workbook()
    for title in sheets[1:]:
        book.create_sheet(title)
    book.active.title = sheets[0]
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            cell = book.active.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"  # else a text that begins with = is a formula
    book.save(path)
    return path


def test_a_workbook(tmp_path):
    rows = [["id", "at", "name"], [173688, datetime(2026, 3, 1), None], [None] * 3, ["L2", "2026-03-02", "Ann"]]
    first, second = open_source(workbook(tmp_path / "a.xlsx", rows), SEEN)
    assert (first.line, first.payload["userId"], first.payload["timestamp"]) == (2, "173688", "2026-02-28T23:00:00Z")
    assert (second.line, second.payload["properties"]) == (4, {"name": "Ann"})
    assert first.raw == '{"at":"2026-03-01T00:00:00","id":173688}'


def test_an_error_of_excel_is_an_empty_cell(tmp_path):
    book = workbook(tmp_path / "a.xlsx", [["id", "at", "name"], ["L1", datetime(2026, 3, 1), "#N/A"]])
    [record] = open_source(book, SEEN)
    assert record.payload["properties"] == {}


def test_a_workbook_of_several_sheets_needs_the_name_of_one(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", [["id", "at", "name"], ["L1", datetime(2026, 3, 1), "Ann"]], ("Leads", "Notes")
    )
    assert "there are several sheets; [file] sheet says which; there are 'Leads', 'Notes'" in fails(path, SEEN)[1]

    def of(sheet):
        return SEEN.model_copy(update={"file": SEEN.file.model_copy(update={"sheet": sheet})})

    assert len(list(open_source(path, of("Leads")))) == 1
    assert "there is no sheet 'Lead'; there are" in fails(path, of("Lead"))[1]
    assert fails(path, of("Notes"))[1].endswith("empty; there is no header")


def test_parquet_types(tmp_path):
    table = pa.table(
        {
            "id": pa.array([173688, 5], pa.int64()),
            "at": pa.array([1_000_000_001, None], pa.timestamp("ns", "America/Sao_Paulo")),
            "name": pa.array(["a", "b"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    good, bad = open_source(tmp_path / "a.parquet", SEEN)
    assert good.payload["timestamp"] == "1970-01-01T00:00:01Z"
    assert good.payload["properties"] == {"name": "a"}
    assert (bad.line, bad.problem) == (2, "column 'at': the cell is empty")


def test_a_parquet_file_damaged_inside(tmp_path):
    table = pa.table({"id": ["L1"] * 9_000, "at": ["2026-03-01"] * 9_000, "name": [str(n) for n in range(9_000)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=3_000, compression="gzip")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = b"\xff" * 2_000
    path.write_bytes(content)
    _, sentence = fails(path, SEEN)
    assert "damaged, no more can be read" in sentence


# the same rows in every format

TEXT = st.text(
    st.characters(categories=["L", "N", "P", "S"], include_characters=" ", exclude_characters="_"), max_size=12
)
NUMBERS = st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}"))  # as many digits as a workbook keeps
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXT.map(str.strip).filter(bool),
            "at": st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)),
            "n": st.none() | st.integers(-(10**15), 10**15) | NUMBERS,
            "note": st.none() | TEXT,
        }
    ),
    min_size=1,
    max_size=5,
)
SCHEMA = pa.schema([("id", pa.string()), ("at", pa.timestamp("us")), ("n", pa.float64()), ("note", pa.string())])
FULL = Mapping.model_validate(
    {
        "message": [
            {
                "type": "track",
                "lead": "id",
                "time": "at",
                "event": "Seen",
                "value": "n",
                "properties": {"note": "note"},
            },
            {"type": "identify", "lead": "id", "time": "at", "traits": {"n": {"column": "n", "as": "number"}}},
        ],
        "time": {"zone": "Europe/Paris"},
    }
)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_rows_give_the_same_messages_in_every_format(rows):
    rows = [{column: row[column] for column in SCHEMA.names} for row in rows]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, delimiter in ((folder / "a.csv", ","), (folder / "a.tsv", "\t")):
            with path.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(handle, list(rows[0]), delimiter=delimiter)
                writer.writeheader()
                writer.writerows(rows)
        workbook(folder / "a.xlsx", [list(rows[0]), *(list(row.values()) for row in rows)])
        numbers = [row | {"n": None if row["n"] is None else float(row["n"])} for row in rows]
        pq.write_table(pa.Table.from_pylist(numbers, SCHEMA), folder / "a.parquet")
        lines = [json.dumps(row | {"at": str(row["at"])}) for row in rows]
        (folder / "a.ndjson").write_text("\n".join(lines), encoding="utf-8")
        found = {path.name: list(open_source(path, FULL)) for path in sorted(folder.iterdir())}
    assert {record.problem for read in found.values() for record in read} == {None}
    messages = {name: [record.payload for record in read] for name, read in found.items()}
    assert len(messages["a.csv"]) == 2 * len(rows)
    assert all(read == messages["a.csv"] for read in messages.values())


# memory, progress


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.csv", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, name, monkeypatch):
    monkeypatch.setattr(data.tables, "BATCH", 1_024)

    def peak(count):
        path = tmp_path / f"{count}{name[1:]}"
        rows = [{"id": f"L{n:06}", "at": "2026-03-01", "name": "x" * 50} for n in range(count)]
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=count)
        else:
            lines = [",".join(row.values()) if ".csv" in name else json.dumps(row) for row in rows]
            file(tmp_path, path.name, "\n".join([HEADER.strip() * (".csv" in name), *lines]))
        del rows
        tracemalloc.start()
        try:
            assert sum(record.problem is None for record in open_source(path, SEEN)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is imported and cached at the first use
    assert peak(18_000) < 1.2 * peak(6_000)


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.csv", "a.tsv.gz", "a.parquet", "a.xlsx"])
def test_progress_rises_to_the_size_of_the_file(tmp_path, name):
    path = tmp_path / name
    rows = [{"id": f"L{n}", "at": "2026-03-01", "name": str(n)} for n in range(9_000)]
    if "parquet" in name:
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif "xlsx" in name:
        workbook(path, [list(rows[0]), *(row.values() for row in rows)])
    else:
        sign = "\t" if "tsv" in name else ","
        lines = [json.dumps(row) if "json" in name else sign.join(row.values()) for row in rows]
        file(tmp_path, name, "\n".join([HEADER.strip().replace(",", sign) * ("json" not in name), *lines]))
    told = []
    assert len(list(open_source(path, SEEN, told.append))) == 9_000
    assert told == sorted(told)
    assert told[-1] == source_size(path) == path.stat().st_size
    assert len(told) > 1


# real files


def test_bpic2012():
    path = require_data("bpic2012/events.parquet")
    ids, kinds, leads = set(), {}, set()
    for record in open_source(path, load_mapping(MAPPINGS / "bpic2012.toml")):
        assert record.problem is None
        ids.add(record.payload["messageId"])
        kinds[record.payload["event"]] = kinds.get(record.payload["event"], 0) + 1
        leads.add(record.payload["userId"])
    assert (len(ids), sum(kinds.values()), len(leads)) == (152_707, 152_707, 8_294)
    assert kinds["A_SUBMITTED"] == 8_294
    assert kinds["W_Nabellen offertes / START"] == 13_080
    journey = load_playbook(MAPPINGS / "bpic2012.playbook.toml").journey
    assert [kinds[name] for name in (*journey.created, *journey.converted, *journey.lost)] == [8294, 1192, 4785, 1478]


def test_bpic2012_cases():
    path = require_data("bpic2012/cases.csv.gz")
    found = list(open_source(path, load_mapping(MAPPINGS / "bpic2012-cases.toml")))
    assert {record.problem for record in found} == {None}
    assert len({record.payload["messageId"] for record in found}) == 8_294
    assert found[0].payload["traits"] == {"amount_requested": 20000}
    assert found[0].payload["timestamp"] == "2011-09-30T22:38:44.546000Z"


def test_olist():
    leads = list(
        open_source(
            require_data("olist/olist_marketing_qualified_leads_dataset.csv.gz"),
            load_mapping(MAPPINGS / "olist-leads.toml"),
        )
    )
    deals = list(
        open_source(
            require_data("olist/olist_closed_deals_dataset.csv.gz"), load_mapping(MAPPINGS / "olist-deals.toml")
        )
    )
    assert {record.problem for record in leads + deals} == {None}
    assert [sum(r.payload["type"] == kind for r in leads) for kind in ("identify", "track")] == [8_000, 8_000]
    assert len({r.payload["messageId"] for r in leads + deals}) == 16_842
    assert {r.payload["userId"] for r in deals} <= {r.payload["userId"] for r in leads}
    playbook = load_playbook(MAPPINGS / "olist.playbook.toml")
    assert {r.payload["event"] for r in deals} == set(playbook.journey.converted)
    assert {r.payload["event"] for r in leads if "event" in r.payload} == set(playbook.journey.created)
    assert set().union(*(r.payload.get("traits", {}) for r in leads)) == set(playbook.features.traits)
    assert min(r.payload["timestamp"] for r in deals) >= playbook.journey.observed_from.strftime("%Y-%m-%d")


def test_a_fair_in_a_spreadsheet(tmp_path):
    rows = [["Email", "First seen", "Company", "Job"], ["ann@acme.fr", "14/03/2026 10:30", "Acme", None]]
    who, what = open_source(workbook(tmp_path / "fair.xlsx", rows), load_mapping(MAPPINGS / "contacts.example.toml"))
    assert who.payload["traits"] == {"email": "ann@acme.fr", "company": "Acme"}
    assert (what.payload["event"], what.payload["properties"]) == ("Contact Met", {"channel": "fair"})
    assert what.payload["timestamp"] == "2026-03-14T09:30:00Z"


@pytest.mark.parametrize("module", [data.json_lines, data.sources], ids=lambda module: module.__name__)
def test_the_examples_of_docstrings_run(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert found.failed == 0
