"""What a manager reads of a verdict: a question, its light and what was found; what was decided, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data.events import MICROS_PER_DAY
from data.record import ENOUGH
from serving.cause_words import all_told, sentences, told
from serving.lights import QUESTIONS, Question, State, causes_of, enough, estimated_auc, lights
from serving.reason_words import BECAUSE
from serving.translations import Words, deferred
from serving.verdicts import Level, Line, Verdict

STALE_DAYS = 14
"""Days after which nobody has looked for long."""

ASKED: Mapping[Question, str] = {
    "events": deferred("Do events still arrive?"),
    "leads": deferred("Do leads still look as they did?"),
    "scores": deferred("Are the scores as before?"),
    "conversions": deferred("Do as many convert as the model expected?"),
    "data": deferred("Is the data clean?"),
    "model": deferred("How good is the model?"),
}
STATES: Mapping[State, str] = {
    "good": deferred("Well"),
    "watch": deferred("Watch"),
    "act": deferred("Act"),
    "unknown": deferred("Not measured yet"),
}


@dataclass(frozen=True, slots=True)
class Light:
    """One question as it is shown: the words of its state stand beside the colour."""

    key: str
    question: str
    state: State
    label: str
    sentences: tuple[str, ...]


def shown_lights(verdict: Verdict | None, words: Words) -> list[Light]:
    """The lights of the newest verdict; all grey where there is none."""
    states = lights(verdict)
    return [
        light(key, words(ASKED[key]), states[key], _said(key, states[key], verdict, words), words) for key in QUESTIONS
    ]


def light(key: str, question: str, state: State, said: list[str], words: Words) -> Light:
    """A light with its label."""
    return Light(key, question, state, words(STATES[state]), tuple(said))


def _said(key: Question, state: State, verdict: Verdict | None, words: Words) -> list[str]:
    if verdict is None:
        return []
    found = [told(cause, words) for cause in causes_of(key, verdict)]
    causes = [text for text in found if text is not None]
    if None in found:
        causes.append(words("Something was found that this page has no words for."))
    if state in ("good", "unknown") or key in ("conversions", "model"):
        causes += _FIGURES[key](verdict, words)
    return causes


def _events(verdict: Verdict, words: Words) -> list[str]:
    volumes = (verdict.drift.events if verdict.drift else None) or ()
    if not volumes:
        return []
    return [
        words.many(
            "All %(count)s kind of event comes as it did.",
            "All %(count)s kinds of events come as they did.",
            len(volumes),
        )
    ]


def _leads(verdict: Verdict, words: Words) -> list[str]:
    drift = verdict.drift
    if drift is None or not drift.columns:
        return []
    if not drift.enough:
        return [words("Too few new leads to tell.")]
    if not drift.drifted:
        return [words("Nothing that the model looks at has changed beyond chance.")]
    return [
        words.many(
            "%(count)s of %(all)s things that the model looks at has changed: too few to matter.",
            "%(count)s of %(all)s things that the model looks at have changed: too few to matter.",
            drift.drifted,
            all=words.number(drift.columns),
        )
    ]


def _scores(verdict: Verdict, words: Words) -> list[str]:
    drift = verdict.drift
    if drift is None or drift.score is None:
        return []
    if not drift.enough:
        return [words("Too few new leads to tell.")]
    return [
        words(
            "They are spread as when the model learned (on average %(points)s).",
            points=words.points(round(drift.score.moved)),
        )
    ]


def _conversions(verdict: Verdict, words: Words) -> list[str]:
    weeks = verdict.conversions.weeks if verdict.conversions else ()
    performance = verdict.performance
    judged = enough(performance.newest) if performance else None
    if weeks:
        observed, expected = sum(one.observed for one in weeks), sum(one.expected for one in weeks)
        since = words.date(weeks[0].at)
    elif judged:
        observed, expected, since = judged.observed, judged.expected, ""
    else:
        return [
            words.many(
                "Fewer than %(count)s win is known of leads that the model had not seen: too few to tell.",
                "Fewer than %(count)s wins are known of leads that the model had not seen: too few to tell.",
                ENOUGH,
            )
        ]
    told = {"expected": words.number(round(expected)), "since": since}
    if since:
        return [
            words.many(
                "Since %(since)s, %(count)s lead was won; the model expected %(expected)s.",
                "Since %(since)s, %(count)s leads were won; the model expected %(expected)s.",
                observed,
                **told,
            )
        ]
    return [
        words.many(
            "Of the newest leads whose time is over, %(count)s was won; the model expected %(expected)s.",
            "Of the newest leads whose time is over, %(count)s were won; the model expected %(expected)s.",
            observed,
            **told,
        )
    ]


def _data(verdict: Verdict, words: Words) -> list[str]:
    if not verdict.data:
        return []
    return [words("No more late, doubled, unreadable or machine-made events than usual.")]


def _model(verdict: Verdict, words: Words) -> list[str]:
    """AUC as people can check it: of two leads of whom one is won, how often that one had the higher score."""
    performance, estimate = verdict.performance, estimated_auc(verdict)
    judged = enough(performance.since_model) if performance else None
    promised = ((performance.promised if performance else None) or {}).get("auc")
    said = []
    if judged and judged.auc and judged.auc.value is not None:
        said.append(
            words(
                "Of two leads of whom one was won, the model had put that one first %(share)s times in 100.",
                share=_in_hundred(judged.auc.value, words),
            )
        )
    elif estimate and estimate.estimated is not None:
        said.append(
            words(
                "Of two leads of whom one will be won, the model puts that one first about %(share)s times in 100, as "
                "far as can be told before.",
                share=_in_hundred(estimate.estimated, words),
            )
        )
    if promised is not None:
        said.append(
            words("It was %(share)s in the test when the model was made.", share=_in_hundred(promised, words))
            if said
            else words(
                "In the test when it was made, of two leads of whom one was won, the model put that one first "
                "%(share)s times in 100. Too few outcomes are known since.",
                share=_in_hundred(promised, words),
            )
        )
    return said


_FIGURES: Mapping[Question, Callable[[Verdict, Words], list[str]]] = {
    "events": _events,
    "leads": _leads,
    "scores": _scores,
    "conversions": _conversions,
    "data": _data,
    "model": _model,
}


def _in_hundred(share: float, words: Words) -> str:
    return words.number(round(100 * share))


# --- decisions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as it is shown.

    what    : in one sentence
    because : why this and nothing else, in one sentence; empty where `what` says it, or no code was given
    why     : what was acted on
    also    : what was reported only
    gate    : how a new model did, empty where none was judged
    own     : the monitor's own message, in English; empty where everything is told by the rest
    """

    date: str
    what: str
    because: str
    why: tuple[str, ...]
    also: tuple[str, ...]
    gate: str
    champion: str
    challenger: str
    own: str


