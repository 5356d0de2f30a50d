"""A firm's own features, as tests use them: one that numba compiles, and one that it cannot."""

import statistics

import numpy as np

from features.custom import feature

HOUR = 3_600_000_000


@feature(kinds=("Quote", "Called"), en="quotes at night", fr="devis la nuit")
def quotes_at_night(as_of, occurred, kind, value):
    night = 0
    for e in range(len(occurred)):
        hour = occurred[e] // HOUR % 24
        night += kind[e] == 0 and (hour < 6 or hour >= 22)
    return night


@feature(kinds=("Quote",), en="the usual worth of an event")
def usual_worth(as_of, occurred, kind, value):
    """Numba knows no statistics."""
    return statistics.median(value[~np.isnan(value)]) if not np.isnan(value).all() else float("nan")
