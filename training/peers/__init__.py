"""What any firm could use instead of this model, fitted and asked on the very same rows.

In public cases of lead scoring, boosting has lost to logistic regression, and survival models are the textbook answer
to "when"; so they all stand beside the model in `veraison backtest`. Settings are the libraries' sensible defaults
with light regularisation: a peer that is held back proves nothing.

Peers of scikit-survival and XGBoost need the extra ``peers``; the libraries are imported when one is fitted.
"""

from importlib.util import find_spec

from training.peers.boosting import XGBoostAFT, XGBoostCox
from training.peers.classifiers import Logistic, NaiveBayes
from training.peers.protocol import Fitted, FittedSurvival, Peer
from training.peers.survival import Cox, GradientBoostedSurvival, RandomSurvivalForest
from training.peers.tables import BaseRate, KaplanMeier

__all__ = ["EXTRA", "FAST", "PEERS", "Fitted", "FittedSurvival", "Peer", "missing_library"]

PEERS: dict[str, type[Peer]] = {
    "base rate": BaseRate,
    "Kaplan-Meier": KaplanMeier,
    "logistic regression": Logistic,
    "naive Bayes": NaiveBayes,
    "Cox": Cox,
    "random survival forest": RandomSurvivalForest,
    "gradient-boosted survival": GradientBoostedSurvival,
    "XGBoost Cox": XGBoostCox,
    "XGBoost AFT": XGBoostAFT,
}
"""Every peer by the name under which figures show it."""

FAST = ("base rate", "Kaplan-Meier", "logistic regression", "naive Bayes")
"""Those that need no further library and little time."""

EXTRA = "pip install 'veraison[peers]'"


def missing_library(peer: type[Peer]) -> str | None:
    """The module that a peer needs and that is not installed; None where it can be fitted.

    >>> missing_library(PEERS["base rate"]) is None
    True
    """
    return peer.library if peer.library and find_spec(peer.library) is None else None
