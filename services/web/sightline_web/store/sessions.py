"""People who are signed in."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Row, delete, insert, select, update

from sightline_web.accounts.account import Account, Proof
from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.tables import accounts, api_keys, sessions
from sightline_web.store.tokens import hashed, new_token
from sightline_web.store.transaction import Transaction


class Session(NamedTuple):
    """The account of a session or key as it was at sign-in, and the mark of its proof.

    Keys that were made before marks were kept have none.
    """

    account: Account
    mark: str | None


class Sessions:
    """Begins, finds and ends sessions. Only a hash of a session's token is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, proof: Proof, lifetime_s: float) -> str:
        """Returns the token of a new session."""
        token, now = new_token(), rows.now_ms()
        async with self._database.writing() as transaction:
            await _remember(transaction, proof.account, now)
            await transaction.execute(
                insert(sessions).values(
                    token=hashed(token),
                    owner_id=proof.account.owner_id,
                    mark=proof.mark,
                    expires_ms=now + round(lifetime_s * 1000),
                )
            )
        return token

    async def find(self, token: str) -> Session | None:
        """Returns a session that has neither ended nor expired."""
        query = (
            select(accounts, sessions.c.mark)
            .join(sessions, sessions.c.owner_id == accounts.c.owner_id)
            .where(sessions.c.token == hashed(token), sessions.c.expires_ms > rows.now_ms())
        )
        async with self._database.reading() as transaction:
            row = (await transaction.execute(query)).one_or_none()
        return None if row is None else Session(account_in(row), row.mark)

    async def end(self, token: str) -> None:
        async with self._database.writing() as transaction:
            await transaction.execute(delete(sessions).where(sessions.c.token == hashed(token)))

    async def end_all(self, owner_id: str) -> None:
        """Ends every session of an account."""
        async with self._database.writing() as transaction:
            await transaction.execute(delete(sessions).where(sessions.c.owner_id == owner_id))

    async def delete_expired(self) -> None:
        """Forgets sessions and API keys whose time is over."""
        async with self._database.writing() as transaction:
            for table in (sessions, api_keys):
                await transaction.execute(delete(table).where(table.c.expires_ms <= rows.now_ms()))


def account_in(row: Row[Any]) -> Account:
    """Reads an account from a row that has the columns of its table."""
    return Account(row.source, row.subject, row.name, row.is_operator)


async def _remember(transaction: Transaction, account: Account, now: int) -> None:
    known = {"name": rows.storable(account.name), "is_operator": account.is_operator}
    change = update(accounts).where(accounts.c.owner_id == account.owner_id)
    done = await transaction.execute(change.values(**known, signed_in_ms=now))
    if not done.rowcount:
        await transaction.execute(
            insert(accounts).values(
                owner_id=account.owner_id,
                source=account.source,
                subject=account.subject,
                **known,
                signed_in_ms=now,
            )
        )
