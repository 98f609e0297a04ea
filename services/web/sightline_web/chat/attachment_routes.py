"""Endpoints of pictures that were chosen for a question."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import chosen_files, open_form
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.requests import owner_of
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.records import Attachment

_PICTURE_HEADERS = {
    "cache-control": "private, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
}


class AttachmentRoutes:
    """Pictures are stored when they are chosen, and shown from there."""

    def __init__(self, store: ConversationStore, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures

    def routes(self) -> list[Route]:
        return [
            Route("/attachments", self.add, methods=["POST"]),
            Route("/attachments/{digest}", self.show),
            Route("/attachments/{digest}", self.discard, methods=["DELETE"]),
        ]

    async def add(self, request: Request) -> Response:
        async with open_form(request) as form:
            files = chosen_files(form)
            if not files:
                raise PageError(translated("Choose a picture."))
            added, refused = await self._add_usable(owner_of(request), files)
        if not added:
            raise refused[0]
        return page("_chips.html", attachments=added, notices=[error.message for error in refused])

    async def show(self, request: Request) -> Response:
        attachment = await self._store.attachment(owner_of(request), _digest(request))
        data = await self._pictures.read(attachment)
        return picture_response(attachment, data)

    async def discard(self, request: Request) -> Response:
        await self._pictures.discard(owner_of(request), _digest(request))
        return Response(headers={"cache-control": "no-store"})

    async def _add_usable(
        self, owner_id: str, files: Sequence[UploadFile]
    ) -> tuple[list[Attachment], list[PageError]]:
        added, refused = [], []
        for file in files:
            try:
                added.append(await self._pictures.add(owner_id, file))
            except PageError as error:
                refused.append(error)
        return added, refused


def picture_response(attachment: Attachment, data: bytes) -> Response:
    """Returns a picture that never runs as a page of this site."""
    return Response(data, media_type=attachment.mime, headers=_PICTURE_HEADERS)


def _digest(request: Request) -> str:
    return f"sha256:{request.path_params['digest']}"
