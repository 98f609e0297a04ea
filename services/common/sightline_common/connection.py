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
        self._retired: dict[aio.Channel, asyncio.Task[None]] = {}
        self._is_closed = False
        self._open()

    @property
    def stubs(self) -> Stubs:
        """What new calls are to use."""
        if not self._is_closed and self._tls is not None and self._tls.renew() != self._version:
            self._retire(self._channel)
            self._open()
        return self._stubs

    async def close(self, grace_s: float | None = None) -> None:
        """Closes the channel when its calls have ended, or after `grace_s` seconds."""
        self._is_closed = True
        retired, self._retired = self._retired, {}
        for task in retired.values():
            task.cancel()
        await self._channel.close(grace_s)
        for channel in retired:
            await channel.close()

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
        self._retired[channel] = asyncio.create_task(self._close_late(channel))

    async def _close_late(self, channel: aio.Channel) -> None:
        # A channel's own grace sees only those calls that are awaited at that moment.
        await asyncio.sleep(RETIREMENT_S)
        self._retired.pop(channel, None)
        await channel.close()
