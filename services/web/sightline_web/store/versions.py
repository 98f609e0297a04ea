"""Versions of questions and answers: the branches of a conversation."""

from __future__ import annotations

import uuid
from dataclasses import replace

from sqlalchemy import select, update

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import Message, MessageStatus, NotFoundError, Role
from sightline_web.store.tables import conversations, messages
from sightline_web.store.transaction import Transaction


class Versions:
    """Adds messages beside others, and chooses which are shown.

    What is added becomes the conversation's head. Raises NotFoundError for what the owner
    does not have.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_answer(self, owner_id: str, answer: Message) -> Message:
        """Adds a running answer beside another one, to the same question."""
        added = _running_answer(answer.conversation_id, answer.parent_id)
        await self._add(owner_id, added)
        return added

    async def add_question(
        self, owner_id: str, question: Message, text: str
    ) -> tuple[Message, Message]:
        """Adds a reworded question beside another one, with its pictures, and its answer."""
        reworded = replace(question, id=uuid.uuid4().hex, text=text, versions=())
        answer = _running_answer(question.conversation_id, reworded.id)
        await self._add(owner_id, reworded, answer)
        return reworded, answer

    async def resume(self, owner_id: str, answer: Message) -> Message:
        """Makes an answer that was cut off a running one; NotFoundError when it runs already."""
        resumed = replace(
            answer, text=answer.text.rstrip(), status=MessageStatus.RUNNING, reason=""
        )
        change = update(messages).where(
            messages.c.id == answer.id,
            messages.c.owner_id == owner_id,
            messages.c.status != MessageStatus.RUNNING,
        )
        values = {"status": resumed.status, "reason": "", "text": rows.storable(resumed.text)}
        async with self._database.writing() as transaction:
            if not (await transaction.execute(change.values(values))).rowcount:
                raise NotFoundError
        return resumed

    async def show(self, owner_id: str, message: Message) -> None:
        """Shows a message with the newest of what followed it."""
        query = select(messages).where(
            messages.c.conversation_id == message.conversation_id,
            messages.c.owner_id == owner_id,
        )
        async with self._database.writing() as transaction:
            children = rows.children(await transaction.execute(query))
            head_id = message.id
            while head_id in children:
                head_id = children[head_id][-1].id
            await _set_head(transaction, owner_id, message.conversation_id, head_id)

    async def _add(self, owner_id: str, *added: Message) -> None:
        async with self._database.writing() as transaction:
            await _set_head(transaction, owner_id, added[-1].conversation_id, added[-1].id)
            await rows.insert_messages(transaction, owner_id, *added)


def _running_answer(conversation_id: str, parent_id: str | None) -> Message:
    return Message(
        uuid.uuid4().hex,
        conversation_id,
        parent_id,
        Role.ASSISTANT,
        "",
        status=MessageStatus.RUNNING,
    )


async def _set_head(
    transaction: Transaction, owner_id: str, conversation_id: str, head_id: str
) -> None:
    change = update(conversations).where(rows.owned(owner_id, conversation_id))
    done = await transaction.execute(change.values(head_id=head_id, updated_ms=rows.now_ms()))
    if not done.rowcount:
        raise NotFoundError
