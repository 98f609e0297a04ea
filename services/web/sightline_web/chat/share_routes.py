"""Endpoints of links under which others may read a conversation."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline_web.chat.attachment_routes import file_response
from sightline_web.chat.requests import from_htmx, owner_of
from sightline_web.chat.threads import Threads
from sightline_web.chat.views import views_of
from sightline_web.pages import page
from sightline_web.store.records import Conversation, Message, NotFoundError
from sightline_web.store.shares import Shares


class ShareRoutes:
    """A link shows one branch as it was; whoever has it needs no account."""

    def __init__(self, threads: Threads, shares: Shares, public_url: str) -> None:
        self._threads = threads
        self._shares = shares
        self._public_url = public_url

    def routes(self) -> list[Route]:
        return [
            Route("/c/{conversation_id}/share", self.share, methods=["POST"]),
            Route("/c/{conversation_id}/unshare", self.unshare, methods=["POST"]),
            Route("/s/{token}", self.show),
            Route("/s/{token}/attachments/{digest}", self.show_attachment),
        ]

    async def share(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        self._threads.refuse_while_running(conversation)
        token = await self._shares.add(owner_of(request), conversation)
        path = f"/s/{token}"
        if from_htmx(request):
            own = str(request.url.replace(path="", query="", fragment=""))
            address = f"{self._public_url or own}{path}"
            return page("_shared_link.html", conversation=conversation, address=address)
        return RedirectResponse(path, 303)

    async def unshare(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        await self._shares.withdraw(owner_of(request), conversation.id)
        if from_htmx(request):
            return page("_share.html", conversation=conversation, is_shared=False)
        return RedirectResponse(f"/c/{conversation.id}", 303)

    async def show(self, request: Request) -> Response:
        conversation, branch = await self._shared(request)
        token = request.path_params["token"]
        return page("shared.html", conversation=conversation, views=views_of(branch), token=token)

    async def show_attachment(self, request: Request) -> Response:
        _, branch = await self._shared(request)
        digest = request.path_params["digest"]
        pictures = (picture for message in branch for picture in message.attachments)
        for picture in pictures:
            if picture.hex_digest == digest:
                return file_response(picture, self._threads.pictures.path(picture))
        raise NotFoundError

    async def _shared(self, request: Request) -> tuple[Conversation, list[Message]]:
        """Returns what a link shows; no version but the shared one can be reached."""
        share = await self._shares.find(request.path_params["token"])
        store = self._threads.store
        conversation = await store.get(share.owner_id, share.conversation_id)
        branch = await store.branch(share.owner_id, share.conversation_id, share.head_id)
        return conversation, [replace(message, versions=()) for message in branch]
