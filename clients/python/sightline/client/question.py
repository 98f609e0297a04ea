"""A question as both clients send it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict, cast

from sightline.client.exchange import Exchange, files_by_digest
from sightline.client.media import Source
from sightline.client.message import Message, system, user
from sightline.client.options import Options, apply
from sightline.client.retry import RetryPolicy
from sightline.generator.v1 import generator_pb2


class Said(TypedDict, total=False):
    """Keyword arguments that say what is asked about."""

    images: Iterable[Source]
    """Paths, bytes, or `Media.image(...)`."""
    videos: Iterable[Source]
    """Paths, bytes, or `Media.video(...)`."""
    history: Iterable[Message]
    """What was said before; `answer.messages` continues an answer."""
    system: str
    """Instructions; before the history."""


class Asked(Said, Options, total=False):
    """Keyword arguments of `ask`."""


@dataclass(frozen=True)
class Manner:
    """What a client does with every question."""

    retry: RetryPolicy
    timeout_s: float
    max_message_bytes: int
    digest_first: bool
    cache_salt: str

    def exchange(
        self,
        messages: Iterable[generator_pb2.Message],
        said: Iterable[Message],
        timeout_s: float | None,
    ) -> Exchange:
        """Begins an exchange about a request's messages, which it fills with bytes."""
        exchange = Exchange(
            messages,
            files_by_digest(said),
            retry=self.retry,
            timeout_s=self.timeout_s if timeout_s is None else timeout_s,
            max_message_bytes=self.max_message_bytes,
        )
        if not self.digest_first:
            exchange.send_all()
        return exchange

    def generate_request(
        self, said: Iterable[Message], options: Options
    ) -> generator_pb2.GenerateTextRequest:
        """Returns the request for an answer, its media by digest; raises TypeError."""
        request = generator_pb2.GenerateTextRequest(
            messages=[message.to_proto() for message in said], cache_salt=self.cache_salt
        )
        apply(options, request)
        return request

    def count_request(self, said: Iterable[Message]) -> generator_pb2.CountTokensRequest:
        """Returns the request for a count, its media by digest."""
        return generator_pb2.CountTokensRequest(
            messages=[message.to_proto() for message in said], cache_salt=self.cache_salt
        )


def conversation(question: str, said: Said) -> tuple[Message, ...]:
    """Returns the messages of a question; reads its files and raises OSError."""
    asked = user(question, images=said.get("images", ()), videos=said.get("videos", ()))
    instructions = [system(said["system"])] if said.get("system") else []
    return (*instructions, *said.get("history", ()), asked)


def split(asked: Asked) -> tuple[Said, Options]:
    """Tells what is said from how the answer is to be."""
    said: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, value in asked.items():
        (said if name in Said.__annotations__ else options)[name] = value
    return cast(Said, said), cast(Options, options)
