"""Conversations of owners. Every query names the owner."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import (
    INTERRUPTED,
    Attachment,
    Conversation,
    Message,
    MessageStatus,
    NotFoundError,
    Role,
)
from sightline_web.store.tables import attachments, conversations, messages

_ARRIVED = ("text", "reasoning", "status", "reason", "stats")
_SAVE_ANSWER = (
    update(messages)
    .where(messages.c.id == bindparam("of_id"), messages.c.owner_id == bindparam("of_owner"))
    .values({name: bindparam(f"new_{name}") for name in _ARRIVED})
)


class ConversationStore:
    """Reads and writes conversations; NotFoundError for what the owner does not have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, owner_id: str, title: str, settings: Mapping[str, object]) -> str:
        """Adds an empty conversation and returns its id."""
        conversation_id = uuid.uuid4().hex
        now = rows.now_ms()
        async with self._database.writing() as transaction:
            await transaction.execute(
                insert(conversations).values(
                    id=conversation_id,
                    owner_id=owner_id,
                    title=rows.storable(title),
                    settings=dict(settings),
                    created_ms=now,
                    updated_ms=now,
                )
            )
        return conversation_id

    async def get(self, owner_id: str, conversation_id: str) -> Conversation:
        async with self._database.reading() as transaction:
            query = select(conversations).where(rows.owned(owner_id, conversation_id))
            row = (await transaction.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError
        return rows.conversation(row)

    async def save_settings(
        self, owner_id: str, conversation_id: str, settings: Mapping[str, object]
    ) -> None:
        change = update(conversations).where(rows.owned(owner_id, conversation_id))
        async with self._database.writing() as transaction:
            done = await transaction.execute(change.values(settings=dict(settings)))
        if not done.rowcount:
            raise NotFoundError

    async def delete(self, owner_id: str, conversation_id: str) -> list[str]:
        """Deletes a conversation; returns digests of files that nobody uses any more."""
        async with self._database.writing() as transaction:
            used = await rows.digests_of(transaction, owner_id, conversation_id)
            done = await transaction.execute(
                delete(conversations).where(rows.owned(owner_id, conversation_id))
            )
            if not done.rowcount:
                raise NotFoundError
            return await rows.release_attachments(transaction, owner_id, used)

    async def add_question(
        self, owner_id: str, conversation_id: str, text: str, digests: Sequence[str]
    ) -> tuple[Message, Message]:
        """Adds a user's message and the running answer to it, at the head of the branch."""
        async with self._database.writing() as transaction:
            query = select(conversations.c.head_id).where(rows.owned(owner_id, conversation_id))
            row = (await transaction.execute(query)).one_or_none()
            if row is None:
                raise NotFoundError
            question = Message(
                uuid.uuid4().hex,
                conversation_id,
                row.head_id,
                Role.USER,
                text,
                attachments=await rows.attachments_of(transaction, owner_id, digests),
            )
            answer = Message(
                uuid.uuid4().hex,
                conversation_id,
                question.id,
                Role.ASSISTANT,
                "",
                status=MessageStatus.RUNNING,
            )
            await rows.insert_messages(transaction, owner_id, question, answer)
            await transaction.execute(
                update(conversations)
                .where(rows.owned(owner_id, conversation_id))
                .values(head_id=answer.id, updated_ms=rows.now_ms())
            )
        return question, answer

    async def save_answer(self, owner_id: str, message: Message) -> None:
        """Writes what has arrived of an answer."""
        await self.save_answers([(owner_id, message)])

    async def save_answers(self, answers: Sequence[tuple[str, Message]]) -> None:
        """Writes what has arrived of several owners' answers, all or none."""
        values = [_arrived(owner_id, message) for owner_id, message in answers]
        async with self._database.writing() as transaction:
            await transaction.execute(_SAVE_ANSWER, values)

    async def message(self, owner_id: str, message_id: str) -> Message:
        query = select(messages).where(messages.c.id == message_id, messages.c.owner_id == owner_id)
        async with self._database.reading() as transaction:
            row = (await transaction.execute(query)).one_or_none()
            if row is None:
                raise NotFoundError
            pictures = await rows.pictures_of(transaction, owner_id, messages.c.id == row.id)
        return rows.message(row, pictures)

    async def branch(self, owner_id: str, conversation_id: str, head_id: str) -> list[Message]:
        """Returns a message and its ancestors, oldest first."""
        query = select(messages).where(
            messages.c.conversation_id == conversation_id, messages.c.owner_id == owner_id
        )
        async with self._database.reading() as transaction:
            by_id = {row.id: row for row in await transaction.execute(query)}
            chain = rows.chain(by_id, head_id)
            children = rows.children(by_id.values())
            wanted = messages.c.conversation_id == conversation_id
            pictures = await rows.pictures_of(transaction, owner_id, wanted)
        return [
            rows.message(row, pictures, tuple(each.id for each in children[row.parent_id]))
            for row in chain
        ]

    async def interrupt_running(self) -> int:
        """Marks answers that a former process left running as incomplete; counts them."""
        change = (
            update(messages)
            .where(messages.c.status == MessageStatus.RUNNING)
            .values(status=MessageStatus.INCOMPLETE, reason=INTERRUPTED)
        )
        async with self._database.writing() as transaction:
            return (await transaction.execute(change)).rowcount

    async def release_attachments(self, owner_id: str, digests: Sequence[str]) -> list[str]:
        """Forgets pictures that no message has; returns those whose files may go."""
        async with self._database.writing() as transaction:
            return await rows.release_attachments(transaction, owner_id, digests)

    async def release_abandoned(self, older_than_s: float) -> list[str]:
        """Forgets pictures that were chosen so long ago and never sent; like above."""
        since_ms = rows.now_ms() - round(older_than_s * 1000)
        old = select(attachments.c.owner_id, attachments.c.digest).where(
            attachments.c.created_ms < since_ms, ~rows.used_attachment()
        )
        free: list[str] = []
        async with self._database.writing() as transaction:
            for row in (await transaction.execute(old)).all():
                free += await rows.release_attachments(transaction, row.owner_id, [row.digest])
        return free

    async def add_attachment(self, owner_id: str, attachment: Attachment) -> None:
        """Records a picture; recording it again changes nothing."""
        async with self._database.writing() as transaction:
            known = select(attachments.c.digest).where(
                attachments.c.owner_id == owner_id, attachments.c.digest == attachment.digest
            )
            if (await transaction.execute(known)).one_or_none() is None:
                await transaction.execute(
                    insert(attachments).values(
                        owner_id=owner_id,
                        digest=attachment.digest,
                        mime=attachment.mime,
                        name=rows.storable(attachment.name),
                        width=attachment.width,
                        height=attachment.height,
                        byte_count=attachment.byte_count,
                        created_ms=rows.now_ms(),
                    )
                )

    async def attachment(self, owner_id: str, digest: str) -> Attachment:
        async with self._database.reading() as transaction:
            return (await rows.attachments_of(transaction, owner_id, [digest]))[0]


def _arrived(owner_id: str, message: Message) -> dict[str, object]:
    return {
        "of_id": message.id,
        "of_owner": owner_id,
        "new_text": rows.storable(message.text),
        "new_reasoning": rows.storable(message.reasoning),
        "new_status": message.status,
        "new_reason": message.reason,
        "new_stats": dict(message.stats),
    }
