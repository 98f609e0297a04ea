"""What both clients are made with."""

from __future__ import annotations

from abc import ABC, abstractmethod

import grpc
from sightline.client.channel import (
    DEFAULT_MAX_MESSAGE_BYTES,
    ChannelOptions,
    Tls,
    channel_options,
)
from sightline.client.question import Manner
from sightline.client.retry import RetryPolicy


class BaseClient(ABC):
    """Asks one generator, over one channel.

    Every call ends within its `timeout_s`, waiting and trying again included.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: Tls | None = None,
        timeout_s: float = 300.0,
        retry: RetryPolicy | None = None,
        digest_first: bool = True,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        cache_salt: str = "",
    ) -> None:
        """Opens a channel to "host:port", in plaintext without `tls`; raises OSError for its files.

        `digest_first` names pictures by digest and sends their bytes only where they are
        wanted. `max_message_bytes` is at most the server's own limit (see `model_info`).
        `cache_salt` separates those for whom you ask: nothing is shared between salts.
        """
        self._manner = Manner(
            retry or RetryPolicy(), timeout_s, max_message_bytes, digest_first, cache_salt
        )
        credentials = None if tls is None else tls.credentials()
        self._connect(target, channel_options(max_message_bytes, tls), credentials)

    @abstractmethod
    def _connect(
        self, target: str, options: ChannelOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        """Opens the channel."""
