"""Event logs: streamed, whatever order and prefix their elements have, as far as they can be read."""

import doctest
import gzip
import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

import data.xes
from data.mapping import load_mapping
from data.sources import open_source
from data.xes import read_events
from tests.support import ROOT
from veraison.errors import MappingError, SourceError

START = datetime(2026, 3, 1, 9, 12, tzinfo=UTC)


def attribute(kind, key, value, *, swapped=False, inside=""):
    pair = [f"key={quoteattr(key)}", f"value={quoteattr(str(value))}"]
    return f"<{kind} {' '.join(reversed(pair) if swapped else pair)}>{inside}</{kind}>"


def event(name, hours=0, more="", **options):
    when = attribute("date", "time:timestamp", (START + timedelta(hours=hours)).isoformat(), **options)
    return f"<event>{when}{attribute('string', 'concept:name', name, **options)}{more}</event>"


def trace(lead, *inner):
    return f"<trace>{attribute('string', 'concept:name', lead)}{''.join(inner)}</trace>"


def log(*inner, before=""):
    root = '<log xmlns="http://www.xes-standard.org/" xes.version="1849-2016">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{before}{root}{"".join(inner)}</log>'


def rows(text):
    return list(read_events(io.BytesIO(text.encode()), "a.xes"))


def records(folder, text, mapping=None, name="a.xes"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return list(open_source(path, mapping))


def fails(text):
    """The rows before the failure, and its one line."""
    read = []
    with pytest.raises(SourceError) as raised:
        for row in read_events(io.BytesIO(text if isinstance(text, bytes) else text.encode()), "a.xes"):
            read.append(row)
    assert str(raised.value).startswith("a.xes: ")
    assert "\n" not in str(raised.value)
    return read, str(raised.value)


# rows


def test_an_event_is_a_row_of_typed_cells():
    inner = (
        attribute("int", "amount", 20000),
        event(
            "Sent",
            0,
            attribute("float", "cost", 1.5)
            + attribute("boolean", "vip", "true")
            + attribute("id", "identity:id", "e-1")
            + attribute("int", "odd", "x"),
        ),
        event("Back", 2),
    )
    (one, first), (two, second) = rows(log(attribute("string", "creator", "us"), trace("7", *inner)))
    assert (one, two) == (1, 2)
    assert first == {
        "case:concept:name": "7",
        "case:amount": 20000,
        "event:index": 1,
        "time:timestamp": START,
        "concept:name": "Sent",
        "cost": 1.5,
        "vip": True,
        "identity:id": "e-1",
        "odd": "x",
    }
    assert (second["event:index"], second["case:amount"]) == (2, 20000)


def test_nested_attributes_lists_and_containers_are_passed_over():
    inside = attribute("string", "concept:name", "wrong", inside=attribute("int", "deep", 1))
    lists = f'<list key="l"><values>{inside}</values></list><container key="c">{inside}</container>'
    [(_, row)] = rows(log(trace("7", event("Sent", inside=inside, more=lists))))
    assert row["concept:name"] == "Sent"
    assert set(row) == {"case:concept:name", "event:index", "time:timestamp", "concept:name"}


def test_globals_stand_in_but_invent_neither_who_nor_when():
    of_trace = attribute("string", "concept:name", "UNKNOWN") + attribute("string", "channel", "site")
    of_event = (
        attribute("date", "time:timestamp", "1970-01-01T00:00:00+00:00")
        + attribute("id", "identity:id", "x")
        + attribute("string", "org:resource", "nobody")
        + attribute("string", "concept:name", "?")
    )
    declared = f'<global scope="trace">{of_trace}</global><global scope="event">{of_event}</global>'
    extension = '<extension name="Time" prefix="time" uri="x"/><classifier name="c" keys="concept:name"/>'
    [(_, row)] = rows(log(extension, declared, "<trace><event></event></trace>"))
    assert row == {"case:channel": "site", "event:index": 1, "org:resource": "nobody", "concept:name": "?"}
    [(_, row)] = rows(log(declared, trace("7", event("Sent", more=attribute("string", "org:resource", "Ann")))))
    assert (row["org:resource"], row["concept:name"], row["case:concept:name"]) == ("Ann", "Sent", "7")


def test_events_outside_traces_have_no_case():
    (_, alone), (number, inside) = rows(log(event("Alone"), trace("7", event("Inside"))))
    assert "case:concept:name" not in alone
    assert (number, inside["case:concept:name"]) == (2, "7")


TRACES = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5), st.integers(0, 4)),
    max_size=5,
)


