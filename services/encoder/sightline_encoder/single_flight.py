"""One computation for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sightline_common.errors import NotReadyError

Value = TypeVar("Value")


@dataclass(eq=False)
class _Flight(Generic[Value]):
    task: asyncio.Task[Value]
    num_waiting: int = 0


class SingleFlight(Generic[Value]):
    """Shares running computations by key.

    A computation belongs to nobody: it goes on while anyone waits for it, whoever
    started it, and is cancelled when the last one leaves. Its error reaches everyone
    who waits, and is forgotten with it.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Value]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def num_waiting(self) -> int:
        """Counts all who wait."""
        return sum(flight.num_waiting for flight in self._flights.values())

    async def run(self, key: str, compute: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Returns the value of the running computation, starting one if there is none.

        `compute` is called only to start one. Raises what the computation raises.
        """
        flight = self._flights.get(key) or self._start(key, compute)
        return await self._wait(key, flight)

    async def join(self, key: str) -> Value:
        """Returns the value of a computation that is running; raises KeyError if none is."""
        return await self._wait(key, self._flights[key])

    def _start(self, key: str, compute: Callable[[], Coroutine[Any, Any, Value]]) -> _Flight[Value]:
        flight = _Flight(asyncio.create_task(compute(), name=f"flight {key}"))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._land(key, flight))
        return flight

    async def _wait(self, key: str, flight: _Flight[Value]) -> Value:
        flight.num_waiting += 1
        try:
            # Unlike `await task`, `wait` leaves the task alone when the waiter is cancelled.
            await asyncio.wait([flight.task])
        finally:
            flight.num_waiting -= 1
            if not flight.num_waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
        if flight.task.cancelled():
            # A bare CancelledError would leave a waiting client without an answer.
            raise NotReadyError("The server is stopping; try again.", retry_after_s=2.0)
        return flight.task.result()

    def _land(self, key: str, flight: _Flight[Value]) -> None:
        self._forget(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # marks it as seen, should everyone have left

    def _forget(self, key: str, flight: _Flight[Value]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
