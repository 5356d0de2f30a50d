"""Every figure under a bootstrap by lead at once: resamples are counts of leads, never copies of rows.

A draw takes as many leads as there are, with replacement; a row weighs as often as its lead was drawn. All models are
measured under the same draws, so that differences between them are paired. The first "draw" takes every lead once: it
is the figure itself.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from data.log import Floats, Ints
from training.landmarks import Bools

_BINS = 10
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Resampling:
    """How often each lead counts in each draw.

    lead   : (n,) place of each row's lead
    counts : (1 + draws, leads); the first row is all ones
    """

    lead: Ints
    counts: Ints

    @staticmethod
    def of(person: npt.NDArray[np.integer], *, draws: int = 200, seed: int = 7) -> "Resampling":
        """For (n,) rows of persons; the same draws as `training.metrics.bootstrap` with the same seed."""
        known, lead = np.unique(person, return_inverse=True)
        rng = np.random.default_rng(seed)
        counts = np.ones((1 + draws, len(known)), dtype=np.int64)
        for draw in range(1, 1 + draws):
            counts[draw] = np.bincount(rng.integers(len(known), size=len(known)), minlength=len(known))
        return Resampling(lead.astype(np.int64), counts)

    def __getitem__(self, rows: Bools) -> "Resampling":
        """The same draws for some of the rows."""
        return Resampling(self.lead[rows], self.counts)

    def ranked(self, happened: Bools, chance: Floats) -> dict[str, Floats]:
        """(1 + draws,) of each measure of probabilities (see `training.metrics`); NaN where a draw cannot tell.

        predicted_to_observed : sum of probabilities over number of conversions
        top_decile_lift       : share that converts among the tenth with the highest probability, over that of all;
                                of equal probabilities that stand on the border a fitting part is taken
        """
        order = np.argsort(chance, kind="stable").astype(np.int64)
        sorted_rows = self.lead[order], self.counts, happened[order], chance[order].astype(np.float64)
        upwards, downwards = (np.full((len(self.counts), 2), np.nan) for _ in range(2))
        _upwards(*sorted_rows, upwards)
        _downwards(*sorted_rows, downwards)
        within = np.clip(chance, _SMALLEST, 1 - _SMALLEST)
        observed = self.mean(happened.astype(np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(observed > 0, self.mean(chance) / observed, np.nan)
        return {
            "auc": upwards[:, 0],
            "pr_auc": downwards[:, 0],
            "log_loss": self.mean(-np.log(np.where(happened, within, 1 - within))),
            "brier": self.mean((chance - happened) ** 2),
            "ece": upwards[:, 1],
            "predicted_to_observed": ratio,
            "top_decile_lift": downwards[:, 1],
        }

    def mean(self, values: Floats) -> Floats:
        """(1 + draws,) means of (n,) values."""
        width = self.counts.shape[1]
        # Not a matrix product: its last bits depend on how many draws there are, and a figure must not.
        total = (self.counts * np.bincount(self.lead, values, width)).sum(axis=1)
        size = self.counts @ np.bincount(self.lead, minlength=width)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = np.where(size > 0, total / np.maximum(size, 1), np.nan)
        return found

    def concordance(self, duration: Floats, event: Bools, risk: Floats) -> Floats:
        """(1 + draws,) Harrell's C of (n,) rows, as defined in `training.metrics.concordance`."""
        order = np.argsort(-duration, kind="stable")
        _, place = np.unique(risk, return_inverse=True)
        later = len(duration) - np.searchsorted(np.sort(duration), duration[order], side="right")
        out = np.full(len(self.counts), np.nan)
        _concordance(self.lead[order], self.counts, event[order], place[order] + 1, later, out)
        return out


def interval(draws: Floats) -> tuple[float, float, float]:
    """The figure and its 95 % interval of (1 + draws,) values."""
    drawn = draws[1:]
    if not len(drawn) or np.isnan(drawn).all():
        return float(draws[0]), float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(draws[0]), float(low), float(high)


@numba.njit(cache=True, nogil=True)
def _upwards(lead, counts, happened, chance, out):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (1 + draws, 2) AUC and calibration error of rows in ascending order of chance."""
    n = len(lead)
    for draw in range(len(counts)):
        weight = counts[draw]
        total = 0
        for i in range(n):
            total += weight[lead[i]]
        if total == 0:
            continue
        below, below_won, ordered, i = 0, 0, 0.0, 0
        gap = np.zeros(_BINS)
        while i < n:
            end, won, size = i, 0, 0
            while end < n and chance[end] == chance[i]:
                w = weight[lead[end]]
                size += w
                won += w if happened[end] else 0
                end += 1
            if size > 0:
                gap[below * _BINS // total] += won - size * chance[i]
                ordered += won * (below - below_won + 0.5 * (size - won))
            below += size
            below_won += won
            i = end
        if 0 < below_won < total:
            out[draw, 0] = ordered / (below_won * (total - below_won))
        out[draw, 1] = np.abs(gap).sum() / total


@numba.njit(cache=True, nogil=True)
def _downwards(lead, counts, happened, chance, out):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (1 + draws, 2) average precision and lift of the top decile of rows in ascending order of chance."""
    n = len(lead)
    for draw in range(len(counts)):
        weight = counts[draw]
        total, all_won = 0, 0
        for i in range(n):
            total += weight[lead[i]]
            all_won += weight[lead[i]] if happened[i] else 0
        if all_won == 0:
            continue
        above, above_won, precision, top, found, i = 0, 0, 0.0, 0.1 * total, -1.0, n - 1
        while i >= 0:
            end, won, size = i, 0, 0
            while end >= 0 and chance[end] == chance[i]:
                w = weight[lead[end]]
                size += w
                won += w if happened[end] else 0
                end -= 1
            if found < 0 and above + size >= top:
                found = above_won + won * (top - above) / size
            above += size
            above_won += won
            if won > 0:
                precision += won * (above_won / above)
            i = end
        out[draw, 0] = precision / all_won
        out[draw, 1] = (found / top) / (all_won / total)


@numba.njit(cache=True, nogil=True)
def _concordance(lead, counts, event, place, later, out):  # type: ignore[no-untyped-def]  # numba infers
    """Rows come from the latest to the earliest; a Fenwick tree holds the weights of later rows by rank of risk.

    place : (n,) rank of the risk, from 1
    later : (n,) how many rows have a strictly longer duration: the first so many
    """
    n = len(lead)
    top = 0
    for i in range(n):
        top = max(top, place[i])
    for draw in range(len(counts)):
        weight = counts[draw]
        tree = np.zeros(top + 1, dtype=np.int64)
        alone = np.zeros(top + 1, dtype=np.int64)
        entered, inside, agree, total = 0, 0, 0.0, 0.0
        for i in range(n):
            while entered < later[i]:
                w = weight[lead[entered]]
                if w > 0:
                    alone[place[entered]] += w
                    inside += w
                    at = place[entered]
                    while at <= top:
                        tree[at] += w
                        at += at & -at
                entered += 1
            w = weight[lead[i]]
            if event[i] and w > 0:
                lower, at = 0, place[i] - 1
                while at > 0:
                    lower += tree[at]
                    at -= at & -at
                total += float(w) * inside
                agree += w * (lower + 0.5 * alone[place[i]])
        if total > 0:
            out[draw] = agree / total
