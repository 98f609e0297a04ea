"""A conversation as a JSON document that can be read in again."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightline_common.digest import sha256_digest

from sightline_web.chat.errors import PageError
from sightline_web.chat.settings import ChatSettings, from_form
from sightline_web.chat.titles import clean_title
from sightline_web.language import translated
from sightline_web.metadata.removal import without_metadata
from sightline_web.store.pictures import sniff_mime
from sightline_web.store.records import (
    INTERRUPTED,
    Attachment,
    Conversation,
    Message,
    MessageStatus,
    Role,
)

FORMAT = "sightline-conversation"
VERSION = 1
MAX_MESSAGES = 10_000


@dataclass(frozen=True)
class Archive:
    """What a document holds; `files` are the pictures' bytes by digest."""

    conversation: Conversation
    tree: tuple[Message, ...]
    files: Mapping[str, bytes]


def written(archive: Archive) -> str:
    """Returns the document; pictures stand in it once each, in base64."""
    pictures = {p.digest: p for message in archive.tree for p in message.attachments}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "title": archive.conversation.title,
        "settings": dict(archive.conversation.settings),
        "head": archive.conversation.head_id,
        "messages": [_written_message(message) for message in archive.tree],
        "pictures": [
            {
                "digest": digest,
                "name": picture.name,
                "data": base64.b64encode(archive.files[digest]).decode(),
            }
            for digest, picture in pictures.items()
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1)


def _written_message(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "parent": message.parent_id,
        "role": message.role,
        "text": message.text,
        "reasoning": message.reasoning,
        "status": message.status,
        "reason": message.reason,
        "stats": dict(message.stats),
        "pictures": [picture.digest for picture in message.attachments],
    }


def read(data: bytes) -> Archive:
    """Reads a document; raises PageError when it is not one."""
    try:
        document = json.loads(data)
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise ValueError("another format")
        files = dict(map(_read_file, document["pictures"]))
        names = {entry["digest"]: str(entry["name"]) for entry in document["pictures"]}
        pictures = {
            named: Attachment(sha256_digest(data), "", names[named], len(data))
            for named, data in files.items()
        }
        tree = _read_tree(document["messages"], pictures)
        stored = {pictures[named].digest: data for named, data in files.items()}
        return Archive(_read_conversation(document, tree), tree, stored)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise PageError(
            translated("This file is not a conversation that Sightline saved as JSON.")
        ) from None


def _read_conversation(document: dict[str, Any], tree: Sequence[Message]) -> Conversation:
    title = clean_title(str(document["title"])) or translated("Picture")
    head = document["head"] if any(each.id == document["head"] for each in tree) else None
    return Conversation("", title, _read_settings(document["settings"]).stored(), head, 0)


def _read_settings(stored: dict[str, Any]) -> ChatSettings:
    """Reads settings as strictly as a form's."""
    words = {True: "on", False: "off"}
    fields = {name: str(value) for name, value in stored.items() if name != "thinking"}
    if "thinking" in stored:
        fields["thinking"] = words[stored["thinking"]]
    return from_form(fields)


def _read_file(entry: dict[str, Any]) -> tuple[str, bytes]:
    data = base64.b64decode(entry["data"], validate=True)
    if sha256_digest(data) != entry["digest"]:
        raise ValueError("another picture")
    # As it will be stored: files that an earlier version saved have metadata.
    return entry["digest"], without_metadata(data, sniff_mime(data) or "")


def _read_tree(
    entries: list[dict[str, Any]], pictures: Mapping[str, Attachment]
) -> tuple[Message, ...]:
    known: dict[str, Message] = {}
    for entry in entries[:MAX_MESSAGES]:
        parent = entry["parent"]
        if parent is not None and parent not in known:
            raise ValueError("a message before its parent")
        shown = tuple(pictures[named] for named in entry["pictures"])
        known[str(entry["id"])] = _read_message(entry, parent, shown)
    return tuple(known.values())


def _read_message(
    entry: dict[str, Any], parent: str | None, pictures: tuple[Attachment, ...]
) -> Message:
    status, reason = MessageStatus(entry["status"]), str(entry["reason"])[:64]
    if status is MessageStatus.RUNNING:
        status, reason = MessageStatus.INCOMPLETE, INTERRUPTED
    return Message(
        str(entry["id"]),
        "",
        parent,
        Role(entry["role"]),
        str(entry["text"]),
        str(entry["reasoning"]),
        status,
        reason,
        {str(name): float(value) for name, value in entry["stats"].items()},
        pictures,
    )
