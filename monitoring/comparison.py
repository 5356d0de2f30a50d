"""Two versions held against each other on leads that neither has seen: what a person looks at before promoting one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data.events import isoformat, parse_instant
from data.log import EventLog
from monitoring import gate, performance
from monitoring.gate import Gate
from training.bundle import Bundle
from training.propensity import moments
from veraison.errors import ModelError
from veraison.playbook import Playbook


@dataclass(frozen=True)
class Comparison:
    """What was found of two versions, the second as the one that would take the first one's place.

    days     : the playbook's primary horizon
    figures  : of each, as `monitoring.performance.figures` gives them; empty where nothing has matured
    gate     : the verdict; None where too few outcomes have matured to give one
    sentence : the same in words
    """

    days: int
    figures: tuple[dict[str, Any], ...]
    gate: Gate | None
    sentence: str


def compare(
    log: EventLog,
    playbook: Playbook,
    one: Bundle,
    other: Bundle,
    *,
    at: int,
    threads: int = 2,
    say: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Hold `other` against `one` on the leads created after both learned, whose outcomes are known at a moment.

    at     : microseconds UTC
    Raises : ModelError where one of them does not speak of the playbook's primary horizon
    """
    days, rules = playbook.horizons.primary, playbook.monitoring
    for bundle in (one, other):
        if days not in bundle.playbook.horizons.days:
            horizons = ", ".join(map(str, bundle.playbook.horizons.days))
            raise ModelError(f"{bundle.version} speaks of {horizons} days, the playbook's primary horizon is {days}")
    since = max(parse_instant(bundle.facts.get("as_of")) for bundle in (one, other))
    say(f"looking at leads created since {isoformat(since)}")
    pairs = moments(log, playbook, before=at)
    unseen = performance.matured(log, playbook, pairs, born_after=since, at=at)
    if not len(unseen):
        return Comparison(days, (), None, f"no outcome of a lead created since {isoformat(since)} has matured yet")
    first, second = (performance.chances(log, bundle, unseen, days, threads) for bundle in (one, other))
    seed = playbook.training.seed
    figures = tuple(performance.figures(unseen, chance, seed=seed) for chance in (first, second))
    if unseen.converted < rules.gate_outcomes:
        few = (
            f"too few outcomes for a verdict: {unseen.converted} leads created since {isoformat(since)} converted, "
            f"{rules.gate_outcomes} are needed (monitoring.gate_outcomes)"
        )
        return Comparison(days, figures, None, few)
    verdict = gate.compare(unseen.happened, unseen.person, first, second, rules, seed=seed)
    return Comparison(days, figures, verdict, verdict.sentence(rules))
