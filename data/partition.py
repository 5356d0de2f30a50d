"""Do the routes partition the leads? Not the leads of the past: all that there can be. Proved, not sampled.

Each trait that any route asks for is cut into cells (data.axes). A route is then a *box*: of each trait a set of cells.
Two routes overlap where the intersection of their boxes is not empty; a gap is a cell of all traits together that lies
in no box.

Looking at all of these is out of the question (8 traits of 20 cells are 25 thousand million), and not needed: one trait
at a time is split into the groups of cells that the same boxes reach, and the boxes that are left are looked at within
each group. Where none is left, there is a gap, whatever the other traits are; where those that are left cannot all be
escaped, or are known to cover the rest, there is none. The question is as hard as any (whether a formula in disjunctive
normal form always holds; Cook 1971), so rules can be made on which this takes for ever: after `STEPS` it says that it
does not know. Fifty rules that people write, over eight traits, take a second. A gap that is found is made as large as
it can be, trait by trait (a prime implicant of the complement; Quine 1952), so that traits that do not matter are not
told. It then counts as covered, until no other is found.

A worked example: "big" takes employees >= 500, "small" employees < 500. Cells: below 500, 500, above, missing. Boxes:
{500, above} and {below}. Their intersection is empty; missing is in neither: the gap is a lead whose employees nobody
knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from operator import and_, or_

from data.axes import Axis, axes_of
from data.routes import Rule, Value
from veraison.playbook_conditions import Domain

Box = tuple[int, ...]
"""Of each axis the cells, as bits."""
MOST = 100
"""Gaps that are named; rules that leave more are told so."""
STEPS = 40_000
"""Of the search, in all: seconds at most for rules that have an answer, some tens of seconds for others."""


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
    undecided : whether the search was given up: there may be overlaps and gaps besides
    idle : routes that never take a lead: their conditions exclude each other, or routes that are first take all of it
    """

    routes: int
    overlaps: tuple[Found, ...]
    gaps: tuple[Found, ...]
    more: bool
    idle: tuple[str, ...]
    undecided: bool = False

    @property
    def partitions(self) -> bool:
        """Whether every lead there can be is taken by exactly one route."""
        return not (self.overlaps or self.gaps or self.undecided)


def judge(rules: Sequence[Rule], known: dict[str, Domain], most: int = MOST, steps: int = STEPS) -> Verdict:
    """Every overlap and every gap, each with an example.

    known : what each word of the conditions can be (veraison.playbook_routes.domains)
    most  : gaps that are looked for
    steps : of the search, in all

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
    first = [box for rule, box in zip(rules, boxes, strict=True) if rule.first]
    everything, left = tuple(axis.full for axis in axes), iter(range(steps))
    overlaps: list[Found] = []
    gaps: list[Box] = []
    idle: list[str] = []
    undecided = False
    try:
        for one, other, common in _meeting(rules, boxes):
            before = [] if one.first else first
            if (part := next(uncovered(common, before, left), None)) is not None:
                overlaps.append(_told((one.name, other.name), axes, widened(part, before, common)))
        for rule, box in zip(rules, boxes, strict=True):
            if next(uncovered(box, () if rule.first else first, left), None) is None:
                idle.append(rule.name)
        while len(gaps) <= most and (part := next(uncovered(everything, [*boxes, *gaps], left), None)) is not None:
            gaps.append(widened(part, boxes, everything))
    except Undecided:
        undecided = True
    told = tuple(_told((), axes, gap) for gap in gaps[:most])
    return Verdict(len(rules), tuple(overlaps), told, len(gaps) > most, tuple(idle), undecided)


def uncovered(within: Box, boxes: Iterable[Box], steps: Iterator[int] | None = None) -> Iterator[Box]:
    """Parts of a box that lie in none of others; together they are all of it that does. None: it is covered.

    steps : how many to take at most; Undecided where they do not suffice, None for no limit
    """
    others = [box for box in (tuple(map(and_, box, within)) for box in boxes) if all(box)]
    if all(within):
        yield from _Search(within, others, count() if steps is None else steps).walk(
            within, (1 << len(others)) - 1, tuple(range(len(within)))
        )


class Undecided(Exception):  # noqa: N818 (no mistake of anybody)
    """The search was given up."""


class _Search:
    """What boxes leave of one that holds them all. Sets of boxes are bits of an integer."""

    def __init__(self, within: Box, boxes: Sequence[Box], steps: Iterator[int]) -> None:
        self._steps = steps
        self._groups = [
            [
                (group, sum(1 << place for place, box in enumerate(boxes) if box[axis] & group))
                for group in _groups(cells, {box[axis] for box in boxes})
            ]
            for axis, cells in enumerate(within)
        ]
        self._covered: dict[tuple[int, ...], list[int]] = {}  # by the axes left: boxes that cover all of them

    def walk(self, left: Box, boxes: int, axes: tuple[int, ...]) -> Iterator[Box]:
        """Uncovered parts of a box.

        boxes : those that reach it, each of them all of it on the axes that are decided
        axes  : those that are not; of them `left` holds all cells
        """
        if next(self._steps, None) is None:
            raise Undecided
        if not boxes:
            yield left
            return
        known = self._covered.setdefault(axes, [])
        if any(enough & ~boxes == 0 for enough in known):
            return
        reach = [self._reached(axis, boxes) for axis in axes]
        # Of each axis a lead has one cell, which is out of so many boxes at most: where all together are out of fewer
        # than there are, every lead is in one.
        if sum(boxes.bit_count() - min(map(int.bit_count, groups)) for groups in reach) < boxes.bit_count():
            known.append(boxes)
            return
        place = min(range(len(axes)), key=lambda at: len(reach[at]))
        axis, rest = axes[place], axes[:place] + axes[place + 1 :]
        full: list[int] = []
        found = False
        for still, cells in sorted(reach[place].items(), key=lambda one: one[0].bit_count()):
            if any(enough & ~still == 0 for enough in full):  # fewer boxes cover the rest already
                continue
            leaks = False
            for part in self.walk((*left[:axis], cells, *left[axis + 1 :]), still, rest):
                found = leaks = True
                yield part
            if not leaks:
                full.append(still)
        if not found:
            known.append(boxes)

    def _reached(self, axis: int, boxes: int) -> dict[int, int]:
        """Cells of an axis, those together that the same boxes reach."""
        found: dict[int, int] = {}
        for cells, reaching in self._groups[axis]:
            found[reaching & boxes] = found.get(reaching & boxes, 0) | cells
        return found


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


def _meeting(rules: Sequence[Rule], boxes: Sequence[Box]) -> Iterator[tuple[Rule, Rule, Box]]:
    """Pairs of rules neither of which comes before the other, and what both take."""
    for place, (one, box) in enumerate(zip(rules, boxes, strict=True)):
        for other, its in zip(rules[place + 1 :], boxes[place + 1 :], strict=True):
            common = tuple(map(and_, box, its))
            if one.first == other.first and all(common):
                yield one, other, common


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
