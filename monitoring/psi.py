"""The population stability index, on bins that make every column comparable.

Every column is first cut into bins that a reference defines, and *missing* is a bin of its own. What is compared is
therefore always a category: no column is empty, constant, boolean or all-null in a way that cannot be compared, and a
trait that stops arriving shows. The figure is the one that Evidently computes of such categories, to the last rule
on empty bins, in a thousandth of the time.

Worked example: half of the reference's leads are of "FR" and half of "DE", three quarters of the newest are of "FR".
The index is ``(.5 - .75) ln(.5 / .75) + (.5 - .25) ln(.5 / .25) = .275``.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from data.log import Floats, Ints

BINS = 10
WIDTH = BINS + 3
"""Bins of a column at most: its own, below or unknown, above or rare, and the missing."""
MISSING = "missing"
_EMPTY, _RARE = 1e-4, 1e-6
"""Evidently fills an empty bin with `_EMPTY`, or with `_RARE` of the rarest share where one is as small as that."""

Places = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """How one column is cut into bins.

    own         : (k,) ascending: upper ends of all bins but the last, or the codes of the frequent categories
    names       : of the bins; a value that is missing is in one more, the last
    categorical : whether `own` are codes
    """

    own: Floats
    names: list[str]
    categorical: bool

    def places(self, values: Floats) -> Places:
        """(n,) the bin of each value, ``len(names)`` where it is missing (NaN)."""
        if self.categorical:
            frequent = 2 + np.searchsorted(self.own, np.nan_to_num(values))
            found = np.where(values == 0, 0, np.where(np.isin(values, self.own), frequent, 1))
        else:
            found = np.searchsorted(self.own, values, side="left")
        return np.where(np.isnan(values), len(self.names), found).astype(np.uint8)

    def labels(self, values: Floats) -> npt.NDArray[np.str_]:
        """(n,) the name of each value's bin, `MISSING` where there is none."""
        return np.array([*self.names, MISSING])[self.places(values)]


def cut(reference: Floats, *, categorical: bool = False) -> Cut:
    """The bins that a reference defines.

    Numbers are cut at its quantiles, or one bin a value where there are few; below and above are bins then.
    Categories are its most frequent codes, and the rest together; code 0 is any category that training did not know.

    reference : (m,) NaN where there is no value

    >>> cut(np.array([1.0, 1.0, 2.0])).places(np.array([0.0, 1.0, 2.0, 3.0, np.nan])).tolist()
    [0, 1, 2, 3, 4]
    """
    if categorical:
        codes, counted = np.unique(reference[reference > 0], return_counts=True)
        own = np.sort(codes[np.argsort(-counted, kind="stable")][:BINS])
        return Cut(own, ["unknown to training", "rare in training", *(f"category {code:g}" for code in own)], True)
    seen = reference[~np.isnan(reference)]
    values = np.unique(seen)
    if not len(values):
        edges, names = np.empty(0), ["a value"]
    elif len(values) <= BINS:
        edges = np.concatenate([[np.nextafter(values[0], -np.inf)], values])
        names = [f"below {values[0]:g}", *(f"{value:g}" for value in values), f"above {values[-1]:g}"]
    else:
        edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        ends = [f"{edge:.4g}" for edge in edges]
        names = [f"up to {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends)), f"above {ends[-1]}"]
    return Cut(edges, [f"{place:02d}: {name}" for place, name in enumerate(names)], False)


def counts(places: Places) -> Ints:
    """(c, WIDTH) rows in each bin of each column, of (n, c) bins."""
    columns = places.shape[1]
    shifted = places.astype(np.int64) + np.arange(columns) * WIDTH
    found: Ints = np.bincount(shifted.ravel(), minlength=columns * WIDTH).reshape(columns, WIDTH)
    return found


def index(reference: Ints | Floats, chunk: Ints | Floats) -> Floats:
    """(...) population stability indices of counts (..., bins); 0 is no difference.

    Bins that are empty on both sides do not count. Neither side may be empty as a whole.

    Source: `evidently.legacy.calculations.stattests.psi` and its `utils.get_binned_data`, version 0.7

    >>> round(float(index(np.array([50, 50]), np.array([75, 25]))), 4)
    0.2747
    """
    used = (reference > 0) | (chunk > 0)
    before, now = _shares(reference), _shares(chunk)
    found: Floats = np.where(used, (before - now) * np.log(before / now), 0.0).sum(axis=-1)
    return found


def _shares(counted: Ints | Floats) -> Floats:
    shares = counted / counted.sum(axis=-1, keepdims=True)
    rarest = np.where(shares > 0, shares, np.inf).min(axis=-1, keepdims=True)
    filled: Floats = np.where(shares > 0, shares, np.where(rarest <= _EMPTY, rarest * _RARE, _EMPTY))
    return filled
