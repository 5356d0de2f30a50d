"""The whole answer about one lead: its score, the evidence of each reason, what is missing, what would compare."""

from dataclasses import replace

from data.journey import Status
from data.log import EventLog
from features.groups import title
from features.words import Language
from serving.evidence import evidence, missing
from serving.reasons import OTHER_SIGNALS, Reason
from serving.scorer import SHOWN_REASONS, ExplainedScore, Scores
from serving.translations import Words
from serving.trend import trends
from serving.whatif import comparisons


def in_detail(
    scores: Scores, log: EventLog, place: int = 0, language: Language = "en", shown: int = SHOWN_REASONS
) -> ExplainedScore:
    """One pair as `Scores.row` tells it, with ``missing``, ``comparisons``, its trend and the evidence of its reasons.

    log : the histories that the scores were made of
    """
    row = scores.row(place, language, shown)
    at = int(scores.scored[place])
    if at < 0:
        return replace(row, missing=(), comparisons=())
    bundle, as_of = scores.bundle, row.as_of
    code = int(log.codes([row.lead_id])[0])

    def told(reason: Reason) -> Reason:
        if reason.group == OTHER_SIGNALS:
            return replace(reason, about=reason.text, evidence=())
        behind = evidence(log, bundle, code, as_of, reason.feature)
        return replace(reason, about=title(bundle.feature_set, reason.group, language), evidence=behind)

    compared = scores.status[place] is Status.scored
    trend = trends(scores, log, language, places=[place])[0]
    return replace(
        row,
        reasons=tuple(told(reason) for reason in row.reasons),
        trend=None if trend is None else replace(trend, changes=tuple(told(change) for change in trend.changes)),
        missing=missing(log, bundle.feature_set, code, as_of, language),
        comparisons=comparisons(
            bundle, log, code, as_of, scores.features[at], float(scores.score[at]), language
        ) if compared else (),
    )  # fmt: skip


def rests_on(reason: Reason, words: Words) -> str:
    """The evidence of a reason in one phrase, with dates as the language writes them; empty where there is none.

    >>> from serving.evidence import Evidence
    >>> seen = (Evidence("Quote", 1_767_225_600_000_000, "m-1"), Evidence("Visited", 1_767_139_200_000_000, "m-2"))
    >>> rests_on(Reason("since__inbound", 1.0, 3.5, "act of the lead: 1 day ago", evidence=seen), Words("en"))
    'Quote 1 Jan 2026, Visited 31 Dec 2025'
    """
    phrases = []
    for one in reason.evidence or ():
        if one.said:
            phrases.append(one.said)
            continue
        date = words.date(one.at)
        if one.event_id is None:
            date = words("since %(date)s", date=date)
        phrases.append(date if one.name == reason.about else f"{one.name} {date}")
    return ", ".join(dict.fromkeys(phrases))
