"""Which model is served and by which names, remembered for a short time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.errors import ModelUnknownError, SightlineError

from sightline_web.generator_client import Generator

MAX_AGE_S = 30.0


class ModelCatalog:
    """Knows the generator's model. Its description is at most `MAX_AGE_S` seconds old."""

    def __init__(
        self,
        generator: Generator,
        aliases: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._generator = generator
        self._aliases = tuple(aliases)
        self._clock = clock
        self._info: generator_pb2.GetModelInfoResponse | None = None
        self._expires = 0.0
        self.created = int(time.time())

    async def current(self) -> generator_pb2.GetModelInfoResponse:
        """Returns the model's description; raises SightlineError."""
        if self._info is None or self._clock() >= self._expires:
            self._info = await self._generator.model_info()
            self._expires = self._clock() + MAX_AGE_S
        return self._info

    async def current_or_none(self) -> generator_pb2.GetModelInfoResponse | None:
        """Returns the model's description, the last known one, or None."""
        try:
            return await self.current()
        except SightlineError:
            return self._info

    @property
    def takes_videos(self) -> bool:
        """Whether the model takes videos, by its last known description."""
        return self._info is not None and media_pb2.MEDIA_KIND_VIDEO in self._info.media_kinds

    async def names(self) -> list[str]:
        """Lists the names that requests may use, the model's own first."""
        own = (await self.current()).model
        return [own, *(alias for alias in self._aliases if alias != own)]

    async def resolve(self, name: str) -> str:
        """Returns the served model's own name; raises ModelUnknownError for others."""
        names = await self.names()
        if name not in names:
            self._expires = 0.0
            names = await self.names()
        if name not in names:
            raise ModelUnknownError(
                f"The model {name[:100]!r} is not served here; use {names[0]!r}.", field="model"
            )
        return names[0]
