"""Segment messages on their way into the file: some arrive late, some twice, each day in order of receipt."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import numpy as np

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND, isoformat
from data.simulator.market import START

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_TWICE = 0.01
"""Part of the messages that the sender repeats, within `_REPEAT_SECONDS`."""
_SLOW = 0.25
"""Part of the browsers' messages that arrive up to `_SLOW_SECONDS` later."""
_REPEAT_SECONDS, _SLOW_SECONDS = 6 * 3_600, 40

Fields = Mapping[str, object]


def browser(agent: str) -> Fields:
    """The context of a message that a browser sent."""
    return {"context": {"userAgent": agent}}


class Outbox:
    """Holds messages until the day the system receives them, then writes that day in order of receipt.

    Memory is bounded by the few days that late messages span, not by the length of the market.

    since : market day; what is received before it is not written
    """

    def __init__(self, stream: BinaryIO, since: int = 0) -> None:
        self._stream = stream
        self._since = START + since * MICROS_PER_DAY
        self._waiting: dict[int, list[tuple[int, int, bytes]]] = defaultdict(list)
        self._sent = 0
        self.written = 0
        """Lines so far, repeated ones included."""

    def send(
        self, call: str, occurred: int, rng: np.random.Generator, who: Fields, what: Fields, *, late: int = 0
    ) -> None:
        """Post one message.

        call     : ``track``, ``identify`` ...
        occurred : microseconds UTC
        who      : ``userId`` and ``anonymousId``
        what     : the rest of the message
        late     : microseconds from the event to its receipt; 0 leaves it to chance, as far as browsers go
        """
        number = self._sent
        self._sent += 1
        luck = float(rng.random())
        if not late and luck < _SLOW and "context" in what:
            late = int(1 + luck / _SLOW * _SLOW_SECONDS) * MICROS_PER_SECOND
        again = int(1 + (1 - luck) / _TWICE * _REPEAT_SECONDS) * MICROS_PER_SECOND if luck > 1 - _TWICE else 0
        if occurred + late + again < self._since:
            return
        message = {"type": call, "messageId": f"m-{number:07d}", **who, "timestamp": isoformat(occurred), **what}
        self._post(message, occurred, occurred + late)
        if again:
            self._post(message, occurred, occurred + late + again)

    def visit(
        self,
        pages: Sequence[str],
        occurred: int,
        rng: np.random.Generator,
        who: Fields,
        agent: str,
        *,
        pace: float = 90.0,
    ) -> None:
        """Post the views of some pages one after the other, each read for up to `pace` seconds."""
        for page in pages:
            self.send("page", occurred, rng, who, {"name": page, **browser(agent)})
            occurred += int(1 + rng.random() * pace) * MICROS_PER_SECOND

    def _post(self, message: Fields, occurred: int, received: int) -> None:
        if received < self._since:
            return
        if received != occurred:
            message = {**message, "receivedAt": isoformat(received)}
        line = _ENCODER.encode(message).encode()
        day = self._waiting[(received - START) // MICROS_PER_DAY]
        day.append((received, self._sent, line))

    def flush(self, day: int) -> None:
        """Write all that the system receives on a market day; nothing may be sent for it afterwards."""
        for _, _, line in sorted(self._waiting.pop(day, ())):
            self._stream.write(line + b"\n")
            self.written += 1
