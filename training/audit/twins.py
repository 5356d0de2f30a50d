"""The same person under other ids on both sides of a split in time: what trained is asked again, and known already."""

import re
from collections.abc import Iterator

import numpy as np

from data.identity import fold
from data.journey import standing
from data.log import NEVER, EventLog
from training.audit.finding import Finding, Severity, Sign
from veraison.playbook import Playbook

MANY, SOME = 0.05, 0.01
"""Share of later leads with an earlier twin: from here on figures are better than the truth, or should be looked at."""
LATER = 0.2
"""The newest share of leads, which a split keeps for judging."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"[+0(][\d\s().\-/]{7,}")
_LOOKED_AT = 500


def twins(log: EventLog, playbook: Playbook, before: int) -> Iterator[Finding]:
    """Addresses and telephone numbers that an earlier and a later person share, whom identity keeps apart."""
    everyone = np.arange(len(log.leads), dtype=np.int64)
    born = standing(log, playbook.journey, everyone, np.full(len(everyone), before)).started_known
    person = log.persons(before).astype(np.int64)
    first = np.full(len(log.leads), NEVER, dtype=np.int64)
    np.minimum.at(first, person, born)
    started = np.unique(person[born != NEVER])
    if not len(started):
        return
    cut = int(np.quantile(first[started], 1 - LATER))
    lead = np.repeat(everyone, np.diff(log.trait_offsets))
    for code, name in enumerate(log.trait_names):
        mine = (log.trait_name == code) & (log.trait_known < before)
        mine &= first[person[lead]] != NEVER
        texts = np.unique(log.trait_text[mine])
        if not _names_persons([log.trait_texts[text] for text in texts[:: max(1, len(texts) // _LOOKED_AT)]]):
            continue
        folded: dict[str, int] = {}
        value = np.full(len(log.trait_texts), -1, dtype=np.int64)
        for text in texts:
            value[text] = folded.setdefault(fold(log.trait_texts[text]), len(folded))
        who, what = person[lead[mine]], value[log.trait_text[mine]]
        earlier = np.zeros(len(folded), dtype=np.bool_)
        earlier[what[first[who] < cut]] = True
        later = first[who] >= cut
        shared = np.unique(who[later & earlier[what]])
        share = len(shared) / max(int((first[started] >= cut).sum()), 1)
        if share >= SOME:
            told = (
                f"{share:.1%} of the newest leads have the {name} of an earlier one under another id; "
                f'write [identity] keys = ["{name}"]'
            )
            yield Finding(name, Sign.duplicates, Severity.leak if share >= MANY else Severity.notice, told, share)


def _names_persons(texts: list[str]) -> bool:
    """Whether values are addresses or telephone numbers, nearly all of them.

    >>> _names_persons(["a@b.fr", "c@d.de"]), _names_persons(["+33 6 12 34 56 78"]), _names_persons(["FR", "DE"])
    (True, True, False)
    """

    def named(pattern: re.Pattern[str]) -> bool:
        return bool(texts) and sum(bool(pattern.fullmatch(text.strip())) for text in texts) >= 0.9 * len(texts)

    return named(_ADDRESS) or (named(_PHONE) and len({len(text) for text in texts}) <= 12)
