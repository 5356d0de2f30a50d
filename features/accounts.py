"""What the colleagues of a lead did: other leads whose newest known company is the same, each as visible then."""

from dataclasses import dataclass

import numba
import numpy as np

from data.domains import domain_kind
from data.identity import fold
from data.log import Codes, EventLog, Floats, Ints

COLUMNS = 3
"""Columns beside the windows': colleagues, days since the newest act of one, how many of them were won."""


@dataclass(frozen=True)
class Accounts:
    """Who ever belonged to which company.

    account : (trait texts,) code of the company a text names, -1 for none
    offsets : (accounts + 1,) members of account a are ``offsets[a]:offsets[a + 1]``
    member  : (memberships,) codes of leads, ascending in an account
    """

    account: Codes
    offsets: Ints
    member: Ints

    @staticmethod
    def of(log: EventLog, trait: int) -> "Accounts":
        """The companies that one trait names.

        trait : place in ``log.trait_names``

        A free mailbox (gmail.com) names no company.
        """
        codes: dict[str, int] = {}
        account = np.full(len(log.trait_texts), -1, dtype=np.int32)
        for place in np.unique(log.trait_text[log.trait_name == trait]):
            text = fold(log.trait_texts[place])
            if text and domain_kind(text) != "free":
                account[place] = codes.setdefault(text, len(codes))
        rows = np.flatnonzero(log.trait_name == trait)
        lead = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))[rows]
        of = account[log.trait_text[rows]] if len(rows) else np.empty(0, dtype=np.int32)
        pairs = np.unique(np.stack([of[of >= 0], lead[of >= 0]]), axis=1)
        return Accounts(account, np.searchsorted(pairs[0], np.arange(len(codes) + 1)).astype(np.int64), pairs[1])


def colleagues(log: EventLog, trait: int, inbound: Codes, won: Codes, windows: Ints, lead: Ints, as_of: Ints) -> Floats:
    """(pairs, 2 * windows + COLUMNS) what colleagues did; NaN where the lead's company is not known.

    trait   : place in ``log.trait_names`` of the trait that names the company
    inbound : (kinds,) 1 where an event of the kind is an act of the lead
    won     : (kinds,) 1 where it means that the lead was won
    windows : (w,) microseconds; for each the colleagues with an act in it, then the acts in it
    """
    company = Accounts.of(log, trait)
    found = np.full((len(lead), 2 * len(windows) + COLUMNS), np.nan)
    mine = np.where(log.trait_name == trait, 1, 0).astype(np.int32)
    text = log.trait_text.astype(np.int32)
    _ask(
        log.offsets, log.known, log.occurred, log.kind, log.trait_offsets, log.trait_known, log.trait_occurred, mine,
        text, company.account, company.offsets, company.member, log.merged_at, inbound, won, windows, lead, as_of,
        found,
    )  # fmt: skip
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _ask(  # type: ignore[no-untyped-def]  # numba infers
    offsets, known, occurred, kind, trait_offsets, trait_known, trait_occurred, mine, text, account, member_offsets,
    member, merged_at, inbound, won, windows, lead, as_of, found,
):  # fmt: skip
    n_windows = len(windows)
    acts = np.zeros(n_windows, dtype=np.int64)
    awake = np.zeros(n_windows, dtype=np.int64)
    active = np.zeros(n_windows, dtype=np.int64)
    for p in range(len(lead)):
        moment = as_of[p]
        company = _company(trait_offsets, trait_known, trait_occurred, mine, text, account, lead[p], moment)
        if company < 0:
            continue
        acts[:] = 0
        awake[:] = 0
        many = n_won = 0
        newest = np.int64(-1)
        for m in range(member_offsets[company], member_offsets[company + 1]):
            other = member[m]
            if other == lead[p] or merged_at[other] < moment:
                continue
            if _company(trait_offsets, trait_known, trait_occurred, mine, text, account, other, moment) != company:
                continue
            many += 1
            active[:] = 0
            is_won = False
            for e in range(offsets[other], offsets[other + 1]):
                if known[e] >= moment:
                    break
                is_won = is_won or won[kind[e]] == 1
                if inbound[kind[e]] == 1:
                    newest = max(newest, occurred[e])
                    for w in range(n_windows):
                        if moment - occurred[e] < windows[w]:
                            acts[w] += 1
                            active[w] = 1
            n_won += is_won
            awake += active
        for w in range(n_windows):
            found[p, 2 * w] = awake[w]
            found[p, 2 * w + 1] = acts[w]
        found[p, 2 * n_windows] = many
        found[p, 2 * n_windows + 1] = (moment - newest) / 86_400_000_000 if newest >= 0 else np.nan
        found[p, 2 * n_windows + 2] = n_won


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _company(trait_offsets, trait_known, trait_occurred, mine, text, account, lead, moment):  # type: ignore[no-untyped-def]  # numba infers
    """The account of the visible value that is true of the latest moment, -1 where there is none."""
    found = np.int32(-1)
    newest = np.int64(-1)
    for r in range(trait_offsets[lead], trait_offsets[lead + 1]):
        if trait_known[r] >= moment:
            break
        if mine[r] == 1 and trait_occurred[r] >= newest:
            newest = trait_occurred[r]
            found = account[text[r]]
    return found
