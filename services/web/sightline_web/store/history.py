"""The list of an owner's conversations: searched, renamed, pinned, removed and restored."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, Update, and_, exists, or_, select, update

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import Conversation, NotFoundError
from sightline_web.store.tables import conversations, messages

LIST_LIMIT = 200


class History:
    """Changes what the list shows; NotFoundError for what the owner does not have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, owner_id: str, words: str = "") -> list[Conversation]:
        """Lists conversations, the pinned and then the last used first.

        With words, only those that have each of them in their title or in a message, in any
        case and inside longer words too, since Chinese puts no spaces between them.
        """
        wanted = [_contains(word) for word in words.split()]
        query = _listing(owner_id).where(*wanted)
        async with self._database.reading() as transaction:
            return [rows.conversation(row) for row in await transaction.execute(query)]

    async def rename(self, owner_id: str, conversation_id: str, title: str) -> None:
        await self._change(owner_id, conversation_id, title=rows.storable(title))

    async def pin(self, owner_id: str, conversation_id: str, is_pinned: bool) -> None:
        pinned_ms = rows.now_ms() if is_pinned else None
        await self._change(owner_id, conversation_id, pinned_ms=pinned_ms)

    async def remove(self, owner_id: str, conversation_id: str) -> None:
        """Takes a conversation off the list; it can be restored until it is purged."""
        await self._change(owner_id, conversation_id, removed_ms=rows.now_ms())

    async def restore(self, owner_id: str, conversation_id: str) -> None:
        await self._change(owner_id, conversation_id, removed_ms=None)

    async def removed_before(self, older_than_s: float) -> list[tuple[str, str]]:
        """Returns owner and id of conversations that were removed so long ago."""
        since_ms = rows.now_ms() - round(older_than_s * 1000)
        query = select(conversations.c.owner_id, conversations.c.id).where(
            conversations.c.removed_ms < since_ms
        )
        async with self._database.reading() as transaction:
            return [(row.owner_id, row.id) for row in await transaction.execute(query)]

    async def _change(self, owner_id: str, conversation_id: str, **values: object) -> None:
        change: Update = update(conversations).where(rows.owned(owner_id, conversation_id))
        async with self._database.writing() as transaction:
            done = await transaction.execute(change.values(**values))
        if not done.rowcount:
            raise NotFoundError


def _listing(owner_id: str) -> Select[tuple[object, ...]]:
    is_listed = and_(conversations.c.owner_id == owner_id, conversations.c.removed_ms.is_(None))
    order = (
        conversations.c.pinned_ms.is_(None),
        conversations.c.updated_ms.desc(),
        conversations.c.id,
    )
    return select(conversations).where(is_listed).order_by(*order).limit(LIST_LIMIT)


def _contains(word: str) -> ColumnElement[bool]:
    in_a_message = exists().where(
        messages.c.conversation_id == conversations.c.id,
        messages.c.text.icontains(word, autoescape=True),
    )
    return or_(conversations.c.title.icontains(word, autoescape=True), in_a_message)
