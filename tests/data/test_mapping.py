"""The mapping file: what it can say, what it refuses, and that a row's messages do not depend on its format."""

import doctest
import re
import tomllib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from hashlib import sha256

import pytest

import data.cells
import data.mapping
import data.message
from data.cells import NumberRule, TimeRule
from data.mapping import FileRule, Mapping, load_mapping
from data.message import Assignment, Condition, Message, Suffix
from tests.support import ROOT
from veraison.errors import MappingError

MAPPINGS = sorted(path for path in (ROOT / "data/mappings").glob("*.toml") if "playbook" not in path.name)
TRACK = {"type": "track", "lead": "id", "time": "at", "event": "Seen"}
ROW = {"id": "L1", "at": "2026-03-01T09:12:00Z"}


def mapping(*messages, **tables):
    return Mapping.model_validate({"message": [TRACK | message for message in messages or ({},)], **tables})


def only(mapped, row):
    [record] = mapped.records("s", 1, row)
    return record


def said(row=None, message=None, **tables):
    record = only(mapping(message or {}, **tables), ROW | (row or {}))
    assert record.problem is None, record.problem
    return record.payload


def problem(row=None, message=None, **tables):
    record = only(mapping(message or {}, **tables), ROW | (row or {}))
    assert record.payload is None
    assert "\n" not in record.problem
    return record.problem


def instant_of(cell, **rule):
    return said({"at": cell}, time=rule)["timestamp"]


# what messages say


def test_a_track_message_is_a_segment_message():
    message = {
        "event": "{stage} / {status}",
        "known": "received",
        "value": "amount",
        "properties": {
            "seller": "owner",
            "list": {"constant": "fair"},
            "seats": {"column": "seats", "as": "number"},
            "vip": {"column": "vip", "as": "boolean"},
        },
    }
    row = {"stage": "Offer", "status": " sent ", "received": datetime(2026, 3, 2, tzinfo=UTC), "amount": "12.50"}
    payload = said(row | {"owner": 7.0, "seats": 3, "vip": "yes"}, message)
    assert payload.pop("messageId")
    assert payload == {
        "type": "track",
        "userId": "L1",
        "timestamp": "2026-03-01T09:12:00Z",
        "receivedAt": "2026-03-02T00:00:00Z",
        "event": "Offer / sent",
        "properties": {"seller": "7", "list": "fair", "seats": 3, "vip": True, "value": 12.5},
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"type": "identify", "lead": "id", "anonymous": "v", "time": "at", "traits": {"job": "job"}},
            {"anonymousId": "a9", "traits": {"job": "CTO"}},
        ),
        ({"type": "identify", "lead": "id", "anonymous": "v", "time": "at"}, {"anonymousId": "a9", "traits": {}}),
        (
            {"type": "group", "lead": "id", "time": "at", "group": "firm", "traits": {"job": "job"}},
            {"groupId": "acme", "traits": {"job": "CTO"}},
        ),
        ({"type": "alias", "lead": "id", "time": "at", "previous": "v"}, {"previousId": "a9"}),
        (
            {"type": "page", "lead": "id", "time": "at", "event": "{page}"},
            {"name": "Pricing", "properties": {}},
        ),
    ],
)
def test_the_other_types(message, expected):
    row = ROW | {"v": "a9", "job": "CTO", "firm": "acme", "page": "Pricing"}
    payload = only(Mapping.model_validate({"message": [message]}), row).payload
    del payload["messageId"]
    assert payload == {"type": message["type"], "userId": "L1", "timestamp": "2026-03-01T09:12:00Z"} | expected


def test_empty_cells_are_absent_properties():
    message = {"properties": {"a": "a", "b": "b", "c": {"column": "c", "as": "number"}}, "value": "d", "known": "e"}
    payload = said({"a": "", "b": "  ", "c": None, "d": float("nan")}, message)
    assert payload["properties"] == {}
    assert "receivedAt" not in payload


def test_a_row_without_cells_is_no_row():
    assert list(mapping().records("s", 1, {"id": "", "at": None, "x": " "})) == []


