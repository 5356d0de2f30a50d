"""From which score on leads are handed over: the contract's bound of the week, as it was written last.

Whoever measures writes it (`veraison report contract`, `veraison monitor`); the service reads the file again when it
has changed. Where the playbook has no contract, or nothing was written under its terms, the grades decide.
"""

import threading
from pathlib import Path

from data.contract_lines import FILE, Bound, bounds, read
from serving.decisions import least_score
from veraison.playbook import Playbook


class Bounds:
    """The bounds of one workspace, for one playbook.

    reports : folder of reports; None where there is no workspace
    """

    def __init__(self, reports: Path | None, playbook: Playbook) -> None:
        contract = playbook.contract
        self._playbook = playbook
        self._reports = None if contract is None else reports
        self._terms = "" if contract is None else contract.terms(playbook.routing, playbook.horizons.primary)
        self._reading = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._known: dict[int, Bound] = {}

    def at(self, moment: int) -> Bound | None:
        """The newest bound of a week that had begun by a moment, microseconds UTC; None where there is none."""
        if self._reports is None:
            return None
        with self._reading:
            try:
                found = (self._reports / FILE).stat()
            except OSError:
                return None
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen != self._seen:
                self._known = bounds((one for _, one in read(self._reports)), self._terms)
                self._seen = seen
            begun = [start for start in self._known if start <= moment]
            return self._known[max(begun)] if begun else None

    def least(self, moment: int) -> float:
        """The least score with which a lead is handed over at a moment."""
        bound = self.at(moment)
        return least_score(self._playbook, None if bound is None else bound.score)
