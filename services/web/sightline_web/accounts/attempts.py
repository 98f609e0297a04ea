"""How often somebody may try a password."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 900.0
MAX_PER_NAME_AND_ADDRESS = 10
MAX_PER_ADDRESS = 50
MAX_PER_NAME = 200
MAX_KEYS = 10_000


class Attempts:
    """Counts failed attempts in windows of a quarter of an hour.

    An attempt counts before it is made, so that many at once get no further, and is given back
    when it succeeds. The bound on a name alone is high: it slows down guessing from many
    addresses, and locking somebody else out takes as much.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def begin(self, name: str, address: str) -> float:
        """Counts an attempt; returns 0, or the seconds to wait when it may not be made."""
        now = self._clock()
        bounds = _bounds(name, address)
        waits = [self._wait_s(key, bound, now) for key, bound in bounds]
        if max(waits) <= 0:
            for key, _bound in bounds:
                self._add(key, now)
        return max(waits)

    def succeeded(self, name: str, address: str) -> None:
        """Gives an attempt back."""
        for key, _bound in _bounds(name, address):
            if key in self._counts:
                start, count = self._counts[key]
                self._counts[key] = (start, count - 1)

    def _wait_s(self, key: tuple[str, str], bound: int, now: float) -> float:
        start, count = self._counts.get(key, (now, 0))
        left = start + WINDOW_S - now
        return left if count >= bound and left > 0 else 0.0

    def _add(self, key: tuple[str, str], now: float) -> None:
        start, count = self._counts.get(key, (now, 0))
        if start + WINDOW_S <= now:
            start, count = now, 0
        self._counts[key] = (start, count + 1)
        self._counts.move_to_end(key)
        while len(self._counts) > MAX_KEYS:
            self._counts.popitem(last=False)


def _bounds(name: str, address: str) -> list[tuple[tuple[str, str], int]]:
    network = _network(address)
    return [
        ((name, network), MAX_PER_NAME_AND_ADDRESS),
        (("", network), MAX_PER_ADDRESS),
        ((name, ""), MAX_PER_NAME),
    ]


def _network(address: str) -> str:
    """Returns an address, or the /64 that one IPv6 host has for itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    return str(parsed)
