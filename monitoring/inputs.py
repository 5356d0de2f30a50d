"""All that a log shows about inputs, computed once and asked at any moment.

One run of monitoring asks at one moment; a benchmark asks at 52 and does not score the past 52 times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.events import MICROS_PER_DAY
from data.journey import Role, roles
from data.log import EventLog
from data.quarantine import Refused
from monitoring import drift, quality, sources, volumes, weekly_volumes
from monitoring.chance import Usual
from monitoring.drift import Drift, Reference, Scored
from monitoring.quality import NOTHING, Quality
from monitoring.sources import Contacts
from monitoring.thresholds import Compared, Resampling
from monitoring.volumes import Arrivals, Numbers, Structure
from training.bundle import Bundle
from training.landmarks import Landmarks
from veraison.playbook import Playbook

PAST_DAYS, PAST_ROWS = 364, 60_000
"""How far back chunks before the snapshot are looked at, and on how many landmarks: leads by chance where more."""


@dataclass(frozen=True)
class Usually:
    """What the champion learned from, and how far chunks lay from it by then.

    reference, drawn : None where the champion has none; `drawn` is shared by all moments
    past             : the chunks that ended before the snapshot, held against the reference
    """

    reference: Reference | None
    drawn: Resampling | None
    past: Sequence[Compared]


@dataclass(frozen=True)
class Inputs:
    """A log as the champion sees it, up to a moment.

    scored   : landmarks since a moment before the snapshot
    snapshot : microseconds UTC, what the champion learned from was known before it
    refused  : what could become no event
    """

    log: EventLog
    playbook: Playbook
    champion: Bundle
    usual: Usually
    scored: Scored
    seen: Arrivals
    leads: Contacts
    snapshot: int
    refused: Refused = NOTHING


@dataclass(frozen=True)
class Seen:
    """What the inputs of the newest chunk and week show.

    drift    : columns and the score against the reference
    changed  : kinds of event and categories, by name
    silent   : sources that bring nothing any more
    volumes  : kinds and sources beyond chance
    quality  : of the data
    """

    drift: Drift
    changed: Structure
    silent: dict[str, Numbers]
    volumes: dict[str, Usual]
    quality: Quality
    arrivals: Arrivals


def gather(
    log: EventLog, playbook: Playbook, champion: Bundle, pairs: Landmarks, *, snapshot: int, at: int, since: int,
    usual: Usually | None = None, threads: int = 2, refused: Refused = NOTHING,
) -> Inputs:  # fmt: skip
    """Score once all that questions at moments up to `at` need.

    pairs : all landmarks before `at`
    since : microseconds UTC; from here on everything is scored
    usual : of the same champion, snapshot and past, where the caller has it already
    refused : what could become no event before `at`
    """
    return Inputs(
        log=log,
        playbook=playbook,
        champion=champion,
        usual=usual or _usually(log, playbook, champion, pairs, snapshot, threads),
        scored=drift.score_pairs(log, champion, pairs[pairs.as_of >= since], threads),
        seen=volumes.arrivals(log, at),
        leads=sources.contacts(log, playbook.monitoring.source, at),
        snapshot=snapshot,
        refused=refused,
    )


def _usually(
    log: EventLog, playbook: Playbook, champion: Bundle, pairs: Landmarks, snapshot: int, threads: int
) -> Usually:
    rules, seed = playbook.monitoring, playbook.training.seed
    reference = drift.reference_of(champion, threads)
    if reference is None:
        return Usually(None, None, [])
    early = pairs[(pairs.as_of < snapshot) & (pairs.as_of >= snapshot - PAST_DAYS * MICROS_PER_DAY)]
    if len(early) > PAST_ROWS:
        who = np.random.default_rng(seed).random(len(log.leads)) < PAST_ROWS / len(early)
        early = early[who[early.lead]]
    past = drift.history(reference, drift.score_pairs(log, champion, early, threads), snapshot, rules, seed)
    return Usually(reference, Resampling(reference.sample, rules.recent_days, seed=seed), past)


def look(watched: Inputs, at: int, html: Path | None, *, threads: int = 2) -> Seen:
    """What was to be seen at a moment that the watch covers, microseconds UTC."""
    rules, snapshot = watched.playbook.monitoring, watched.snapshot
    when = watched.scored.pairs.as_of
    chunk = watched.scored[(when < at) & (when >= at - rules.recent_days * MICROS_PER_DAY)]
    seen, leads = watched.seen.before(at), watched.leads.before(at)
    return Seen(
        drift=drift.compare(
            watched.champion, chunk, html, rules=rules, seed=watched.playbook.training.seed,
            past=watched.usual.past, reference=watched.usual.reference, drawn=watched.usual.drawn, threads=threads,
        ),
        changed=volumes.structure(
            watched.log, seen, watched.playbook, watched.champion.feature_set, snapshot=snapshot
        ),
        silent=sources.silent(leads, snapshot=snapshot, level=rules.false_alarms / 3),
        volumes=weekly_volumes.volumes(seen, leads, level=rules.false_alarms),
        quality=quality.quality(
            seen, watched.playbook.features.outbound, snapshot=snapshot, level=rules.false_alarms / 3,
            known=_known(watched, seen), refused=watched.refused,
        ),
        arrivals=seen,
    )  # fmt: skip


def _known(watched: Inputs, seen: Arrivals) -> set[str]:
    """Kinds that the journey or the champion knows."""
    role = roles(seen.kinds, watched.playbook.journey)
    mine = {kind for kind, one in zip(seen.kinds, role.tolist(), strict=True) if one != Role.other}
    return {*watched.champion.feature_set.kinds, *mine}
