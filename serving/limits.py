"""How often somebody may ask: token buckets in the memory of one worker."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address, ip_network

from serving.problems import Problem

_KEPT = 10_000


class Limiter:
    """A bucket for each who asks, of `burst` tokens that come back at `rate` a second.

    rate  : tokens a second, > 0; infinite for no limit
    clock : seconds that only grow

    >>> limiter = Limiter(rate=2.0, burst=1, clock=lambda: 0.0)
    >>> limiter.take("a"), limiter.take("a"), limiter.take("b")
    (0.0, 0.5, 0.0)
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, who: Hashable) -> float:
        """Take one token: 0 where there was one, else the seconds until there is."""
        if math.isinf(self._rate):
            return 0.0
        with self._lock:
            now = self._clock()
            left = self._left(who, now)
            taken = left >= 1
            self._buckets[who] = left - taken, now
            if len(self._buckets) > _KEPT:
                self._forget(now)
        return 0.0 if taken else (1 - left) / self._rate

    def give_back(self, who: Hashable) -> None:
        """Return a token that was taken."""
        with self._lock:
            now = self._clock()
            self._buckets[who] = min(self._burst, self._left(who, now) + 1), now

    def demand(self, who: Hashable) -> None:
        """Take one token, or raise a Problem of status 429 that says when to come back."""
        wait = self.take(who)
        if wait:
            seconds = math.ceil(wait)
            raise Problem(429, "too-many-requests", f"too many requests; try again in {seconds} s",
                          {"Retry-After": str(seconds)})  # fmt: skip

    def _left(self, who: Hashable, now: float) -> float:
        left, at = self._buckets.get(who, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)

    def _forget(self, now: float) -> None:
        """Full buckets are as good as none; where too few are full, the ones that were asked longest ago go."""
        kept = {who: one for who, one in self._buckets.items() if self._left(who, now) < self._burst}
        newest = sorted(kept.items(), key=lambda item: item[1][1])[-_KEPT // 2 :]
        self._buckets = dict(newest)


def neighbourhood(host: str) -> str:
    """The address that a limit is for: of IPv6 the /64 that one customer has.

    >>> neighbourhood("203.0.113.9"), neighbourhood("2001:db8::1:2:3:4"), neighbourhood("?")
    ('203.0.113.9', '2001:db8::/64', '')
    """
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else host
