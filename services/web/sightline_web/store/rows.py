"""Rows to records, and the queries that several operations share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, select

from sightline_web.store.records import (
    Attachment,
    Conversation,
    Message,
    MessageStatus,
    NotFoundError,
    Role,
)
from sightline_web.store.tables import attachments, conversations, message_attachments, messages
from sightline_web.store.transaction import Transaction


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def storable(text: str) -> str:
    # PostgreSQL's text cannot hold U+0000; one rule for both databases
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def owned(owner_id: str, conversation_id: str) -> ColumnElement[bool]:
    return and_(conversations.c.id == conversation_id, conversations.c.owner_id == owner_id)


def conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        row.id,
        row.title,
        row.settings,
        row.head_id,
        row.updated_ms,
        row.pinned_ms is not None,
        row.removed_ms is not None,
    )


def message(
    row: Row[Any], pictures: Mapping[str, list[Attachment]], versions: tuple[str, ...] = ()
) -> Message:
    return Message(
        row.id,
        row.conversation_id,
        row.parent_id,
        Role(row.role),
        row.text,
        row.reasoning,
        MessageStatus(row.status),
        row.reason,
        row.stats,
        tuple(pictures.get(row.id, ())),
        versions,
    )


def attachment(row: Row[Any]) -> Attachment:
    return Attachment(row.digest, row.mime, row.name, row.byte_count, row.width, row.height)


def chain(rows: Mapping[str, Row[Any]], head_id: str) -> list[Row[Any]]:
    chain: list[Row[Any]] = []
    current = rows.get(head_id)
    while current is not None:
        chain.append(current)
        current = rows.get(current.parent_id or "")
    return chain[::-1]


def children(rows: Iterable[Row[Any]]) -> dict[str | None, list[Row[Any]]]:
    """Groups messages by their parent, oldest first."""
    found: dict[str | None, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: (row.created_ms, row.id)):
        found.setdefault(row.parent_id, []).append(row)
    return found


async def insert_messages(transaction: Transaction, owner_id: str, *added: Message) -> None:
    for message in added:
        await transaction.execute(
            insert(messages).values(
                id=message.id,
                owner_id=owner_id,
                conversation_id=message.conversation_id,
                parent_id=message.parent_id,
                role=message.role,
                text=storable(message.text),
                reasoning=message.reasoning,
                status=message.status,
                reason=message.reason,
                stats=dict(message.stats),
                created_ms=now_ms(),
            )
        )
        for position, attachment in enumerate(message.attachments):
            await transaction.execute(
                insert(message_attachments).values(
                    message_id=message.id,
                    position=position,
                    owner_id=owner_id,
                    digest=attachment.digest,
                )
            )


async def attachments_of(
    transaction: Transaction, owner_id: str, digests: Sequence[str]
) -> tuple[Attachment, ...]:
    query = select(attachments).where(
        attachments.c.owner_id == owner_id, attachments.c.digest.in_(digests)
    )
    found = {row.digest: attachment(row) for row in await transaction.execute(query)}
    if not found.keys() >= set(digests):
        raise NotFoundError
    return tuple(found[digest] for digest in digests)


async def pictures_of(
    transaction: Transaction, owner_id: str, wanted: ColumnElement[bool]
) -> dict[str, list[Attachment]]:
    """Returns the attachments of the wanted messages, in order, by message id."""
    link = message_attachments.c
    query = (
        select(link.message_id, attachments)
        .join(
            attachments,
            and_(attachments.c.owner_id == link.owner_id, attachments.c.digest == link.digest),
        )
        .where(link.owner_id == owner_id, link.message_id.in_(select(messages.c.id).where(wanted)))
        .order_by(link.message_id, link.position)
    )
    found: dict[str, list[Attachment]] = {}
    for row in await transaction.execute(query):
        found.setdefault(row.message_id, []).append(attachment(row))
    return found


async def digests_of(transaction: Transaction, owner_id: str, conversation_id: str) -> list[str]:
    query = (
        select(message_attachments.c.digest)
        .join(messages, messages.c.id == message_attachments.c.message_id)
        .where(messages.c.conversation_id == conversation_id, messages.c.owner_id == owner_id)
        .distinct()
    )
    return [row.digest for row in await transaction.execute(query)]


def used_attachment() -> ColumnElement[bool]:
    """Tells, inside a query over attachments, whether a message has one."""
    return exists().where(
        message_attachments.c.owner_id == attachments.c.owner_id,
        message_attachments.c.digest == attachments.c.digest,
    )


async def release_attachments(
    transaction: Transaction, owner_id: str, digests: Sequence[str]
) -> list[str]:
    await transaction.execute(
        delete(attachments).where(
            attachments.c.owner_id == owner_id,
            attachments.c.digest.in_(digests),
            ~used_attachment(),
        )
    )
    kept = select(attachments.c.digest).where(attachments.c.digest.in_(digests))
    kept_digests = {row.digest for row in await transaction.execute(kept)}
    return [digest for digest in digests if digest not in kept_digests]
