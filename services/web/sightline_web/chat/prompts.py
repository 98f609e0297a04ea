"""A branch of a conversation as a request to the generator."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2

from sightline_web.chat.pictures import Pictures
from sightline_web.chat.settings import ChatSettings
from sightline_web.detail import media_options
from sightline_web.store.records import Attachment, Message, Role

_ROLES = {
    Role.USER: generator_pb2.ROLE_USER,
    Role.ASSISTANT: generator_pb2.ROLE_ASSISTANT,
}


async def build_request(
    branch: Sequence[Message], settings: ChatSettings, pictures: Pictures
) -> generator_pb2.GenerateTextRequest:
    """Returns the request whose answer follows a question, or goes on with the last answer.

    Pictures come before the text of their message, which lets the generator reuse
    what it computed for them. Answers without text are left out.
    """
    request = generator_pb2.GenerateTextRequest(media_first=True)
    settings.apply(request)
    if settings.system:
        part = generator_pb2.Part(text=settings.system)
        request.messages.append(generator_pb2.Message(role=generator_pb2.ROLE_SYSTEM, parts=[part]))
    for message in branch:
        if message.text or message.attachments:
            request.messages.append(await _message(message, pictures, settings.detail))
    if branch[-1].role is Role.ASSISTANT:
        _continue(request, branch[-1])
    return request


def _continue(request: generator_pb2.GenerateTextRequest, answer: Message) -> None:
    """Asks to go on with an answer where it ends: in its text, or in its thinking."""
    request.continue_final_message = True
    if not answer.text:
        request.messages.add(role=generator_pb2.ROLE_ASSISTANT)
    request.messages[-1].reasoning = answer.reasoning


async def _message(message: Message, pictures: Pictures, detail: str) -> generator_pb2.Message:
    media = [_medium(each, await pictures.read(each), detail) for each in message.attachments]
    parts = [generator_pb2.Part(media=medium) for medium in media]
    if message.text:
        parts.append(generator_pb2.Part(text=message.text))
    return generator_pb2.Message(role=_ROLES[message.role], parts=parts)


def _medium(attachment: Attachment, data: bytes, detail: str) -> generator_pb2.Media:
    kind = media_pb2.MEDIA_KIND_VIDEO if attachment.is_video else media_pb2.MEDIA_KIND_IMAGE
    options = None if attachment.is_video else media_options(detail)
    return generator_pb2.Media(kind=kind, digest=attachment.digest, data=data, options=options)
