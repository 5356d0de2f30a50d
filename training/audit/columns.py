"""Columns of one moment, with no dates to ask: which of them can only have been written with the outcome in view.

The rules are about what an honest column cannot do, whatever it is called. Before an outcome there is chance left in
it, so a column filled in before may be very good at one end (a partner's leads nearly all convert), but it is hardly
ever certain at both ends, nor filled for winners alone. `docs/audit.md` gives the thresholds and their reasons.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from training.audit.alone import LEAST, Coded, Purity, discrimination, odds_ratio, wilson
from training.audit.finding import Finding, Severity, Sign
from training.landmarks import Bools

NEAR_PERFECT, STRONG = 0.95, 0.90
"""AUC of a column alone, at its lower bound."""
PURE, PURE_BOUND = 0.99, 0.90
"""Share of known rows with one outcome, and its lower bound."""
CERTAIN, RATIO, DECIDED = 0.90, 10.0, 0.10
"""A value is certain from this bound on, with odds so many times the table's; certain values of both kinds together
hold this share of the rows."""
COPIED, TOUCHED, COPY_RATIO, COPY_Z = 0.98, 0.05, 1.5, 4.0
"""An overwritten copy repeats its original so often, is overwritten in such a share of rows, which has odds so many
times those of its like, by so many standard errors."""
WEAK = 0.60
"""AUC from which a name, or being missing, is worth a notice."""
_BOTH = 0.01
_MOST = 0.5
_STATES = {
    "last", "latest", "status", "stage", "state", "tag", "tags", "quality", "outcome", "result", "reason", "closed",
    "won", "lost", "score", "index", "grade", "rating", "modified", "updated", "final",
}  # fmt: skip


def column_findings(columns: Sequence[Coded], won: Bools, *, undated: bool) -> Iterator[Finding]:
    """What there is to say about columns alone, and about pairs of them.

    won     : (n,) what became of each row
    undated : whether nothing is known about when values were written; then names count as weak evidence
    """
    if min(int(won.sum()), int((~won).sum())) < LEAST:
        return
    for one in columns:
        if len({*np.unique(one.codes)}) < 2:
            continue
        yield from near_perfect(one, won)
        if not (known := one.codes > 0).all():
            yield from one_outcome(one.name, known, won)
        yield from _filled(one, won)
        yield from _both_ways(one, won)
        if undated:
            yield from _missing(one, won)
            yield from _state(one, won)
    yield from _copies([one for one in columns if one.text and 3 <= len(one.values) <= 1000], won)


def near_perfect(one: Coded, won: Bools) -> Iterator[Finding]:
    """Where a column alone orders leads better than whole models of leads do."""
    auc, low = discrimination(one, won)
    if low >= STRONG:
        severity = Severity.leak if low >= NEAR_PERFECT else Severity.notice
        yield Finding(one.name, Sign.near_perfect, severity, f"cross-validated AUC {auc:.3f} (at least {low:.3f})", auc)


def _state(one: Coded, won: Bools) -> Iterator[Finding]:
    word, (auc, low) = _state_word(one.name), discrimination(one, won)
    if word and low >= WEAK:
        told = f"its name says {word!r}: it may stand as of the export, after the outcome; AUC {auc:.3f}"
        yield Finding(one.name, Sign.undated_state, Severity.notice, told, auc)


def one_outcome(name: str, known: Bools, won: Bools, told: str = "") -> Iterator[Finding]:
    """Where being known at all is the outcome.

    told : more evidence
    """
    pure = Purity.of(known, won)
    if pure.rows >= LEAST and pure.share >= PURE and pure.low >= PURE_BOUND and pure.ratio >= RATIO:
        yield Finding(name, Sign.one_outcome, Severity.leak, _told(pure, "known for", won) + told, pure.share)


def _told(pure: Purity, what: str, won: Bools) -> str:
    end = "converted" if pure.outcome else "did not convert"
    base = won.mean() if pure.outcome else 1 - won.mean()
    return f"{what} {pure.rows:,} leads of which {pure.share:.1%} {end} ({base:.1%} of all)"


def _missing(one: Coded, won: Bools) -> Iterator[Finding]:
    known = one.codes > 0
    if known.all():
        return
    auc, low = discrimination(Coded(one.name, known.astype(np.int32), ("known",), number=False), won)
    if low >= WEAK:
        there, not_there = float(won[known].mean()), float(won[~known].mean())
        yield Finding(
            one.name, Sign.missing_tells, Severity.notice,
            f"{there:.1%} convert where it is known, {not_there:.1%} where not; AUC {auc:.3f}; when was it filled in?",
            auc,
        )  # fmt: skip


def _filled(one: Coded, won: Bools) -> Iterator[Finding]:
    """One common value stands for "nothing yet", and all others for the outcome."""
    default = int(one.rows.argmax())
    if default == 0 or one.number or one.rows[default] < _MOST * len(won):
        return
    filled = (one.codes != default) & (one.codes > 0)
    pure = Purity.of(filled, won)
    covered = float(filled[won == pure.outcome].mean())
    if pure.rows >= LEAST and pure.share >= PURE and pure.low >= PURE_BOUND and pure.ratio >= RATIO:
        severity = Severity.leak if covered >= _MOST else Severity.notice
        what = f"other than {one.values[default - 1]!r} for"
        evidence = f"{_told(pure, what, won)}, {covered:.0%} of these"
        yield Finding(one.name, Sign.filled_one_outcome, severity, evidence, pure.share)


def _both_ways(one: Coded, won: Bools) -> Iterator[Finding]:
    """Some values are as good as won and others as good as lost, together in many rows."""
    if one.number:
        return
    base, rows, hits = float(won.mean()), one.rows, one.winners(won)
    low, high = wilson(hits, rows)
    enough = rows >= LEAST
    sure = enough & (low >= CERTAIN) & (odds_ratio(low, base) >= RATIO)
    hopeless = enough & (high <= 1 - CERTAIN) & (odds_ratio(high, base) <= 1 / RATIO)
    share = [rows[which].sum() / len(won) for which in (sure, hopeless)]
    if min(share) < _BOTH or sum(share) < DECIDED:
        return
    most = [max(np.flatnonzero(which).tolist(), key=lambda code: float(rows[code])) for which in (sure, hopeless)]
    told = ", ".join(f"{_value(one, code)} {hits[code] / rows[code]:.1%} of {rows[code]:,.0f}" for code in most)
    yield Finding(
        one.name, Sign.both_ways, Severity.leak,
        f"{sum(share):.0%} of rows have a value that is nearly certain one way or the other: {told}", float(sum(share)),
    )  # fmt: skip


def _value(one: Coded, code: int) -> str:
    text = one.values[code - 1] if code else "missing"
    return repr(text if len(text) <= 40 else text[:37] + "...") if code else text


def _copies(columns: Sequence[Coded], won: Bools) -> Iterator[Finding]:
    for copy in columns:
        for original in columns:
            if copy is not original and (found := _copy(copy, original, won)) is not None:
                yield found
                break


def _copy(copy: Coded, original: Coded, won: Bools) -> Finding | None:
    """A column that repeats another but in some rows was overwritten with one value, and more often for one outcome.

    Rows are compared with those of the same original value only (Mantel and Haenszel 1959): what is left is what being
    touched again says.
    """
    place = {value: code for code, value in enumerate(original.values, start=1)}
    if sum(value in place for value in copy.values) < 3:
        return None
    same_code = np.array([0, *(place.get(value, -1) for value in copy.values)])[copy.codes]
    both = (copy.codes > 0) & (original.codes > 0)
    differs = both & (same_code != original.codes)
    if not differs.any():
        return None
    mark = int(np.bincount(copy.codes[differs]).argmax())
    kept, touched = both & (copy.codes != mark), differs & (copy.codes == mark)
    repeated = float((~differs[kept]).mean()) if kept.any() else 0.0
    if repeated < COPIED or not TOUCHED <= touched.mean() <= 1 - TOUCHED or len(np.unique(copy.codes[kept])) < 3:
        return None
    ratio, z = mantel_haenszel(original.codes[both], touched[both], won[both])
    if not (abs(z) >= COPY_Z and max(ratio, 1 / max(ratio, 1e-9)) >= COPY_RATIO):
        return None
    return Finding(
        copy.name, Sign.overwritten_copy, Severity.leak,
        f"repeats {original.name!r} but in {touched.mean():.0%} of rows it was overwritten with {_value(copy, mark)}, "
        f"which makes the odds to convert {ratio:.2f} times those of rows alike", ratio,
    )  # fmt: skip


def mantel_haenszel(strata: np.typing.NDArray[np.int32], exposed: Bools, won: Bools) -> tuple[float, float]:
    """The common odds ratio of winning for exposed rows over strata, and its distance from 1 in standard errors."""
    size = int(strata.max()) + 1
    rows = np.bincount(strata, minlength=size).astype(np.float64)
    a = np.bincount(strata, exposed & won, minlength=size)
    b = np.bincount(strata, exposed & ~won, minlength=size)
    c = np.bincount(strata, ~exposed & won, minlength=size)
    d = np.bincount(strata, ~exposed & ~won, minlength=size)
    use = rows > 1
    rows, a, b, c, d = rows[use], a[use], b[use], c[use], d[use]
    top, bottom = float((a * d / rows).sum()), float((b * c / rows).sum())
    expected = (a + b) * (a + c) / rows
    variance = ((a + b) * (c + d) * (a + c) * (b + d) / (rows**2 * (rows - 1))).sum()
    z = float((a.sum() - expected.sum()) / np.sqrt(variance)) if variance > 0 else 0.0
    return (top / bottom if bottom else float("inf") if top else 1.0), z


def _state_word(name: str) -> str | None:
    """The word by which a name says that the column holds the newest state, or somebody's verdict.

    >>> _state_word("Last Activity"), _state_word("leadStatus"), _state_word("Lasting Impression")
    ('last', 'status', None)
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return next((word for word in words if word in _STATES), None)
