"""A channel to one server, opened anew when certificates have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from grpc import aio

from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES, open_channel
from sightline_common.tls import ClientTls

RETIREMENT_S = 3600.0
"""How long a channel with earlier certificates is left to the calls that it has."""
Stubs = TypeVar("Stubs")


class Connection(Generic[Stubs]):
    """What `make` builds on a channel, on the latest one.

    `server_name` is the name that the server's certificate must have, where the target
    is not it. With `is_balanced`, the addresses of a name that are ready take turns.
    """

    def __init__(
        self,
        target: str,
        make: Callable[[aio.Channel], Stubs],
        tls: ClientTls | None = None,
        *,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        server_name: str = "",
        is_balanced: bool = False,
    ) -> None:
        self.target = target
        self._make = make
        self._tls = tls
        self._max_message_bytes = max_message_bytes
        self._server_name = server_name
        self._is_balanced = is_balanced
        self._retired: set[asyncio.Task[None]] = set()
        self._open()

    @property
    def stubs(self) -> Stubs:
        """What new calls are to use."""
        if self._tls is not None and self._tls.renew() != self._version:
            self._retire(self._channel)
            self._open()
        return self._stubs

    async def close(self, grace_s: float | None = None) -> None:
        """Closes the channel when its calls have ended, or after `grace_s` seconds."""
        for task in self._retired:
            task.cancel()
        await self._channel.close(grace_s)
        await asyncio.gather(*self._retired, return_exceptions=True)

    def _open(self) -> None:
        self._version = 0 if self._tls is None else self._tls.version
        self._channel = open_channel(
            self.target,
            self._max_message_bytes,
            tls=self._tls,
            server_name=self._server_name,
            is_balanced=self._is_balanced,
        )
        self._stubs = self._make(self._channel)

    def _retire(self, channel: aio.Channel) -> None:
        task = asyncio.create_task(_close_late(channel))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)


async def _close_late(channel: aio.Channel) -> None:
    # A channel's own grace sees only those calls that are awaited at that moment.
    try:
        await asyncio.sleep(RETIREMENT_S)
    finally:
        await channel.close()
