"""Which encoder is asked for a medium, and which one is to compute it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sightline_generator.rendezvous import first_with_room, ranked

MAX_REMEMBERED = 16384
"""Digests whose place is remembered; a few MiB."""


@dataclass(eq=False)
class _Flight:
    node: str
    num_askers: int = 0


@dataclass
class Placements:
    """Places keys on nodes by rendezvous hashing with bounded load.

    A key that runs somewhere is placed there again, whatever the load, so that nothing is
    computed twice at a time; it counts once. Where a key was last placed is remembered, as
    load may have led it away from its owner.
    """

    load_factor: float = 1.25
    max_remembered: int = MAX_REMEMBERED
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _remembered: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def order(self, key: str, nodes: Iterable[str]) -> list[str]:
        """Returns in which order to ask for a key: where it was last placed, owner, others."""
        order = ranked(key, nodes)
        last = self._last_node(key)
        if last in order:
            order.remove(last)
            order.insert(0, last)
        return order

    @contextmanager
    def placed(self, key: str, nodes: Sequence[str]) -> Iterator[str]:
        """Yields the node that is to compute a key, and counts it there meanwhile."""
        flight = self._flights.get(key)
        if flight is None or flight.node not in nodes:
            flight = _Flight(first_with_room(ranked(key, nodes), self.loads, self.load_factor))
            self._flights[key] = flight
        self._remember(key, flight.node)
        flight.num_askers += 1
        try:
            yield flight.node
        finally:
            flight.num_askers -= 1
            if not flight.num_askers and self._flights.get(key) is flight:
                del self._flights[key]

    @property
    def loads(self) -> Counter[str]:
        """Counts the keys that run, by node."""
        return Counter(flight.node for flight in self._flights.values())

    @property
    def num_remembered(self) -> int:
        """Counts the keys whose place is remembered."""
        return len(self._remembered)

    def _last_node(self, key: str) -> str | None:
        flight = self._flights.get(key)
        return self._remembered.get(key) if flight is None else flight.node

    def _remember(self, key: str, node: str) -> None:
        self._remembered[key] = node
        self._remembered.move_to_end(key)
        if len(self._remembered) > self.max_remembered:
            self._remembered.popitem(last=False)
