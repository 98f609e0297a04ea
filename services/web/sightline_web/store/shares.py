"""Links under which others may read a branch as it was when it was shared."""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import Conversation, NotFoundError
from sightline_web.store.tables import conversations, shares

TOKEN_BYTES = 24


class Share(NamedTuple):
    """What a link shows: messages up to `head_id`, of an owner who is not named."""

    owner_id: str
    conversation_id: str
    head_id: str


class Shares:
    """Makes links, follows them, and withdraws them.

    Only a hash of a link's token is kept: whoever reads the database cannot follow it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner_id: str, conversation: Conversation) -> str:
        """Returns the token of a new link to what the conversation shows now."""
        if conversation.head_id is None:
            raise NotFoundError
        token = secrets.token_urlsafe(TOKEN_BYTES)
        values = {
            "token": _hashed(token),
            "owner_id": owner_id,
            "conversation_id": conversation.id,
            "head_id": conversation.head_id,
            "created_ms": rows.now_ms(),
        }
        async with self._database.writing() as transaction:
            await transaction.execute(insert(shares).values(values))
        return token

    async def find(self, token: str) -> Share:
        """Follows a link; NotFoundError when it was withdrawn or its conversation removed."""
        query = (
            select(shares)
            .join(conversations, conversations.c.id == shares.c.conversation_id)
            .where(shares.c.token == _hashed(token), conversations.c.removed_ms.is_(None))
        )
        async with self._database.reading() as transaction:
            row = (await transaction.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError
        return Share(row.owner_id, row.conversation_id, row.head_id)

    async def count(self, owner_id: str, conversation_id: str) -> int:
        """Counts the links to a conversation."""
        query = select(func.count()).select_from(shares).where(_of(owner_id, conversation_id))
        async with self._database.reading() as transaction:
            return int((await transaction.execute(query)).scalar_one())

    async def withdraw(self, owner_id: str, conversation_id: str) -> None:
        """Ends all links to a conversation."""
        async with self._database.writing() as transaction:
            await transaction.execute(delete(shares).where(_of(owner_id, conversation_id)))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _of(owner_id: str, conversation_id: str) -> ColumnElement[bool]:
    return and_(shares.c.owner_id == owner_id, shares.c.conversation_id == conversation_id)
