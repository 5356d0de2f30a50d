"""What each source of leads costs, period by period: read from a CSV file, kept in the store.

A worked example::

    source,month,cost
    Fair,2026-03,4200
    Web,2026-03,1250.50
    Web,2026-04,x              -> line 4: cost: 'x' is not a number; write it as 1250.50

Three lines, two of them kept. A cost belongs to whole days, evenly: half of March's is that of its first fifteen and a
half days. Lines of one file with the same source and period add up (two invoices of a month); the same period imported
again takes the place of the earlier one, so a file can be imported twice and a corrected one again. A period that
overlaps another one of its source is refused, since the days in both would be counted twice.
"""

import csv
import io
import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from data.identity import fold
from data.schema import costs
from data.store import Store
from veraison.errors import VeraisonError

_FORMS = ("source, month, cost", "source, from, to, cost")
_MOST = Decimal(10) ** 12
_YEARS = range(1970, 9000)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one source cost from one day to another.

    first, last : days, both within, UTC
    cost        : millionths of the playbook's currency, 0 or more
    line        : of the file it came from; of several that add up the first
    """

    source: str
    first: date
    last: date
    cost: int
    line: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What it takes the place of when it is imported again."""
        return fold(self.source), self.first.isoformat(), self.last.isoformat()

    @property
    def period(self) -> str:
        """A month as ``2026-03``, else both days."""
        month = f"{self.first:%Y-%m}"
        return month if (self.first, self.last) == _month(month) else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no cost, and why: one sentence with the line's number."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: costs that are new, that took the place of another amount, and that were there."""

    new: int
    changed: int
    same: int
    refused: tuple[Refused, ...]


