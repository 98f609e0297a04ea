"""Named settings that owners keep."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update

from sightline_web.store import rows
from sightline_web.store.database import Database
from sightline_web.store.records import NotFoundError
from sightline_web.store.tables import presets

MAX_PRESETS = 50
"""How many one owner may keep."""


class TooManyPresetsError(Exception):
    """Means that an owner keeps as many presets as there may be."""


@dataclass(frozen=True)
class Preset:
    """Settings under a name that its owner gave."""

    id: str
    name: str
    settings: Mapping[str, object]


class Presets:
    """Reads and writes presets; NotFoundError for what the owner does not have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, owner_id: str) -> list[Preset]:
        """Lists an owner's presets, oldest first."""
        query = (
            select(presets)
            .where(presets.c.owner_id == owner_id)
            .order_by(presets.c.created_ms, presets.c.id)
        )
        async with self._database.reading() as transaction:
            found = await transaction.execute(query)
            return [Preset(row.id, row.name, row.settings) for row in found]

    async def add(self, owner_id: str, name: str, settings: Mapping[str, object]) -> None:
        """Keeps settings; raises TooManyPresetsError."""
        count = select(func.count()).select_from(presets).where(presets.c.owner_id == owner_id)
        async with self._database.writing() as transaction:
            if (await transaction.execute(count)).scalar_one() >= MAX_PRESETS:
                raise TooManyPresetsError
            await transaction.execute(
                insert(presets).values(
                    id=uuid.uuid4().hex,
                    owner_id=owner_id,
                    name=rows.storable(name),
                    settings=dict(settings),
                    created_ms=rows.now_ms(),
                )
            )

    async def rename(self, owner_id: str, preset_id: str, name: str) -> None:
        change = update(presets).where(_owned(owner_id, preset_id))
        async with self._database.writing() as transaction:
            done = await transaction.execute(change.values(name=rows.storable(name)))
        if not done.rowcount:
            raise NotFoundError

    async def remove(self, owner_id: str, preset_id: str) -> None:
        async with self._database.writing() as transaction:
            done = await transaction.execute(delete(presets).where(_owned(owner_id, preset_id)))
        if not done.rowcount:
            raise NotFoundError


def _owned(owner_id: str, preset_id: str) -> ColumnElement[bool]:
    return and_(presets.c.id == preset_id, presets.c.owner_id == owner_id)
