"""Renders a checkpoint's own chat template without showing it any user text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from sightline_common.checkpoint import CheckpointError
from sightline_common.errors import InvalidRequestError

from sightline_generator.chat.conversation import Conversation, MediaPart, Message, TextPart

# Private-use characters, so that no template writes them and no filter changes them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_SENTINEL = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
# Its space tells whether the template keeps white space at the end of a message.
_END = "\ue002"
_MARKED_END = _END + " "


class UserText(str):
    """Marks a string that came from the user; everything else came from the template."""


class Sentinels:
    """Stands in for user strings while the template runs."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def hide(self, text: str) -> str:
        """Returns a stand-in that begins and ends with the text's own whitespace.

        Templates strip what they are given, so white space must stay visible to them.
        """
        core = text.strip()
        if not core:
            return text
        before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
        self._texts.append(core)
        return f"{before}{_OPEN}{len(self._texts) - 1}{_CLOSE}{after}"

    def reveal(self, rendered: str) -> Iterator[str]:
        """Yields the pieces of a rendered prompt: template strings and `UserText`."""
        for place, piece in enumerate(_SENTINEL.split(rendered)):
            if place % 2:
                yield UserText(self._texts[int(piece)])
            elif piece:
                yield piece


class ChatTemplate:
    """A checkpoint's Jinja template in a sandbox that can neither import nor mutate."""

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise CheckpointError(f"The chat template cannot be read: {error}") from error
        self.thinking_supported = "enable_thinking" in source

    @classmethod
    def load(cls, folder: Path) -> ChatTemplate:
        """Reads chat_template.jinja or tokenizer_config.json; raises CheckpointError."""
        path = folder / "chat_template.jinja"
        if path.is_file():
            return cls(path.read_text("utf-8"))
        path = folder / "tokenizer_config.json"
        config = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        source = config.get("chat_template")
        if not isinstance(source, str):
            raise CheckpointError(f"{folder} has no chat template.")
        return cls(source)

    def render(self, conversation: Conversation) -> list[str]:
        """Returns the prompt in pieces; those from the user are `UserText`.

        Raises InvalidRequestError when the template refuses the conversation.
        """
        sentinels = Sentinels()
        messages = [_as_mapping(message, sentinels) for message in conversation.messages]
        if conversation.continues_final_message:
            _mark_end(messages[-1], conversation.messages[-1])
        rendered = self._rendered(messages, conversation)
        if conversation.continues_final_message:
            rendered = _until_end(rendered)
        return list(sentinels.reveal(rendered))

    def _rendered(self, messages: list[dict[str, Any]], conversation: Conversation) -> str:
        options = (
            {} if conversation.thinking is None else {"enable_thinking": conversation.thinking}
        )
        answer_begins = not conversation.continues_final_message
        try:
            return self._template.render(
                messages=messages, add_generation_prompt=answer_begins, **options
            )
        except TemplateError as error:
            raise InvalidRequestError(
                f"The model's chat template refuses these messages: {error}", field="messages"
            ) from error


def _as_mapping(message: Message, sentinels: Sentinels) -> dict[str, Any]:
    mapping: dict[str, Any] = {"role": message.role, "content": _content(message, sentinels)}
    if message.reasoning:
        mapping["reasoning_content"] = sentinels.hide(message.reasoning)
    if message.name:
        mapping["name"] = sentinels.hide(message.name)
    return mapping


def _content(message: Message, sentinels: Sentinels) -> str | list[dict[str, str]]:
    match message.parts:
        case ():
            return ""
        case (TextPart(text),):
            return sentinels.hide(text)
        case parts:
            return [_item(part, sentinels) for part in parts]


def _item(part: TextPart | MediaPart, sentinels: Sentinels) -> dict[str, str]:
    if isinstance(part, MediaPart):
        return {"type": part.kind.value}
    return {"type": "text", "text": sentinels.hide(part.text)}


def _mark_end(mapping: dict[str, Any], message: Message) -> None:
    """Marks the end of a message's text, or of its reasoning if it has no text."""
    if message.reasoning and not message.text:
        mapping["reasoning_content"] += _MARKED_END
    elif isinstance(mapping["content"], str):
        mapping["content"] += _MARKED_END
    else:
        mapping["content"][-1]["text"] += _MARKED_END


def _until_end(rendered: str) -> str:
    """Cuts a prompt at the marked end; raises InvalidRequestError if it does not appear."""
    before, mark, after = rendered.rpartition(_END)
    if not mark:
        raise InvalidRequestError(
            "The model's chat template leaves out the end of the last message, so it cannot be "
            "continued; ask anew.",
            field="continue_final_message",
        )
    return before if after.startswith(" ") else before.rstrip()


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _to_json(value: object, ensure_ascii: bool = False, **options: Any) -> str:
    # Jinja's own filter would escape for HTML.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)
