"""Keys with which programs ask in somebody's name."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

from sightline_common.telemetry import log
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import NotFoundError
from sightline_web.store.sessions import Session, account_in
from sightline_web.store.tables import accounts, api_keys
from sightline_web.store.tokens import hashed, new_token

PREFIX = "sl-"
DAY_MS = 24 * 3600 * 1000
USE_NOTED_EVERY_MS = 3600 * 1000
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret; `ending` is the last of it, to tell keys apart."""

    id: str
    name: str
    ending: str
    created_ms: int
    expires_ms: int
    used_ms: int | None


class ApiKeys:
    """Makes, follows and revokes keys. Only a hash of a key is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner_id: str, name: str, days: int, mark: str) -> str:
        """Returns a new key; this is the only time that it is seen.

        `mark` is that of the session in which it is made, so that both end with one password.
        """
        key, now = PREFIX + new_token(), rows.now_ms()
        values = {
            "id": uuid.uuid4().hex,
            "token": hashed(key),
            "owner_id": owner_id,
            "name": rows.storable(name),
            "ending": key[-4:],
            "created_ms": now,
            "expires_ms": now + days * DAY_MS,
            "mark": mark,
        }
        async with self._database.writing() as transaction:
            await transaction.execute(insert(api_keys).values(values))
        return key

    async def listed(self, owner_id: str) -> list[ApiKey]:
        """Lists an owner's keys that have not expired, the newest first."""
        query = (
            select(api_keys)
            .where(*_valid(owner_id))
            .order_by(api_keys.c.created_ms.desc(), api_keys.c.id)
        )
        async with self._database.reading() as transaction:
            return [
                ApiKey(row.id, row.name, row.ending, row.created_ms, row.expires_ms, row.used_ms)
                for row in await transaction.execute(query)
            ]

    async def count(self, owner_id: str) -> int:
        """Returns how many keys `listed` lists."""
        query = select(func.count()).select_from(api_keys).where(*_valid(owner_id))
        async with self._database.reading() as transaction:
            return int((await transaction.execute(query)).scalar_one())

    async def find(self, key: str) -> Session | None:
        """Returns account and mark of a key that was neither revoked nor has expired."""
        now = rows.now_ms()
        query = (
            select(accounts, api_keys.c.id.label("key_id"), api_keys.c.used_ms, api_keys.c.mark)
            .join(api_keys, api_keys.c.owner_id == accounts.c.owner_id)
            .where(api_keys.c.token == hashed(key), api_keys.c.expires_ms > now)
        )
        async with self._database.reading() as transaction:
            row = (await transaction.execute(query)).one_or_none()
        if row is None:
            return None
        if row.used_ms is None or now - row.used_ms >= USE_NOTED_EVERY_MS:
            await self._note_use(row.key_id, now)
        return Session(account_in(row), row.mark)

    async def revoke(self, owner_id: str, key_id: str) -> None:
        """Ends a key; NotFoundError when the owner has none of that id."""
        mine = (api_keys.c.id == key_id, api_keys.c.owner_id == owner_id)
        async with self._database.writing() as transaction:
            done = await transaction.execute(delete(api_keys).where(*mine))
        if not done.rowcount:
            raise NotFoundError

    async def _note_use(self, key_id: str, now: int) -> None:
        """Writes down that a key was used; who asks is answered even when that fails."""
        change = update(api_keys).where(api_keys.c.id == key_id).values(used_ms=now)
        try:
            async with self._database.writing() as transaction:
                await transaction.execute(change)
        except (SQLAlchemyError, OSError) as error:
            reason = type(error).__name__
            log(_logger, "use of a key not noted", logging.WARNING, reason=reason)


def _valid(owner_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return api_keys.c.owner_id == owner_id, api_keys.c.expires_ms > rows.now_ms()
