"""A branch as a document for people: Markdown, or HTML that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from sightline_web.chat.views import views_of
from sightline_web.language import translated
from sightline_web.markdown.boxes import without_marks
from sightline_web.pages import render
from sightline_web.store.records import Attachment, Conversation, Message, Role


def markdown_document(conversation: Conversation, branch: Sequence[Message]) -> str:
    """Returns a branch as Markdown; pictures are named, not held."""
    parts = [f"# {conversation.title}"]
    parts += [_markdown_message(message) for message in branch]
    return "\n\n".join(parts) + "\n"


def _markdown_message(message: Message) -> str:
    speaker = translated("You") if message.role is Role.USER else "Sightline"
    pictures = [f"_{translated('Picture')}: {picture.name}_" for picture in message.attachments]
    return "\n\n".join([f"## {speaker}", *pictures, without_marks(message.text)])


def html_document(
    conversation: Conversation, branch: Sequence[Message], files: Mapping[str, bytes]
) -> str:
    """Returns a branch as one HTML file with its style sheet and pictures inside."""

    def address(picture: Attachment) -> str:
        data = base64.b64encode(files[picture.digest]).decode()
        return f"data:{picture.mime};base64,{data}"

    return render(
        "export.html",
        conversation=conversation,
        views=views_of(branch),
        address=address,
    )
