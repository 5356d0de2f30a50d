"""Outcomes by what sales did: of each band those that were worked beside those that were not, and what that shows."""

from typing import Any

from data.bands import ENOUGH, Band, Split, difference
from data.record import Record
from serving.record_words import banded_row, share_within
from serving.translations import Words


def worked_or_not(record: Record | None, words: Words) -> dict[str, Any] | None:
    """Sentences and the rows of a table, the highest band first; None where nothing is known of what sales did."""
    if record is None or not record.splits or not record.everyone.leads:
        return None
    whole, *bands = record.splits
    told = []
    for split in reversed(bands):
        for name, band in ((words("worked"), split.worked), (words("not worked"), split.left)):
            if band.leads:
                told.append(banded_row(band, record.days, words) | {"side": name})
    return {"sentences": [*_compared(whole, record.days, words), _drawn(whole, record.days, words)], "rows": told}


def _compared(whole: Split, days: int, words: Words) -> list[str]:
    """What became of both, and what that does not show."""
    worked, left = whole.worked, whole.left
    if not (worked.enough and left.enough):
        return [
            words.many(
                "Sales worked %(worked)s of %(count)s scored lead: to compare, %(enough)s leads are needed on either "
                "side.",
                "Sales worked %(worked)s of %(count)s scored leads: to compare, %(enough)s leads are needed on either "
                "side.",
                worked.leads + left.leads,
                worked=words.number(worked.leads),
                enough=words.number(ENOUGH),
            )
        ]
    return [
        words(
            "Won within %(days)s: of 100 leads that sales worked %(worked)s; of 100 that they did not work %(left)s.",
            days=words.days(days),
            worked=_share(worked, words),
            left=_share(left, words),
        ),
        words(
            "This does not show what a call brings. Sales choose whom they work, mostly by the score: a high band may "
            "win more because it was called, and nobody knows how the others would have done."
        ),
    ]


def _drawn(whole: Split, days: int, words: Words) -> str:
    """What chance has shown so far; how to let it show something where it has not been asked."""
    explored, others = whole.explored, whole.not_drawn
    if not explored.leads + others.leads:
        return words(
            "To tell the one from the other, hand over a small random share of the other leads: share in [exploration] "
            "of the playbook."
        )
    if not (explored.enough and others.enough):
        return words.many(
            "The outcome of %(count)s lead that was handed over at random is known: %(enough)s are needed to say what "
            "that brings.",
            "The outcomes of %(count)s leads that were handed over at random are known: %(enough)s are needed to say "
            "what that brings.",
            explored.leads,
            enough=words.number(ENOUGH),
        )
    told = {
        "days": words.days(days),
        "explored": _share(explored, words),
        "others": _share(others, words),
    }
    seen = words(
        "Below the list, chance alone decided who was handed over. Won within %(days)s: of 100 of these "
        "%(explored)s; of 100 of the others %(others)s.",
        **told,
    )
    return f"{seen} {_concluded(difference(explored, others), words)}"


def _concluded(interval: tuple[float, float] | None, words: Words) -> str:
    """What the difference between those drawn and those not drawn says."""
    low, high = interval or (-1.0, 1.0)
    if low > 0:
        return words("To hand over brings wins there: so great a difference is hardly chance.")
    if high < 0:
        return words("To hand over costs wins there: so great a difference is hardly chance.")
    return words("Such a difference may be chance: whether handing over brings anything there is not known yet.")


def _share(band: Band, words: Words) -> str:
    return share_within(band.share, band.interval, words)
