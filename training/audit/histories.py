"""The audit of a store: features and traits at open landmarks, and what the dates of traits and events give away.

Leads count here once their end is known: converted, lost, or followed for the longest horizon. *Entry* is a lead's
first landmark, one minute after its creation: what is known of winners alone at that moment was not known then.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from data.log import NEVER, EventLog
from features import compute
from features.ops import Op
from training.audit import dates, later
from training.audit.alone import LEAST, Coded
from training.audit.columns import column_findings, near_perfect, one_outcome
from training.audit.ended import Ended, first_known, known_traits, trait_columns
from training.audit.finding import Finding, Severity, ordered
from training.audit.twins import twins
from training.fit import TrainingSet
from training.landmarks import MINUTE
from veraison.playbook import Playbook


def audit_log(log: EventLog, playbook: Playbook, data: TrainingSet, *, before: int) -> list[Finding]:
    """What a model trained on these landmarks would know of the outcome that it could not have known.

    data   : the landmarks
    before : the snapshot, microseconds UTC; later knowledge is not looked at
    """
    ended = Ended.of(log, playbook, before)
    if not ended.enough:
        return []
    declared = frozenset(playbook.features.traits)
    some = ended.sample(playbook.training.seed)
    found = [
        *_at_entry(log, some, declared),
        *_ever(log, ended, declared, before),
        *dates.events_at_entry(log, playbook, ended),
        *dates.after_outcome(log, playbook, ended, before, declared),
        *dates.one_import(log, before, declared),
        *dates.rewritten(log, ended, before, declared),
        *dates.changed(log, some, before, declared),
        *later.fading(log, playbook, some, before, declared),
        *twins(log, playbook, before),
    ]
    leaking = {one.column for one in found if one.severity is Severity.leak}
    return ordered([*found, *_features(log, playbook, data, some, before, leaking)])


def _at_entry(log: EventLog, ended: Ended, declared: frozenset[str]) -> Iterator[Finding]:
    """Traits as they stand a minute after creation, each alone and in pairs."""
    order = np.lexsort((ended.born, ended.lead))
    entry = ended.born + MINUTE
    names = known_traits(log)
    columns = trait_columns(log, ended.lead[order], entry[order], names)
    for one in column_findings(columns, ended.won[order], undated=False):
        yield _only_declared(replace(one, evidence=f"at the lead's creation: {one.evidence}"), declared)


def _ever(log: EventLog, ended: Ended, declared: frozenset[str], before: int) -> Iterator[Finding]:
    """Traits known, whenever it was, for winners alone or for losers alone."""
    for name, first in first_known(log, before):
        known = first[ended.lead] != NEVER
        told = dates.timing(first[ended.lead], ended.born, ended.closed)
        for one in one_outcome(name, known, ended.won, told):
            yield _only_declared(one, declared)


def _only_declared(one: Finding, declared: frozenset[str]) -> Finding:
    """A trait that no feature is made of tells nothing; it is named, should anybody think of it."""
    if one.column in declared or one.severity is Severity.notice:
        return one
    return replace(one, severity=Severity.notice, evidence=f"{one.evidence}; no feature is made of it")


def _features(
    log: EventLog, playbook: Playbook, data: TrainingSet, ended: Ended, before: int, leaking: set[str]
) -> Iterator[Finding]:
    """Each feature alone, at one landmark of each lead chosen by chance.

    leaking : traits that were found already: what is made of them tells the same
    """
    seed = playbook.training.seed
    end = np.full(len(log.leads), -1, dtype=np.int8)
    end[ended.lead] = ended.won
    person = log.persons(before)[data.every.lead]
    rows = np.flatnonzero(end[person] >= 0)
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    rows = rows[np.unique(person[rows], return_index=True)[1]]
    won = end[person[rows]] == 1
    if min(int(won.sum()), int((~won).sum())) < LEAST:
        return
    pairs = data.every[rows]
    features = compute.batch(log, data.feature_set, pairs.lead, pairs.as_of, pairs.started)
    sources = {*data.feature_set.kinds, *(trait.name for trait in data.feature_set.traits)}
    for at, (name, one) in enumerate(zip(data.feature_set.names, data.feature_set.features, strict=True)):
        if one.subject in leaking or (one.op is Op.profile and leaking):
            continue
        column = Coded.of(pl.Series(name, features[:, at]))
        if len(np.unique(column.codes)) > 1:
            for finding in near_perfect(column, won):
                yield replace(finding, source=one.subject if one.subject in sources else "")
