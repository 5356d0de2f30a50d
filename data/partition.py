"""Do the routes partition the leads? Not the leads of the past: all that there can be. Proved, not sampled.

Each trait that any route asks for is cut into cells (data.axes). A route is then a *box*: of each trait a set of cells.
Two routes overlap where the intersection of their boxes is not empty; a gap is a cell of all traits together that lies
in no box.

Looking at all of these is out of the question (8 traits of 20 cells are 25 thousand million), and not needed: one trait
at a time is split into the groups of cells that the same boxes reach, and what is left of the boxes is looked at within
each group. Where no box is left, there is a gap, whatever the other traits are; where one box holds everything that is
left, there is none. A gap that is found is made as large as it can be, trait by trait (a prime implicant of the
complement; Quine 1952), so that traits that do not matter are not told. It then counts as covered, until no other is
found.

A worked example: "big" takes employees >= 500, "small" employees < 500. Cells: below 500, 500, above, missing. Boxes:
{500, above} and {below}. Their intersection is empty; missing is in neither: the gap is a lead whose employees nobody
knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from data.axes import Axis, axes_of
from data.routes import Rule, Value
from veraison.playbook_conditions import Domain

Box = tuple[int, ...]
"""Of each axis the cells, as bits."""
MOST = 100
"""Gaps that are named; rules that leave more are told so."""


@dataclass(frozen=True)
class Found:
    """An overlap, or a gap.

    routes : the two that overlap; none for a gap
    lead   : an example: what has to be known of a lead to be in it; the other traits do not matter
    where  : all such leads, trait by trait in words
    """

    routes: tuple[str, ...]
    lead: dict[str, Value]
    where: dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """What the routes are together.

    more : whether there are gaps besides those that are named
    idle : routes that never take a lead: their conditions exclude each other, or routes that are first take all of it
    """

    routes: int
    overlaps: tuple[Found, ...]
    gaps: tuple[Found, ...]
    more: bool
    idle: tuple[str, ...]

    @property
    def partitions(self) -> bool:
        """Whether every lead there can be is taken by exactly one route."""
        return not self.overlaps and not self.gaps


def judge(rules: Sequence[Rule], known: dict[str, Domain], most: int = MOST) -> Verdict:
    """Every overlap and every gap, each with an example.

    known : what each word of the conditions can be (veraison.playbook_routes.domains)
    most  : gaps that are looked for

    >>> from data.routes import rules_of
    >>> from veraison.playbook import Playbook
    >>> from veraison.playbook_routes import domains
    >>> book = Playbook.model_validate({
    ...     "journey": {"converted": ["Deal Won"]}, "features": {"traits": {"employees": "number"}}, "routes": [
    ...         {"name": "big", "when": {"employees": ">=500"}, "to": "key-accounts"},
    ...         {"name": "small", "when": {"employees": "<=500"}, "to": "inside-sales"}]})
    >>> found = judge(rules_of(book), domains(book.features.traits, book.scoring.grades))
    >>> found.overlaps[0].routes, found.overlaps[0].lead, found.gaps[0].lead
    (('big', 'small'), {'employees': 500.0}, {'employees': None})
    """
    axes = axes_of(rules, known)
    boxes = [_box(rule, axes) for rule in rules]
    everything = tuple(axis.full for axis in axes)
    first = [box for rule, box in zip(rules, boxes, strict=True) if rule.first]
    overlaps = []
    for place, (one, box) in enumerate(zip(rules, boxes, strict=True)):
        for other, its in zip(rules[place + 1 :], boxes[place + 1 :], strict=True):
            if one.first == other.first and all(common := tuple(map(and_, box, its))):
                before = [] if one.first else first
                if (left := next(uncovered(common, before), None)) is not None:
                    overlaps.append(_told((one.name, other.name), axes, widened(left, before, common)))
    gaps: list[Box] = []
    while len(gaps) <= most and (left := next(uncovered(everything, [*boxes, *gaps]), None)) is not None:
        gaps.append(widened(left, boxes, everything))
    return Verdict(
        routes=len(rules),
        overlaps=tuple(overlaps),
        gaps=tuple(_told((), axes, gap) for gap in gaps[:most]),
        more=len(gaps) > most,
        idle=tuple(
            rule.name
            for rule, box in zip(rules, boxes, strict=True)
            if next(uncovered(box, () if rule.first else first), None) is None
        ),
    )


def uncovered(within: Box, boxes: Iterable[Box]) -> Iterator[Box]:
    """Parts of a box that lie in none of others; together they are all of it that does. None: it is covered."""
    alive = [tuple(map(and_, box, within)) for box in boxes]
    covered: set[tuple[int, int]] = set()

    def walk(left: Box, some: int, axes: int) -> Iterator[Box]:
        mine = [box for place, box in enumerate(alive) if some >> place & 1]
        if not mine:
            yield left
            return
        narrow = [sum(box[axis] != left[axis] for box in mine) if axes >> axis & 1 else 0 for axis in range(len(left))]
        key = some, axes
        if key in covered or any(
            all(box[axis] == left[axis] for axis in range(len(left)) if axes >> axis & 1) for box in mine
        ):
            return
        axis = narrow.index(max(narrow))
        found = False
        for group in _groups(left[axis], {box[axis] for box in mine}):
            still = sum(1 << place for place, box in enumerate(alive) if some >> place & 1 and box[axis] & group)
            for part in walk((*left[:axis], group, *left[axis + 1 :]), still, axes & ~(1 << axis)):
                found = True
                yield part
        if not found:
            covered.add(key)

    if all(within):
        alive = [box for box in alive if all(box)]
        yield from walk(within, (1 << len(alive)) - 1, (1 << len(within)) - 1)


def widened(left: Box, boxes: Iterable[Box], within: Box) -> Box:
    """A box that lies in none of others, made as large as it can be, whole axes first."""
    others = list(boxes)
    found = list(left)

    def most(axis: int) -> int:
        hit = (
            box[axis] for box in others if all(box[at] & found[at] for at in range(len(found)) if at != axis)
        )  # fmt: skip
        return within[axis] & ~reduce(or_, hit, 0)

    for whole in (True, False):
        for axis in range(len(found)):
            reach = most(axis)
            if not whole or reach == within[axis]:
                found[axis] = reach
    return tuple(found)


def _box(rule: Rule, axes: Sequence[Axis]) -> Box:
    mask = {axis.name: axis.full for axis in axes}
    for clause in rule.clauses:  # a grade and a score are two conditions on one axis
        axis = next(one for one in axes if one.name == clause.axis)
        mask[axis.name] &= axis.mask(clause.values)
    return tuple(mask.values())


def _told(routes: tuple[str, ...], axes: Sequence[Axis], box: Box) -> Found:
    matters = [(axis, mask) for axis, mask in zip(axes, box, strict=True) if mask != axis.full]
    return Found(
        routes,
        {axis.name: axis.example(mask) for axis, mask in matters},
        {axis.name: axis.told(mask) for axis, mask in matters},
    )


def _groups(mask: int, masks: Iterable[int]) -> list[int]:
    """Cells of a mask, those together that the same masks hold."""
    groups = [mask]
    for one in masks:
        groups = [part for group in groups for part in (group & one, group & ~one) if part]
    return groups