@pytest.mark.parametrize(
    ("cell", "name"), [("START", "Seen / START"), ("COMPLETE", "Seen"), (None, "Seen"), (" ", "Seen")]
)
def test_a_suffix_unless_it_says_the_ordinary(cell, name):
    assert said({"step": cell}, {"suffix": {"column": "step", "unless": ["COMPLETE"]}})["event"] == name


@pytest.mark.parametrize(
    ("test", "cells"),
    [
        ({"present": True}, ["won", "x"]),
        ({"present": False}, [None, ""]),
        ({"equals": "won"}, ["won"]),
        ({"in": ["won", "x"]}, ["won", "x"]),
        ({"in": []}, []),
    ],
)
def test_conditions(test, cells):
    mapped = mapping({"when": {"column": "stage"} | test})
    given = [cell for cell in (None, "", "won", "x") if list(mapped.records("s", 1, ROW | {"stage": cell}))]
    assert sorted(given, key=str) == sorted(cells, key=str)


def test_an_anonymous_row_may_lack_the_lead_and_the_other_way_round():
    both = {"anonymous": "visitor"}
    assert said({"id": "", "visitor": "a9"}, both)["anonymousId"] == "a9"
    assert said({"visitor": None}, both)["userId"] == "L1"
    assert problem({"id": "", "visitor": ""}, both) == "column 'id': the cell is empty; it says whose row it is"


def test_a_bad_cell_is_the_problem_of_the_messages_that_read_it():
    mapped = mapping({"event": "Seen"}, {"event": "Paid", "value": "amount"})
    good, bad = mapped.records("deals.csv", 7, ROW | {"amount": "12 euros"})
    assert good.payload["event"] == "Seen"
    assert bad.payload is None
    assert bad.problem == "column 'amount': '12 euros' is not a number (its decimal sign being '.')"
    assert good.line == bad.line == 7
    assert good.raw == bad.raw == '{"amount":"12 euros","at":"2026-03-01T09:12:00Z","id":"L1"}'


# ids


def test_the_hash_is_of_the_content_and_never_changes():
    # a change of these digits would store every file again that was ever ingested
    content = '{"event":"Seen","properties":{},"timestamp":"2026-03-01T09:12:00Z","type":"track","userId":"L1"}'
    assert said()["messageId"] == sha256(content.encode()).hexdigest()[:32] == "9dc87d181c4b9378a898659e22c35379"


@pytest.mark.parametrize(
    "row",
    [
        {"id": 173688, "n": 5, "at": datetime(2026, 3, 1, 9, 12, tzinfo=UTC)},
        {"id": 173688.0, "n": 5.0, "at": datetime(2026, 3, 1, 10, 12, tzinfo=timezone(timedelta(hours=1)))},
        {"id": Decimal("173688.00"), "n": Decimal(5), "at": datetime(2026, 3, 1, 10, 12)},
        {"id": " 173688", "n": "+5.00", "at": "2026-03-01T04:12:00.000-05:00"},
    ],
)
def test_the_same_row_in_other_types_is_the_same_message(row):
    message = {"properties": {"n": {"column": "n", "as": "number"}}}
    base = said({"id": "173688", "n": "5"}, message, time={"zone": "Europe/Paris"})
    assert base["userId"] == "173688"
    assert said(row, message, time={"zone": "Europe/Paris"}) == base


def test_an_id_of_ones_own():
    assert said({"no": 12.0}, {"id": "crm-{no}"})["messageId"] == "crm-12"
    assert problem({"no": ""}, {"id": "crm-{no}"}) == "column 'no': the cell is empty"


def test_a_number_too_large_to_be_exact_is_no_id():
    assert "was rounded when it was stored as a number" in problem({"id": 9007199254740993.0})


# times


