"""From a score to what is done with it. The rules are the playbook's."""

from collections.abc import Mapping

from data import exploration
from data.exploration import HandOver
from serving.translations import deferred
from veraison.playbook import Playbook

EXPLORED = deferred("Chosen at random, not for its score, so that we learn what happens to leads like this one.")


def grade(score: float, grades: Mapping[str, float]) -> str:
    """The best grade whose bound the score reaches; the last bound is 0, so there always is one.

    >>> grade(64.9, {"A": 65, "B": 50, "C": 35, "D": 0})
    'B'
    """
    return next(name for name, bound in grades.items() if score >= bound)


def least_score(playbook: Playbook, bound: float | None = None) -> float:
    """The least score with which a lead is handed over to sales.

    bound : of the contract this week (serving.bounds); None where there is none: then it is that of the grades in the
            upper half, of A, B, C and D that of B

    >>> least_score(Playbook.model_validate({"journey": {"converted": ["Deal Won"]}}))
    50.0
    """
    if bound is not None:
        return bound
    bounds = list(playbook.scoring.grades.values())
    return bounds[(len(bounds) - 1) // 2]


def hand_over(
    lead_id: str,
    as_of: int,
    score: float,
    accepted: bool,
    playbook: Playbook,
    mature: bool | None = None,
    bound: float | None = None,
) -> HandOver | None:
    """How a lead comes to be handed over to sales at a score; None where the playbook explores nothing.

    as_of    : microseconds UTC
    accepted : whether sales have the lead already
    mature   : what `[maturity]` decides of it; None where the score alone does
    bound    : as for `least_score`
    """
    rules, by_score = playbook.exploration, score >= least_score(playbook, bound)
    listed = accepted or (by_score if mature is None else mature)
    return exploration.hand_over(lead_id, as_of, listed=listed, share=rules.share, seed=rules.seed)
