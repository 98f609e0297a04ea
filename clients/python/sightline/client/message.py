"""What was said in a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sightline.client.media import Media, Source
from sightline.generator.v1 import generator_pb2


@dataclass(frozen=True)
class Message:
    """One thing that was said; pictures and videos come before its text."""

    role: generator_pb2.Role
    text: str = ""
    media: tuple[Media, ...] = ()
    tool_calls: tuple[generator_pb2.ToolCall, ...] = ()
    tool_call_id: str = ""

    def to_proto(self) -> generator_pb2.Message:
        """This message as it crosses the wire; media are named by digest."""
        parts = [medium.part() for medium in self.media]
        if self.text:
            parts.append(generator_pb2.Part(text=self.text))
        return generator_pb2.Message(
            role=self.role,
            parts=parts,
            tool_calls=self.tool_calls,
            tool_call_id=self.tool_call_id,
        )


def system(text: str) -> Message:
    """Instructions."""
    return Message(generator_pb2.ROLE_SYSTEM, text)


def user(
    text: str = "", *, images: Iterable[Source] = (), videos: Iterable[Source] = ()
) -> Message:
    """What the person or program that asks says and shows; raises OSError for files."""
    media = [*map(Media.image, images), *map(Media.video, videos)]
    return Message(generator_pb2.ROLE_USER, text, tuple(media))


def assistant(text: str, *, tool_calls: Iterable[generator_pb2.ToolCall] = ()) -> Message:
    """What the model answered earlier."""
    return Message(generator_pb2.ROLE_ASSISTANT, text, tool_calls=tuple(tool_calls))


def tool(text: str, *, tool_call_id: str) -> Message:
    """The result of a tool call."""
    return Message(generator_pb2.ROLE_TOOL, text, tool_call_id=tool_call_id)