@pytest.mark.parametrize(
    ("cell", "rule", "expected"),
    [
        ("2011-10-01T00:38:44.546+02:00", {}, "2011-09-30T22:38:44.546000Z"),
        ("2011-10-01T00:38:44.546+02:00", {"zone": "America/Sao_Paulo"}, "2011-09-30T22:38:44.546000Z"),
        ("2018-02-26 19:58:54", {"zone": "America/Sao_Paulo"}, "2018-02-26T22:58:54Z"),
        ("01-02-2018", {"formats": ["iso", "%d-%m-%Y"], "zone": "America/Sao_Paulo"}, "2018-02-01T02:00:00Z"),
        (date(2018, 2, 1), {"zone": "Europe/Paris"}, "2018-01-31T23:00:00Z"),
        (datetime(2018, 2, 1, 12), {"zone": "UTC", "formats": ["%d/%m/%Y"]}, "2018-02-01T12:00:00Z"),
        ("2018-02-01 10:00:00 UTC", {"formats": ["%Y-%m-%d %H:%M:%S UTC"], "zone": "UTC"}, "2018-02-01T10:00:00Z"),
        ("01/02/2018 10:00 +0100", {"formats": ["%d/%m/%Y %H:%M %z"]}, "2018-02-01T09:00:00Z"),
        (1317422324, {"formats": ["epoch_s"]}, "2011-09-30T22:38:44Z"),
        ("1317422324546", {"formats": ["epoch_ms"]}, "2011-09-30T22:38:44.546000Z"),
        ("1317422324546001", {"formats": ["epoch_us"]}, "2011-09-30T22:38:44.546001Z"),
        (20180201, {"formats": ["%Y%m%d"], "zone": "UTC"}, "2018-02-01T00:00:00Z"),
    ],
)
def test_moments(cell, rule, expected):
    assert instant_of(cell, **rule) == expected


def test_local_times_that_come_twice_or_never():
    assert instant_of("2025-10-26 02:30", zone="Europe/Paris") == "2025-10-26T00:30:00Z"  # the first of the two
    assert instant_of("2025-03-30 02:30", zone="Europe/Paris") == "2025-03-30T01:30:00Z"  # 03:30 in summer time
    # São Paulo put its clocks forward at midnight: the day has none, and begins an hour later
    assert instant_of("2017-10-15", zone="America/Sao_Paulo") == "2017-10-15T03:00:00Z"


@pytest.mark.parametrize(
    ("cell", "rule", "sentence"),
    [
        ("2018-02-01", {}, "'2018-02-01' has no time zone; add one to the cells, or [time] zone to the mapping"),
        (date(2018, 2, 1), {}, "'2018-02-01' has no time zone; add one to the cells, or [time] zone to the mapping"),
        (1317422324, {}, "'1317422324' is not a date; [time] formats of the mapping are iso"),
        ("20180201", {"zone": "UTC"}, "'20180201' is not a date; [time] formats of the mapping are iso"),
        ("2018-02-30", {"zone": "UTC"}, "'2018-02-30' is not a date; [time] formats of the mapping are iso"),
        (
            "soon",
            {"formats": ["%d/%m/%Y", "iso"]},
            "'soon' is not a date; [time] formats of the mapping are %d/%m/%Y, iso",
        ),
        ("9" * 30, {"formats": ["epoch_s"]}, f"'{'9' * 30}' is not a date; [time] formats of the mapping are epoch_s"),
        ("NaN", {"formats": ["epoch_s"]}, "'NaN' is not a date; [time] formats of the mapping are epoch_s"),
        (time(9, 30), {"zone": "UTC"}, "'09:30:00' is not a date; [time] formats of the mapping are iso"),
        ([1], {}, "a list is not a plain value"),
        (
            datetime(1, 1, 1),
            {"zone": "Asia/Tokyo"},
            "'0001-01-01 00:00:00' is outside the calendar",
        ),
        (None, {}, "the cell is empty"),
    ],
)
def test_what_is_not_a_moment(cell, rule, sentence):
    assert problem({"at": cell}, time=rule) == f"column 'at': {sentence}"


# numbers, truth


@pytest.mark.parametrize(
    ("cell", "decimal", "expected"),
    [
        ("20000", ".", 20000),
        ("20000.0", ".", 20000),
        ("-.5", ".", -0.5),
        ("1e3", ".", 1000),
        ("1 234 567,5", ",", 1234567.5),
        ("1\u202f234,5", ",", 1234.5),
        (Decimal("0.10"), ",", 0.1),
        (2**60, ".", float(2**60)),
    ],
)
def test_numbers(cell, decimal, expected):
    value = said({"n": cell}, {"value": "n"}, number={"decimal": decimal})["properties"]["value"]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "cell", ["1,5", "1_000", "nan", "inf", "0x1F", "12 34", "1e999", "٣", True, 10**400, "-", "1.2.3"]
)
def test_what_is_not_a_number(cell):
    assert problem({"n": cell}, {"value": "n"}).startswith("column 'n': ")


