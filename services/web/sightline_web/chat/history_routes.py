"""Endpoints of the list of conversations."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import open_form
from sightline_web.chat.requests import go_to, owner_of
from sightline_web.chat.threads import Threads
from sightline_web.chat.titles import clean_title
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.store.history import History

MAX_SEARCH_LENGTH = 200


class HistoryRoutes:
    """Searching, renaming, pinning, removing, restoring."""

    def __init__(self, threads: Threads, history: History) -> None:
        self._threads = threads
        self._history = history

    def routes(self) -> list[Route]:
        return [
            Route("/history", self.show),
            Route("/c/{conversation_id}/title", self.rename, methods=["POST"]),
            Route("/c/{conversation_id}/pin", self.pin, methods=["POST"]),
            Route("/c/{conversation_id}/delete", self.remove, methods=["POST"]),
            Route("/c/{conversation_id}/restore", self.restore, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        words = searched_words(request)
        found = await self._history.listed(owner_of(request), words)
        return page("_history.html", history=found, conversation=None, words=words)

    async def rename(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        async with open_form(request) as form:
            title = clean_title(str(form.get("title", "")))
        if not title:
            raise PageError(translated("Write a title."))
        await self._history.rename(owner_of(request), conversation.id, title)
        return go_to(request, f"/c/{conversation.id}")

    async def pin(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        await self._history.pin(owner_of(request), conversation.id, not conversation.is_pinned)
        return go_to(request, f"/c/{conversation.id}")

    async def remove(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        await self._threads.jobs.stop(conversation.head_id or "")
        await self._history.remove(owner_of(request), conversation.id)
        return go_to(request, f"/?removed={conversation.id}")

    async def restore(self, request: Request) -> Response:
        conversation_id = request.path_params["conversation_id"]
        await self._history.restore(owner_of(request), conversation_id)
        return go_to(request, f"/c/{conversation_id}")


def searched_words(request: Request) -> str:
    """Returns what a person searches for."""
    return request.query_params.get("q", "")[:MAX_SEARCH_LENGTH].strip()
