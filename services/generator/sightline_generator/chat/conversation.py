"""A conversation as the chat template sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sightline_generator.families.base import MediaKind

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class TextPart:
    """Holds literal text."""

    text: str


@dataclass(frozen=True)
class MediaPart:
    """Stands for the conversation's medium of this index."""

    kind: MediaKind
    index: int


@dataclass(frozen=True)
class Message:
    """Says one thing."""

    role: Role
    parts: tuple[TextPart | MediaPart, ...]
    reasoning: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True)
class Conversation:
    """Lists messages, oldest first; `thinking` None leaves the choice to the template.

    With `continues_final_message` the last message is the beginning of the answer.
    """

    messages: tuple[Message, ...]
    thinking: bool | None = None
    continues_final_message: bool = False