def test_truth():
    message = {"properties": {"b": {"column": "b", "as": "boolean"}}}
    assert [said({"b": b}, message)["properties"]["b"] for b in (True, "TRUE", "yes", 1, 1.0)] == [True] * 5
    assert [said({"b": b}, message)["properties"]["b"] for b in (False, "False", "no", 0)] == [False] * 4
    assert problem({"b": "maybe"}, message) == "column 'b': 'maybe' is not one of true, yes, 1, false, no, 0"


def test_text_that_the_encoding_did_not_fit():
    record = only(mapping(), ROW | {"id": "Ren\udce9"})
    assert record.problem.startswith("column 'id': not in the encoding of the mapping")
    assert "Ren?" in record.raw


# the file


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.name)
def test_the_mappings_of_the_repository_load(path):
    assert load_mapping(path).columns


def written(folder, text):
    path = folder / "M.toml"
    path.write_text(text, encoding="utf-8")
    return path


BASE = 'type = "track"\nlead = "id"\ntime = "at"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[message]\n", "not valid TOML: "),
        ("", "message: is required and missing"),
        ("message = []", "message: is empty; at least one is needed"),
        (f"[message]\n{BASE}", "message: should be a list, not {"),
        (
            f"[[message]]\n{BASE}event = 'x'\nlaed = 'id'",
            "message.1: unknown key 'laed'; the keys here are type, lead, ",
        ),
        (
            f"[[message]]\n{BASE}event = 'x'\n[mesage]",
            "unknown key 'mesage'; the keys here are message, time, number, file",
        ),
        (f"[[message]]\n{BASE}", "message.1: a message of type track needs event"),
        (f"[[message]]\n{BASE}event = 'x'\ntraits = {{}}", "message.1: a message of type track has no traits"),
        ("[[message]]\ntype = 'tracks'\nlead = 'id'\ntime = 'at'", "message.1.type: should be 'track', 'page'"),
        ("[[message]]\ntype = 'identify'\ntime = 'at'\ntraits = {}", "message.1: needs lead or anonymous"),
        ("[[message]]\ntype = 'identify'\nlead = 'id'", "message.1.time: is required and missing"),
        (f"[[message]]\n{BASE}event = 3", "message.1.event: should be text, with the columns it takes in braces"),
        (f"[[message]]\n{BASE}event = '{{x'", "message.1.event: '{x' has a brace without its pair"),
        (f"[[message]]\n{BASE}event = 'x'\nid = 'x'", "message.1: id names no column"),
        (f"[[message]]\n{BASE}event = 'x'\nvalue = 3", "message.1.value: should be text, not 3"),
        (f"[[message]]\n{BASE}event = 'x'\nsuffix = 'x'", "message.1.suffix: should be a table, not 'x'"),
        (f"[[message]]\n{BASE}event = 'x'\nwhen = {{column = 'x'}}", "message.1.when: needs exactly one of present"),
        (f"[[message]]\n{BASE}event = 'x'\nwhen = {{column = 'x', is = 1}}", "message.1.when: unknown key 'is'"),
        (
            f"[[message]]\n{BASE}event = 'x'\nproperties = {{a = {{column = 'x', as = 'int'}}}}",
            "message.1.properties.a.as: should be 'text', 'number' or 'boolean'",
        ),
        (f"[[message]]\n{BASE}event = 'x'\nproperties = {{a = 3}}", "message.1.properties.a: should be a table, not 3"),
        (
            f"[[message]]\n{BASE}event = 'x'\nproperties = {{a = {{column = 'x', constant = 'y'}}}}",
            "message.1.properties.a: needs either column or constant",
        ),
        (
            f"[[message]]\n{BASE}event = 'x'\nproperties = {{a = {{constant = nan}}}}",
            "message.1.properties.a.constant: should be text, a number, or true or false",
        ),
        (
            f"[[message]]\n{BASE}event = 'x'\nvalue = 'x'\nproperties = {{value = 'y'}}",
            "message.1: value and properties.value are the same thing",
        ),
        (
            f"[[message]]\n{BASE}event = 'x'\nid = '{{n}}'\n[[message]]\n{BASE}event = 'y'\nid = '{{n}}'",
            "two messages of a row have the same id",
        ),
        (f"[[message]]\n{BASE}event = 'x'\n[time]\nzone = 'Paris'", "time.zone: 'Paris' is not a time zone"),
        (f"[[message]]\n{BASE}event = 'x'\n[time]\nzone = '../UTC'", "time.zone: '../UTC' is not a time zone"),
        (
            f"[[message]]\n{BASE}event = 'x'\n[time]\nformats = ['%d-%m']",
            "time.formats.1: '%d-%m' does not give a whole",
        ),
        (
            f"[[message]]\n{BASE}event = 'x'\n[time]\nformats = ['%Y-%q']",
            "time.formats.1: '%Y-%q' does not give a whole",
        ),
        (f"[[message]]\n{BASE}event = 'x'\n[time]\nformats = ['%c %Z']", "time.formats.1: '%c %Z': names of zones"),
        (f"[[message]]\n{BASE}event = 'x'\n[time]\nformats = 'iso'", "time.formats: should be a list, not 'iso'"),
        (f"[[message]]\n{BASE}event = 'x'\n[number]\ndecimal = ';'", "number.decimal: should be '.' or ','"),
        (f"[[message]]\n{BASE}event = 'x'\n[file]\ndelimiter = ';;'", "file.delimiter: ';;' is not a delimiter"),
        (f"[[message]]\n{BASE}event = 'x'\n[file]\nencoding = 'utf-9'", "file.encoding: 'utf-9' is not an encoding"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(tmp_path, text, sentence):
    path = written(tmp_path, text)
    with pytest.raises(MappingError) as raised:
        load_mapping(path)
    assert str(raised.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(raised.value)


def test_several_mistakes_are_counted(tmp_path):
    with pytest.raises(MappingError, match=r"\(and 1 more\)$"):
        load_mapping(written(tmp_path, "[[message]]\ntype = 'track'\nlead = 'id'\n[time]\nzone = 'x'"))


def test_a_mapping_that_is_not_there(tmp_path):
    with pytest.raises(MappingError, match=r"none\.toml: cannot be read \(No such file or directory\)$"):
        load_mapping(tmp_path / "none.toml")


def test_columns_are_checked_by_name():
    mapped = mapping({"properties": {"a": "a"}})
    mapped.check(["id", "a", "at", "b", "b"], "f.csv")
    with pytest.raises(MappingError, match=r"^f.csv: the mapping reads the column 'a', .* there are 'id', 'at'$"):
        mapped.check(["id", "at"], "f.csv")
    with pytest.raises(MappingError, match=r"\[file\] delimiter"):
        mapped.check(["id;at;a"], "f.csv")
    with pytest.raises(MappingError, match=r"the column 'id' is there twice"):
        mapped.check(["id", "id", "at", "a"], "f.csv")
    with pytest.raises(MappingError, match=r"and 10 more$"):
        mapped.check([str(number) for number in range(40)], "f.csv")


# words


def test_the_guide_names_every_key_and_its_example_loads(tmp_path):
    guide = (ROOT / "docs/mapping.md").read_text(encoding="utf-8")
    for text in (*re.findall(r"```toml\n(.*?)```", guide, re.DOTALL), indented(data.mapping.__doc__)):
        load_mapping(written(tmp_path, text))
    for table in (Mapping, Message, Suffix, Condition, Assignment, TimeRule, NumberRule, FileRule):
        for name, field in table.model_fields.items():
            assert re.search(rf"`[^`]*\b{field.alias or name}\b", guide), f"docs/mapping.md does not name {name}"


def indented(text):
    code = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    assert tomllib.loads(code)
    return code


@pytest.mark.parametrize("module", [data.cells, data.message, data.mapping], ids=lambda module: module.__name__)
def test_the_examples_of_docstrings_run(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert found.failed == 0
