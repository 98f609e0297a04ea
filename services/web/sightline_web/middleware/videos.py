"""What refusals must know of the model."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.catalog import ModelCatalog
from sightline_web.middleware.refusal import TAKES_VIDEOS


class VideosMiddleware:
    """Notes whether the model takes videos, as far as is known, without asking the generator.

    A refusal on the page renews the fields that files are chosen in, wherever it comes from.
    """

    def __init__(self, app: ASGIApp, catalog: ModelCatalog) -> None:
        self._app = app
        self._catalog = catalog

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[TAKES_VIDEOS] = self._catalog.takes_videos
        await self._app(scope, receive, send)
