"""From a score to what is done with it. The rules are the playbook's."""

from collections.abc import Mapping


def grade(score: float, grades: Mapping[str, float]) -> str:
    """The best grade whose bound the score reaches; the last bound is 0, so there always is one.

    >>> grade(64.9, {"A": 65, "B": 50, "C": 35, "D": 0})
    'B'
    """
    return next(name for name, bound in grades.items() if score >= bound)