@given(TRACES, st.booleans(), st.booleans(), st.sampled_from(["", "xes:", "a.b-c:"]), st.permutations([0, 1, 2]))
def test_the_order_of_things_and_the_prefix_do_not_matter(traces, swapped, late, prefix, order):
    text = ""
    for lead, count in traces:
        own = attribute("string", "concept:name", lead, swapped=swapped) + attribute("int", "amount", count)
        events = ""
        for hours in range(count):
            parts = [
                attribute("date", "time:timestamp", (START + timedelta(hours=hours)).isoformat(), swapped=swapped),
                attribute("string", "concept:name", f"step {lead}", swapped=swapped),
                attribute("string", "org:resource", "é&<", swapped=swapped),
            ]
            events += f"<event>{''.join(parts[place] for place in order)}</event>"
        text += f"<trace>{events + own if late else own + events}</trace>"
    text = f'<log xmlns:{prefix[:-1]}="http://www.xes-standard.org/">{text}</log>' if prefix else f"<log>{text}</log>"
    if prefix:
        for tag in ("log", "trace", "event", "string", "date", "int"):
            text = text.replace(f"<{tag}>", f"<{prefix}{tag}>").replace(f"<{tag} ", f"<{prefix}{tag} ")
            text = text.replace(f"</{tag}>", f"</{prefix}{tag}>")
    found = rows(text)
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    assert [(row["case:concept:name"], row["case:amount"]) for _, row in found] == [
        pair for pair in traces for _ in range(pair[1])
    ]
    assert all(row["concept:name"] == f"step {row['case:concept:name']}" for _, row in found)
    assert all(row["time:timestamp"] == START + timedelta(hours=row["event:index"] - 1) for _, row in found)


# damage


def test_what_stands_before_the_damage_is_read():
    whole = log(trace("7", event("A"), event("B")), trace("8", event("C"), event("D")))
    cut = whole[: whole.index("D")]
    read, sentence = fails(cut)
    assert [row["concept:name"] for _, row in read] == ["A", "B", "C"]
    assert "not well-formed XML: " in sentence
    read, sentence = fails(whole.replace("</log>", "<oops></log>"))
    assert len(read) == 4
    assert sentence.endswith("mismatched tag: line 2, column " + sentence.rpartition(" ")[2])


@given(st.data())
def test_wherever_a_log_is_cut_the_events_before_are_read(data):
    whole = log(*(trace(str(lead), *(event(f"E{n}") for n in range(3))) for lead in range(3)))
    cut = data.draw(st.integers(1, len(whole) - 1))
    read, _ = fails(whole[:cut])
    assert len(read) == whole[:cut].count("</event>")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no element found"),
        ("<html></html>", "not an event log: its root is <html>, not <log>"),
        ("not XML", "not well-formed XML: syntax error"),
        ('<?xml version="1.0" encoding="utf-9"?><log/>', "unknown encoding"),
        (log(before='<!DOCTYPE log [<!ENTITY a "aaaa">]>'), "declares the entity 'a'; entities are refused"),
        (log(before='<!DOCTYPE log [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "declares the entity 'a'"),
        (log(before='<!DOCTYPE log [<!ENTITY % a "aaaa">]>'), "declares the entity 'a'"),
        (b"\xff\xfe\x00\x00" * 10, "not well-formed XML"),
    ],
)
def test_what_is_not_a_log(text, sentence):
    read, said = fails(text)
    assert read == []
    assert sentence in said


@given(st.binary(max_size=200))
def test_no_bytes_make_it_crash(content):
    with pytest.raises(SourceError):
        list(read_events(io.BytesIO(content), "a.xes"))


