"""Statements that are never left half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection

Result = TypeVar("Result")


class Transaction:
    """A connection's open transaction.

    Its task may be cancelled at any time: what the database has begun ends first. asyncpg
    cannot even roll back a connection whose statement was left, and then waits for ever.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        return await _to_its_end(self._connection.execute(statement, parameters))

    async def run_sync(self, work: Callable[[Connection], Result]) -> Result:
        """Lets code without an event loop work on the connection."""
        return await _to_its_end(self._connection.run_sync(work))

    async def commit(self) -> None:
        await _to_its_end(self._connection.commit())

    async def rollback(self) -> None:
        await _to_its_end(self._connection.rollback())


async def _to_its_end(operation: Coroutine[Any, Any, Result]) -> Result:
    """Waits for an operation, and raises CancelledError only when it has ended."""
    task = asyncio.create_task(operation)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        task.exception()  # nobody wants it any more
        raise cancellation
    return task.result()
