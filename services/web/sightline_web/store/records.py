"""What the store returns: conversations, messages, attachments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Who said a message."""

    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(StrEnum):
    """How far a message is.

    `incomplete` was stopped or cut off and keeps what had arrived; `failed` has a
    reason that says why.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


INTERRUPTED = "INTERRUPTED"
"""The reason of an answer whose server ended before it did."""


@dataclass(frozen=True)
class Attachment:
    """A picture, video or PDF: its digest ("sha256:…"), type, and size in bytes and pixels."""

    digest: str
    mime: str
    name: str
    byte_count: int
    width: int | None = None
    height: int | None = None

    @property
    def hex_digest(self) -> str:
        return self.digest.removeprefix("sha256:")

    @property
    def is_picture(self) -> bool:
        return self.mime.startswith("image/")

    @property
    def is_video(self) -> bool:
        return self.mime.startswith("video/")


@dataclass(frozen=True)
class Message:
    """One message of a conversation's tree.

    `reason` says in one word why an answer ended as it did; empty is the usual way.
    `versions` are the ids of all messages in its place, itself among them, oldest first.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: str
    reasoning: str = ""
    status: MessageStatus = MessageStatus.COMPLETE
    reason: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    versions: tuple[str, ...] = ()

    @property
    def has_begun(self) -> bool:
        """Tells whether anything was said."""
        return bool(self.text or self.reasoning)

    @property
    def is_cut_off(self) -> bool:
        """Tells whether an answer has begun and did not end by itself."""
        has_ended = self.status is not MessageStatus.RUNNING
        return self.role is Role.ASSISTANT and self.has_begun and has_ended and bool(self.reason)


@dataclass(frozen=True)
class Conversation:
    """A conversation; `head_id` is the newest message of the branch that is shown.

    A removed one is no longer listed, and can be restored until it is purged.
    """

    id: str
    title: str
    settings: Mapping[str, object]
    head_id: str | None
    updated_ms: int
    is_pinned: bool = False
    is_removed: bool = False


class NotFoundError(Exception):
    """Means that this owner has nothing of that id."""
