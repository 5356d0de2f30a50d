"""Event logs in XES (IEEE 1849), read as a stream.

Each event becomes one row of cells, named as pm4py names them: the attributes of the event by their key
(``concept:name``), those of its trace with ``case:`` before it (``case:concept:name``), and ``event:index``, the
place of the event in its trace, from 1, so that a mapping can say something once a trace.

The parser is expat with plain callbacks: no tree is built, so memory is that of the longest trace. A trace is
held until it ends because its attributes may stand after its events. Nested attributes, lists and containers
are passed over. Entities, the way in which XML is made to explode, are refused.

``<global>`` gives the values of attributes that a trace or event leaves out. A default is not allowed to invent
who or when: those of type date and id, and the ``concept:name`` of a trace, are not taken.

Source: https://www.xes-standard.org, IEEE Std 1849-2016.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

from data.cells import Row
from data.mapping import Mapping
from veraison.errors import SourceError

LEAD = "case:concept:name"
_CHUNK = 1 << 16


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]


_TYPES: dict[str, Callable[[str], Any]] = {
    "string": str,
    "id": str,
    "int": int,
    "float": float,
    "boolean": _boolean,
    "date": datetime.fromisoformat,
}


def read_events(handle: BinaryIO, source: str) -> Iterator[tuple[int, Row]]:
    """The events of a log in the order of the file, each with its number from 1.

    Raises SourceError where the file ends too early or is not well-formed, after all that stands before.
    """
    log = _Log(source)
    parser = expat.ParserCreate()
    parser.StartElementHandler = log.start
    parser.EndElementHandler = log.end
    parser.EntityDeclHandler = log.refuse
    failure: SourceError | None = None
    more = True
    while more and not failure:
        try:
            chunk = handle.read(_CHUNK)
            more = bool(chunk)
            parser.Parse(chunk, not more)
        except SourceError as error:
            failure = error
        except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: an unknown encoding
            failure = SourceError(f"{source}: not well-formed XML: {error}")
        if failure:
            log.end_trace()
        yield from log.take()
    if failure:
        raise failure


class _Log:
    """What expat's callbacks gather: the open trace, and the rows that are complete."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.depth = 0
        self.skipping = 0  # the depth of the attribute whose insides are passed over
        self.count = 0
        self.defaults: dict[str, Row] = {"trace": {}, "event": {}}
        self.trace: Row | None = None
        self.events: list[Row] = []
        self.open: Row | None = None  # what attributes now belong to; None at the level of the log
        self.scope: str | None = None  # of the open <global>
        self.rows: list[tuple[int, Row]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        name = tag.rpartition(":")[2]  # whatever prefix the namespace has
        if self.skipping:
            return
        if self.depth == 1 and name != "log":
            raise SourceError(f"{self.source}: not an event log: its root is <{tag}>, not <log>")
        if name in _TYPES or name in ("list", "container"):
            self.skipping = self.depth
            self.attribute(name, attributes)
        elif name == "trace":
            self.open = self.trace = {}
        elif name == "event":
            self.open = {}
        elif name == "global":
            self.scope = attributes.get("scope", "event")
            self.open = self.defaults.setdefault(self.scope, {})

    def attribute(self, kind: str, attributes: dict[str, str]) -> None:
        key, text = attributes.get("key"), attributes.get("value")
        if self.open is None or key is None or text is None or kind not in _TYPES:
            return
        invents = kind in ("date", "id") or (self.scope == "trace" and key == "concept:name")
        if self.scope and invents:
            return
        try:
            self.open[key] = _TYPES[kind](text)
        except (ValueError, KeyError):
            self.open[key] = text  # not of its type: whoever reads the cell says so

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if self.skipping == self.depth:
            self.skipping = 0
        elif not self.skipping:
            if name == "event" and self.open is not None:
                self.events.append(self.open)
                self.open = self.trace
                if self.trace is None:  # events may stand outside traces
                    self.end_trace()
            elif name == "trace":
                self.end_trace()
            elif name == "global":
                self.open = self.scope = None
        self.depth -= 1

    def end_trace(self) -> None:
        case = {f"case:{key}": value for key, value in (self.defaults["trace"] | (self.trace or {})).items()}
        for index, event in enumerate(self.events, 1):
            self.count += 1
            self.rows.append((self.count, case | {"event:index": index} | self.defaults["event"] | event))
        self.events = []
        self.open = self.trace = None

    def refuse(self, name: str, *_: object) -> NoReturn:
        raise SourceError(f"{self.source}: declares the entity {name!r}; entities are refused")

    def take(self) -> list[tuple[int, Row]]:
        rows, self.rows = self.rows, []
        return rows


def default_mapping(row: Row) -> Mapping:
    """How an event is read where no mapping is given.

    The lead is the trace, the event its name and, unless complete, its lifecycle transition. At the first event
    of a trace the attributes of the trace, but for dates, are taught as traits.

    >>> mapping = default_mapping({"case:concept:name": "7", "case:amount": 100, "event:index": 1})
    >>> [message.type for message in mapping.message], mapping.message[1].traits["amount"].as_
    (['track', 'identify'], 'number')
    """
    if row["event:index"] != 1:
        return _default(())
    kinds = {str: "text", int: "number", float: "number", bool: "boolean"}
    traits = {name: kinds.get(type(cell)) for name, cell in row.items() if name.startswith("case:")}
    return _default(tuple((name, kind) for name, kind in traits.items() if kind and name != LEAD))


@lru_cache(maxsize=256)
def _default(traits: tuple[tuple[str, str], ...]) -> Mapping:
    track = {
        "type": "track",
        "lead": LEAD,
        "time": "time:timestamp",
        "event": "{concept:name}",
        "suffix": {"column": "lifecycle:transition", "unless": ["complete", "COMPLETE", "Complete"]},
        "properties": {"resource": "org:resource"},
    }
    assigned = {column.removeprefix("case:"): {"column": column, "as": kind} for column, kind in traits}
    identify = {"type": "identify", "lead": LEAD, "time": "time:timestamp", "traits": assigned}
    return Mapping.model_validate({"message": [track, identify] if traits else [track]})
