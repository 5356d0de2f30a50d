"""What routes ask for, cut into cells within which no condition can tell two values apart.

Of numbers these are the points and the open intervals between all bounds that occur; of an open category each text that
is named, and one that nobody names; of both a missing value. ``employees = ">=500"`` and ``"<500"`` make four cells:
below 500, 500, above, missing. A set of cells is held as the bits of an integer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, inf, isfinite, nextafter

from data.routes import Rule, Value, comparable
from veraison.playbook_conditions import KNOWN, MISSING, Cut, Domain, Numbers, Values, terms


@dataclass(frozen=True)
class Cell:
    """Values of an axis that no condition tells apart.

    value     : one of them, as plain as there is; None: missing
    low, high : of numbers, the cuts around them
    """

    value: Value
    low: Cut = (-inf, False)
    high: Cut = (inf, True)


@dataclass(frozen=True)
class Axis:
    """What routes ask for, and its cells; missing is the last of them.

    rest : of an open category the cell of all texts that nobody names, -1 where there is none
    """

    name: str
    cells: tuple[Cell, ...]
    rest: int = -1

    @property
    def full(self) -> int:
        return (1 << len(self.cells)) - 1

    def mask(self, values: Values) -> int:
        """The cells that a condition takes: each whole or not at all, so that one value of it tells."""
        return sum(1 << place for place, cell in enumerate(self.cells) if comparable(cell.value) in values)

    def example(self, mask: int) -> Value:
        """A plain value of some cells: a whole number before others, a text that is named, at last a missing one."""
        values = [cell.value for place, cell in enumerate(self.cells) if mask >> place & 1]
        whole = (one for one in values if isinstance(one, float) and one.is_integer())
        return next(whole, values[0])

    def told(self, mask: int) -> str:
        """Some cells in words."""
        chosen = [place for place in range(len(self.cells) - 1) if mask >> place & 1]
        missing = ["missing"] if mask >> (len(self.cells) - 1) else []
        if len(chosen) == len(self.cells) - 1:
            parts = ["known"]
        elif self.rest in chosen:
            left = (cell.value for place, cell in enumerate(self.cells[:-1]) if not mask >> place & 1)
            parts = ["not " + " or ".join(map(str, left))]
        elif isinstance(self.cells[0].value, str):
            parts = [str(self.cells[place].value) for place in chosen]
        else:
            parts = [self._span(run[0], run[-1]) for run in _runs(chosen)]
        return " or ".join(parts + missing)

    def _span(self, first: int, last: int) -> str:
        (low, after), (high, through) = self.cells[first].low, self.cells[last].high
        if low == high:
            return plain(low)
        least = "" if first == 0 else f"{'>' if after else '>='} {plain(low)}"
        most = "" if last == len(self.cells) - 2 else f"{'<=' if through else '<'} {plain(high)}"
        return " and ".join(filter(None, (least, most)))


def axes_of(rules: Sequence[Rule], known: dict[str, Domain]) -> list[Axis]:
    """What the rules ask for, in the order in which they do, and its cells."""
    asked: dict[str, list[Values]] = {}
    for rule in rules:
        for clause in rule.clauses:
            asked.setdefault(clause.axis, []).append(clause.values)
    return [
        _numbers(name, [one for one in values if isinstance(one, Numbers)], known[name])
        if known[name].kind == "number"
        else _category(name, _texts(rules, name), known[name])
        for name, values in asked.items()
    ]


def plain(number: float) -> str:
    """A number with no more signs than it needs."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _runs(places: Sequence[int]) -> list[list[int]]:
    """Neighbours together."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _numbers(name: str, values: Iterable[Numbers], domain: Domain) -> Axis:
    cuts = sorted({*domain.span, *(cut for one in values for span in one.spans for cut in span)})
    cells = [Cell(_inside(low, high), low, high) for low, high in pairwise(cuts)]
    return Axis(name, (*(cell for cell in cells if cell.value is not None), Cell(None)))


def _category(name: str, texts: Sequence[str], domain: Domain) -> Axis:
    if domain.values is not None:
        return Axis(name, (*(Cell(text) for text in domain.values), Cell(None)))
    other = f"(any other {name})"
    while comparable(other) in map(comparable, texts):
        other = f"({other})"
    return Axis(name, (*(Cell(text) for text in texts), Cell(other), Cell(None)), rest=len(texts))


def _texts(rules: Sequence[Rule], axis: str) -> list[str]:
    """The texts that conditions name, as they are first written."""
    leaves = (
        leaf
        for rule in rules
        for clause in rule.clauses
        if clause.axis == axis
        for part in terms(clause.condition)
        for leaf in terms(part["not"] if isinstance(part, dict) else part)
    )
    written = (leaf.strip() for leaf in leaves if isinstance(leaf, str) and leaf.strip() not in (MISSING, KNOWN))
    found: dict[Value, str] = {}
    for text in written:
        found.setdefault(comparable(text.removeprefix("=")), text.removeprefix("=").strip())
    return list(found.values())


def _inside(low: Cut, high: Cut) -> float | None:
    """A number between two cuts, whole where there is one; None where no float lies there."""
    (start, after), (end, through) = low, high
    if not after and isfinite(start):
        return start
    if through and isfinite(end):
        return end
    if start == -inf:
        found = 0.0 if end == inf else min(end - 1, nextafter(end, -inf))
    elif end == inf:
        found = max(start + 1, nextafter(start, inf))
    else:
        whole, middle = float(floor(start) + 1), start / 2 + end / 2
        found = next((one for one in (whole, middle) if start < one < end), end)
    return found if isfinite(found) and found != end else None
