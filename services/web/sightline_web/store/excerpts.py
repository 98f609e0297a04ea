"""The end of a branch, so that a long conversation opens as fast as a short one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import Attachment, Message
from sightline_web.store.tables import messages

MAX_MESSAGES = 2000
"""The most that one excerpt holds."""
_PLACE: Sequence[ColumnElement[Any]] = [
    messages.c.id,
    messages.c.parent_id,
    messages.c.created_ms,
]


@dataclass(frozen=True)
class Excerpt:
    """Messages that follow each other, oldest first, and what came before them."""

    messages: tuple[Message, ...] = ()
    earlier_ids: tuple[str, ...] = ()
    """Ids of the messages before, oldest first."""
    picture: Attachment | None = None
    """The picture that was sent last before."""


class Excerpts:
    """Reads a few whole messages and, of the others, only how they hang together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self,
        owner_id: str,
        conversation_id: str,
        last_id: str,
        num_messages: int,
        first_id: str = "",
    ) -> Excerpt:
        """Returns a message and those before it; none for what the owner does not have.

        They are so many, or as many as reach back to `first_id`.
        """
        wanted = messages.c.conversation_id == conversation_id, messages.c.owner_id == owner_id
        places = select(*_PLACE).where(*wanted)
        async with self._database.reading() as connection:
            by_id = {row.id: row for row in await connection.execute(places)}
            chain = [row.id for row in rows.chain(by_id, last_id)]
            begin = _begin(chain, num_messages, first_id)
            whole = select(messages).where(*wanted, messages.c.id.in_(chain[begin:]))
            found = {row.id: row for row in await connection.execute(whole)}
            pictures = await rows.pictures_of(connection, owner_id, wanted[0])
        children = rows.children(by_id.values())
        versions = {row.id: _ids(children[row.parent_id]) for row in found.values()}
        # What another transaction removed since is left out.
        shown = [found[id_] for id_ in chain[begin:] if id_ in found]
        return Excerpt(
            tuple(rows.message(row, pictures, versions[row.id]) for row in shown),
            tuple(chain[:begin]),
            next(_pictures_before(chain[:begin], pictures), None),
        )


def _begin(chain: Sequence[str], num_messages: int, first_id: str) -> int:
    """Returns the index in the chain at which an excerpt of it begins."""
    usual = len(chain) - num_messages
    reaching = chain.index(first_id) if first_id in chain else usual
    return max(0, len(chain) - MAX_MESSAGES, min(usual, reaching))


def _ids(siblings: Sequence[Row[Any]]) -> tuple[str, ...]:
    return tuple(row.id for row in siblings)


def _pictures_before(
    chain: Sequence[str], pictures: Mapping[str, Sequence[Attachment]]
) -> Iterator[Attachment]:
    """Yields the pictures of messages, the last first."""
    for id_ in reversed(chain):
        yield from (each for each in reversed(pictures.get(id_, ())) if each.is_picture)
