"""One request's way past refusals; knows no network, so that both clients share it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping

from sightline.client.errors import DeadlineError, MediaBytesRequiredError, SightlineError
from sightline.client.media import Media
from sightline.client.message import Message
from sightline.client.retry import RetryPolicy
from sightline.generator.v1 import generator_pb2

ENVELOPE_BYTES = 64 * 1024
MAX_REQUESTS_FOR_BYTES = 3
"""How often files are sent for one request; others may drive them out meanwhile."""

logger = logging.getLogger("sightline.client")


class Exchange:
    """Decides what is sent next: digests first, bytes where wanted, again after overload.

    Files that fit the message travel in it; others are uploaded first.
    """

    def __init__(
        self,
        messages: Iterable[generator_pb2.Message],
        files: Mapping[str, Media],
        *,
        retry: RetryPolicy,
        timeout_s: float,
        max_message_bytes: int,
    ) -> None:
        self._messages = list(messages)
        self._files = files
        self._retry = retry
        self._deadline = time.monotonic() + timeout_s
        self._room = max_message_bytes - ENVELOPE_BYTES - sum(m.ByteSize() for m in self._messages)
        self._attempts = 0
        self._requests_for_bytes = 0
        self._uploads: list[Media] = []

    def time_left_s(self) -> float:
        """The seconds that are left; what a call's timeout is to be."""
        return max(0.0, self._deadline - time.monotonic())

    def take_uploads(self) -> list[Media]:
        """Returns what is to be uploaded before the request is sent, once."""
        uploads, self._uploads = self._uploads, []
        return uploads

    def send_all(self) -> None:
        """Sends every file at once, without asking whether it is wanted."""
        for digest in self._files:
            self._send(digest)

    def wait_s_after(self, error: SightlineError) -> float:
        """Returns how long to wait before the next attempt; raises the error if it is final."""
        if isinstance(error, MediaBytesRequiredError):
            self._send_wanted(error)
            return 0.0
        self._attempts += 1
        wait_s = self._retry.wait_s(error, self._attempts)
        if wait_s is None or isinstance(error, DeadlineError) or wait_s >= self.time_left_s():
            raise error from None
        logger.info("waiting: %.2f s (%s)", wait_s, error.reason)
        return wait_s

    def _send_wanted(self, error: MediaBytesRequiredError) -> None:
        wanted = error.metadata.get("digests", "").split(",")
        self._requests_for_bytes += 1
        known = all(digest in self._files and self._files[digest].data for digest in wanted)
        if not known or self._requests_for_bytes > MAX_REQUESTS_FOR_BYTES:
            raise error from None
        for digest in wanted:
            logger.info("wanted: %s", digest)
            self._send(digest)

    def _send(self, digest: str) -> None:
        media, file = list(self._named(digest)), self._files[digest]
        cost = len(file.data) * len(media)
        if cost > self._room or any(medium.data for medium in media):
            self._uploads.append(file)
            return
        self._room -= cost
        for medium in media:
            medium.data = file.data

    def _named(self, digest: str) -> Iterator[generator_pb2.Media]:
        for message in self._messages:
            for part in message.parts:
                if part.media.digest == digest:
                    yield part.media


def files_by_digest(messages: Iterable[Message]) -> dict[str, Media]:
    """Returns the files of a conversation."""
    return {medium.digest: medium for message in messages for medium in message.media}
