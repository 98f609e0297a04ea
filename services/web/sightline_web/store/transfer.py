"""Whole conversations, all branches, for export and import."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import insert, select

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import Conversation, Message
from sightline_web.store.tables import conversations, messages


class Transfer:
    """Reads and writes conversations as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tree(self, owner_id: str, conversation_id: str) -> list[Message]:
        """Returns all messages, parents before their children."""
        wanted = messages.c.conversation_id == conversation_id
        query = select(messages).where(wanted, messages.c.owner_id == owner_id)
        async with self._database.reading() as transaction:
            children = rows.children(await transaction.execute(query))
            pictures = await rows.pictures_of(transaction, owner_id, wanted)
        ordered = list(children.get(None, ()))
        for row in ordered:
            ordered.extend(children.get(row.id, ()))
        return [rows.message(row, pictures) for row in ordered]

    async def add(self, owner_id: str, conversation: Conversation, tree: Sequence[Message]) -> str:
        """Adds a conversation with its messages under new ids; returns its id.

        Parents come before their children. Raises NotFoundError when the owner lacks a picture.
        """
        conversation_id = uuid.uuid4().hex
        new_ids = {message.id: uuid.uuid4().hex for message in tree}
        now = rows.now_ms()
        async with self._database.writing() as transaction:
            await transaction.execute(
                insert(conversations).values(
                    id=conversation_id,
                    owner_id=owner_id,
                    title=rows.storable(conversation.title),
                    settings=dict(conversation.settings),
                    head_id=new_ids.get(conversation.head_id or ""),
                    created_ms=now,
                    updated_ms=now,
                )
            )
            for message in tree:
                digests = [picture.digest for picture in message.attachments]
                await rows.attachments_of(transaction, owner_id, digests)
                moved = replace(
                    message,
                    id=new_ids[message.id],
                    parent_id=new_ids.get(message.parent_id or ""),
                    conversation_id=conversation_id,
                )
                await rows.insert_messages(transaction, owner_id, moved)
        return conversation_id