def read_costs(path: Path, currency: str) -> tuple[list[Cost], list[Refused]]:
    """The costs in a CSV file, and the lines that are none.

    currency : the only one that a column ``currency`` may name

    The file is UTF-8, its columns are parted by commas, semicolons or tabs, in any order, with names in its first line;
    other columns are passed over. VeraisonError, one line, where it is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise VeraisonError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise VeraisonError(f"{path}: not UTF-8 at byte {error.start + 1}") from None
    except OSError as error:
        raise VeraisonError(f"{path}: cannot be read ({error.strerror})") from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        names = [(name or "").strip().casefold() for name in rows.fieldnames or ()]
        _check_columns(path, names)
        rows.fieldnames = names
        return _judged(rows, currency)
    except csv.Error as error:
        raise VeraisonError(f"{path}: line {rows.reader.line_num}: not CSV ({error})") from None


def _check_columns(path: Path, names: list[str]) -> None:
    for name in names:
        if name and names.count(name) > 1:
            raise VeraisonError(f"{path}: the column {name!r} stands there twice")
    if not {"source", "cost"} <= {*names} or {"month", "from", "to"} & {*names} not in ({"month"}, {"from", "to"}):
        raise VeraisonError(
            f"{path}: needs the columns {_FORMS[0]}, or {_FORMS[1]}; found: {', '.join(names) or 'none'}"
        )


def _judged(rows: "csv.DictReader[str]", currency: str) -> tuple[list[Cost], list[Refused]]:
    found: dict[tuple[str, str, str], Cost] = {}
    refused: list[Refused] = []
    for row in rows:
        if not any(isinstance(cell, str) and cell.strip() for cell in row.values()):
            continue
        try:
            one = _cost(row, currency, rows.line_num)
            _apart(one, found.values(), "line {line}")
        except ValueError as problem:
            refused.append(Refused(rows.line_num, str(problem)))
            continue
        there = found.get(one.key)
        found[one.key] = one if there is None else replace(there, cost=there.cost + one.cost)
    return list(found.values()), refused


def _cost(row: "dict[str, str]", currency: str, line: int) -> Cost:
    """One line as a cost; ValueError, a sentence, where it is none."""
    if None in row or None in row.values():
        raise ValueError("has more or fewer cells than the first line names")
    cells = {name: cell.strip() for name, cell in row.items()}
    source = cells["source"]
    if not source or not source.isprintable():
        raise ValueError("source: is empty" if not source else f"source: {source!r} cannot be printed")
    if cells.get("currency") and cells["currency"].casefold() != currency.casefold():
        raise ValueError(
            f"currency: {cells['currency']!r} is not the playbook's {currency} (routing.currency); convert it first"
        )
    first, last = _month(cells["month"]) if "month" in cells else (_day(cells, "from"), _day(cells, "to"))
    if last < first:
        raise ValueError(f"to: {last} lies before {first}")
    return Cost(source, first, last, _amount(cells["cost"]), line)


def _month(text: str) -> tuple[date, date]:
    """The first and the last day of a month.

    >>> _month("2026-02")
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 28))
    """
    found = re.fullmatch(r"(\d{4})-(\d\d)", text, re.ASCII)
    if not found or int(found[1]) not in _YEARS or not 1 <= int(found[2]) <= 12:
        raise ValueError(f"month: {text!r} is not a month; write it as 2026-03")
    year, month = int(found[1]), int(found[2])
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _day(cells: dict[str, str], name: str) -> date:
    text = cells[name]
    try:
        found = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else None
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise ValueError(f"{name}: {text!r} is not a day; write it as 2026-03-01")
    return found


def _amount(text: str) -> int:
    """Millionths of ``1250.50``, ``1250,50`` or ``1 250,50``; nothing is guessed where comma and point both stand.

    >>> _amount("1 250,5")
    1250500000
    """
    plain = re.sub(r"[ \u00a0\u202f]", "", text)
    if not re.fullmatch(r"[+-]?\d+([.,]\d+)?", plain, re.ASCII):
        raise ValueError(f"cost: {text!r} is not a number; write it as 1250.50")
    if re.search(r"[.,]\d{3}$", plain):
        raise ValueError(f"cost: {text!r} could be two numbers; write it as 1250 or 1.25")
    amount = Decimal(plain.replace(",", "."))
    if not 0 <= amount < _MOST:
        raise ValueError(f"cost: {text} is outside [0; 10^12[; a cost is not negative")
    return round(amount * 1_000_000)


def _apart(one: Cost, others: Iterable[Cost], where: str) -> None:
    """ValueError where a period overlaps another one of the source that is not the same."""
    for other in others:
        if one.key[0] == other.key[0] and one.key != other.key and one.first <= other.last and other.first <= one.last:
            place = where.format(line=other.line)
            raise ValueError(f"{one.period} of {one.source} overlaps {other.period} ({place}); a day is paid once")


def keep(store: Store, found: Iterable[Cost], file: str, now: int, *, replacing: bool = False) -> Imported:
    """Keep costs; what overlaps stored ones is refused, or takes their place where that is wanted.

    now : microseconds UTC
    """
    refused: list[Refused] = []
    new = changed = same = 0
    with store.writing() as connection:
        stored = {one.key: one for one in _stored(connection)}
        for one in found:
            try:
                _apart(one, stored.values(), "stored; --replace takes its place")
            except ValueError as problem:
                if not replacing:
                    refused.append(Refused(one.line, str(problem)))
                    continue
                for key in [key for key, other in stored.items() if key[0] == one.key[0] and _overlap(one, other)]:
                    _forget(connection, key)
                    del stored[key]
            there = stored.get(one.key)
            if there is not None and there.cost == one.cost:
                same += 1
                continue
            if there is not None:
                _forget(connection, one.key)
            new, changed = new + (there is None), changed + (there is not None)
            folded, first, last = one.key
            row = {"folded": folded, "first_day": first, "last_day": last, "source": one.source, "cost": one.cost}
            connection.execute(sa.insert(costs).values(**row, file=file, imported_at=now))
            stored[one.key] = one
    return Imported(new, changed, same, tuple(refused))


def stored_costs(store: Store) -> list[Cost]:
    """All costs, by source and day."""
    with store.reading() as connection:
        return list(_stored(connection))


def forget(store: Store, source: str) -> int:
    """Take all costs of a source out again; how many there were."""
    with store.writing() as connection:
        return connection.execute(sa.delete(costs).where(costs.c.folded == fold(source))).rowcount


def _overlap(one: Cost, other: Cost) -> bool:
    return one.first <= other.last and other.first <= one.last


def _stored(connection: sa.Connection) -> Iterator[Cost]:
    for row in connection.execute(sa.select(costs).order_by(costs.c.folded, costs.c.first_day)):
        yield Cost(row.source, date.fromisoformat(row.first_day), date.fromisoformat(row.last_day), row.cost)


def _forget(connection: sa.Connection, key: tuple[str, str, str]) -> None:
    folded, first, last = key
    mine = sa.and_(costs.c.folded == folded, costs.c.first_day == first, costs.c.last_day == last)
    connection.execute(sa.delete(costs).where(mine))
