"""What every peer answers to, and the sample that a slow one learns from."""

from typing import ClassVar, Protocol

import numpy as np

from data.log import Floats, Ints
from training.landmarks import Outcomes

SEED = 7
SLOW = 5_000
"""Rows that a slow peer learns from at most."""
MANY = 40_000
"""The same of one that is fast on most logs: so many by chance, and beside them all with an event, weighted."""


class Fitted(Protocol):
    """Anything that gives (n, h) probabilities of the event within each horizon, never falling along h."""

    def predict(self, features: Floats) -> Floats: ...


class FittedSurvival(Fitted, Protocol):
    """A survival model: also (n, t) shares that have not converted by each of t days, ascending, never rising."""

    def survival(self, features: Floats, times: Floats) -> Floats: ...


class Peer(Protocol):
    """A way to learn.

    library      : module that must be installed, "" where none beyond our own
    rows_at_most : it learns from a random sample of so many rows where there are more; None: from all
    columns      : only features whose names begin like this are given to it; empty: all
    curve        : whether what is fitted is a FittedSurvival
    knows_entry  : whether rows whose outcomes were recorded late only (delayed entry) are used, from their entry on;
                   else they are left out: taking them as followed from the start would count too little
    """

    library: ClassVar[str]
    rows_at_most: ClassVar[int | None]
    columns: ClassVar[tuple[str, ...]]
    curve: ClassVar[bool]
    knows_entry: ClassVar[bool]

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> Fitted:
        """Learn from (n, f) features and n outcomes.

        horizons    : days, ascending
        categorical : places of the columns that are codes of categories; NaN is missing everywhere
        """
        ...


def given_columns(peer: type[Peer], names: list[str]) -> list[int]:
    """Places of the features that a peer is given, ascending; all where none of its own is there.

    >>> from training.peers.classifiers import NaiveBayes
    >>> given_columns(NaiveBayes, ["count__quote__7d", "trait__country", "age"])
    [1, 2]
    """
    own = [place for place, name in enumerate(names) if name.startswith(peer.columns)] if peer.columns else []
    return own or list(range(len(names)))


def learning_rows(peer: type[Peer], outcomes: Outcomes) -> Ints:
    """(m,) places of the rows that a peer learns from: a sample where it is slow, ascending.

    >>> from training.peers.tables import BaseRate
    >>> learning_rows(BaseRate, Outcomes(np.zeros(3), np.ones(3), np.ones(3) > 0, np.ones(3))).tolist()
    [0, 1, 2]
    """
    rows = np.arange(len(outcomes)) if peer.knows_entry else np.flatnonzero(outcomes.entry <= 0)
    if peer.rows_at_most is None or len(rows) <= peer.rows_at_most:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, peer.rows_at_most, replace=False))