def decided(verdict: Verdict, words: Words, *, own: bool = False) -> Decided:
    """A verdict in words.

    own : show the monitor's own message in any case
    """
    return Decided(
        date=words.date(verdict.at),
        what=what(verdict, words),
        because=words(BECAUSE[verdict.reason_code]) if verdict.reason_code in BECAUSE else "",
        why=tuple(sentences(verdict, words, acting=True)),
        also=tuple(sentences(verdict, words, acting=False)),
        gate=_gate(verdict, words),
        champion=verdict.champion,
        challenger=verdict.challenger or "",
        own=verdict.message if own or not all_told(verdict, words) else "",
    )


_DONE: Mapping[str, str] = {
    "rolled_back": deferred("The model before serves again."),
    "promoted": deferred("A new model was made, was not worse than the old one, and serves now."),
    "asks": deferred("A new model was made and is not worse than the old one; somebody has to let it serve."),
    "waits": deferred("A new model was made and scores beside the old one before it may serve."),
    "none": deferred("Nothing calls for a new model."),
    "hold": deferred("Something calls for a new model, but it cannot be made, or judged, yet."),
    "retrain": deferred("A new model was made, but was not shown to be as good: the old one stays."),
    "recalibrate": deferred("The model was to be set to another level of conversions, but cannot serve so: it stays."),
    "recalibrate promoted": deferred("The model was set to another level of conversions, and serves so now."),
    "recalibrate asks": deferred("The model was set to another level of conversions; somebody has to let it serve."),
    "recalibrate waits": deferred("The model at another level of conversions scores beside the old one first."),
}


def what(verdict: Verdict, words: Words) -> str:
    """The decision in one sentence; of one that is not known here, its own word."""
    done = "promoted" if verdict.promoted else verdict.action or verdict.decision
    if verdict.decision == "recalibrate" != done:
        done = f"recalibrate {done}"
    return words(_DONE[done]) if done in _DONE else verdict.decision


def _gate(verdict: Verdict, words: Words) -> str:
    gate = verdict.gate
    if gate is None:
        return " ".join(_level(one, words) for one in verdict.levels or ())
    return words.many(
        "They were held against each other on %(count)s lead that neither had seen (won: %(won)s).",
        "They were held against each other on %(count)s leads that neither had seen (won: %(won)s).",
        gate.leads,
        won=words.number(gate.converted),
    )


_LEVELS: Mapping[tuple[str, bool], str] = {
    ("converted", False): deferred("Where it said 100 wins, it says %(factor)s now (%(low)s to %(high)s)."),
    ("converted", True): deferred(
        "Where it said 100 wins of %(source)s, it says %(factor)s now (%(low)s to %(high)s)."
    ),
    ("ready", False): deferred("Where it said sales would accept 100, it says %(factor)s now (%(low)s to %(high)s)."),
    ("ready", True): deferred(
        "Where it said sales would accept 100 of %(source)s, it says %(factor)s now (%(low)s to %(high)s)."
    ),
}


def _level(level: Level, words: Words) -> str:
    """What the model was set to, in one sentence; empty for an outcome that is not known here."""
    source = level.name.partition("=")[2]
    sentence = _LEVELS.get((level.event, bool(source)))
    in_hundred = {name: words.number(round(100 * getattr(level, name))) for name in ("factor", "low", "high")}
    return "" if sentence is None else words(sentence, source=source, **in_hundred)


def last_change(verdicts: tuple[Line, ...]) -> Verdict | None:
    """The newest verdict that did, or asked for, something; None where there is none."""
    return next((one.verdict for one in reversed(verdicts) if one.verdict.decision != "none"), None)


def looked(verdict: Verdict, now: int, words: Words) -> str:
    """When monitoring last looked, and whether that is long ago. ``now``: microseconds UTC."""
    days = (now - verdict.at) // MICROS_PER_DAY
    date = words.date(verdict.at)
    if days <= STALE_DAYS:
        return words("Looked last on %(date)s.", date=date)
    return words.many(
        "Nobody has looked since %(date)s, %(count)s day ago. Run: veraison monitor",
        "Nobody has looked since %(date)s, %(count)s days ago. Run: veraison monitor",
        days,
        date=date,
    )


def serving_since(verdicts: tuple[Line, ...], version: str) -> int | None:
    """When the journal saw a model become the champion, microseconds UTC; None where it did not see it."""
    for one in reversed(verdicts):
        if one.verdict.promoted and one.verdict.challenger == version:
            return one.verdict.at
    return None