def test_a_packed_log_cut_off(tmp_path):
    path = tmp_path / "a.xes.gz"
    whole = gzip.compress(log(*(trace(str(n * 7919), event("A", n % 1000)) for n in range(5_000))).encode())
    path.write_bytes(whole[: len(whole) // 2])
    count = 0
    with pytest.raises(SourceError, match=r"^\S+a.xes.gz: damaged or cut off, no more can be read"):
        for record in open_source(path):
            assert record.payload
            count += 1
    assert count > 2_000


# messages


@pytest.mark.parametrize("name", ["a.xes", "a.xes.gz"])
def test_without_a_mapping(tmp_path, name):
    own = (
        attribute("int", "amount", 100) + attribute("string", "channel", "site") + attribute("boolean", "vip", "false")
    )
    own += attribute("date", "REG_DATE", START.isoformat())
    first = event(
        "Sent", 0, attribute("string", "lifecycle:transition", "start") + attribute("int", "org:resource", 112)
    )
    second = event("Sent", 1, attribute("string", "lifecycle:transition", "complete"))
    text = log(trace("173688", own, first, second), trace("8", event("Sent", 2)))
    sent, taught, done, other = records(tmp_path, text, name=name)
    assert [record.line for record in (sent, taught, done, other)] == [1, 1, 2, 3]
    assert sent.payload.pop("messageId") != done.payload["messageId"]
    assert sent.payload == {
        "type": "track",
        "timestamp": "2026-03-01T09:12:00Z",
        "userId": "173688",
        "event": "Sent / start",
        "properties": {"resource": "112"},
    }
    assert taught.payload["timestamp"] == "2026-03-01T09:12:00Z"
    assert taught.payload["traits"] == {"amount": 100, "channel": "site", "vip": False}
    assert (done.payload["event"], other.payload["event"]) == ("Sent", "Sent")
    assert '"case:amount":100' in sent.raw
    assert "\n" not in sent.raw


def test_a_bad_event_is_its_own_problem(tmp_path):
    bad = (
        "<event>" + attribute("date", "time:timestamp", "soon") + attribute("string", "concept:name", "A") + "</event>"
    )
    nameless = "<event>" + attribute("date", "time:timestamp", START.isoformat()) + "</event>"
    one, two, three = records(tmp_path, log(trace("7", bad, nameless, event("B"))))
    assert one.problem == "column 'time:timestamp': 'soon' is not a date; [time] formats of the mapping are iso"
    assert two.problem == "column 'concept:name': the cell is empty"
    assert three.problem is None


MAPPING = """
[[message]]
type = "track"
lead = "case:concept:name"
event = "{concept:name}"
time = "time:timestamp"
[[message]]
type = "identify"
lead = "case:concept:name"
time = "time:timestamp"
when = { column = "event:index", equals = "1" }
[message.traits]
amount = { column = "case:AMOUNT_REQ", as = "number" }
"""


def mapping(folder, text=MAPPING):
    path = folder / "M.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def test_with_a_mapping(tmp_path):
    traces = [trace(str(n), attribute("string", "AMOUNT_REQ", n * 10), event("A"), event("B", 1)) for n in range(3)]
    found = records(tmp_path, log(*traces), mapping(tmp_path))
    assert [(record.line, record.payload["type"]) for record in found[:4]] == [
        (1, "track"),
        (1, "identify"),
        (2, "track"),
        (3, "track"),
    ]
    assert [r.payload["traits"] for r in found if "traits" in r.payload] == [{"amount": n * 10} for n in range(3)]


def test_a_key_that_no_event_has_is_found_before_anything_is_given(tmp_path):
    rare = trace("9", attribute("int", "AMOUNT_REQ", 1), event("A"))
    common = [trace(str(n), event("A")) for n in range(50)]
    assert len(records(tmp_path, log(*common, rare), mapping(tmp_path))) == 102
    with pytest.raises(MappingError, match=r"reads the column 'case:AMOUNT_REQ', which is not there; there are 'case:"):
        records(tmp_path, log(*common), mapping(tmp_path))
    with pytest.raises(SourceError, match="not well-formed"):  # cut off before it could be seen: that is the mistake
        records(tmp_path, log(*common, rare)[:3000], mapping(tmp_path))


def test_the_mapping_of_bpic2012_reads_its_xes_too(tmp_path):
    text = (ROOT / "data/mappings/bpic2012.toml").read_text(encoding="utf-8").replace('"case"', '"case:concept:name"')
    cells = [attribute("string", "lifecycle:transition", step) for step in ("COMPLETE", "START")]
    cells[1] += attribute("string", "org:resource", "112")
    one, two = records(
        tmp_path, log(trace("173688", event("A_X", 0, cells[0]), event("W_X", 0, cells[1]))), mapping(tmp_path, text)
    )
    assert [one.payload["event"], two.payload["event"]] == ["A_X", "W_X / START"]
    assert two.payload["properties"] == {"resource": "112"}


# memory


def test_memory_is_that_of_the_longest_trace(tmp_path):
    def peak(count):
        path = tmp_path / f"{count}.xes"
        path.write_text(log(*(trace(f"{n:06}", *(event("A", hours) for hours in range(5))) for n in range(count))))
        tracemalloc.start()
        try:
            assert sum(record.problem is None for record in open_source(path)) == 5 * count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is imported and cached at the first use
    assert peak(4_500) < 1.2 * peak(1_500)


def test_the_examples_of_docstrings_run():
    assert doctest.testmod(data.xes).failed == 0
