"""Endpoints of files that were chosen for a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import chosen_files, open_form
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.requests import owner_of
from sightline_web.chat.uploads import Document, Uploads
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.store.records import Attachment

_FILE_HEADERS = {
    "cache-control": "private, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
}


class AttachmentRoutes:
    """Files are stored when they are chosen, and shown from there."""

    def __init__(self, uploads: Uploads, pictures: Pictures) -> None:
        self._uploads = uploads
        self._pictures = pictures

    def routes(self) -> list[Route]:
        return [
            Route("/attachments", self.add, methods=["POST"]),
            Route("/attachments/{digest}", self.show),
            Route("/attachments/{digest}", self.discard, methods=["DELETE"]),
            Route("/attachments/{digest}/pages", self.choose_pages, methods=["POST"]),
        ]

    async def add(self, request: Request) -> Response:
        async with open_form(request) as form:
            files = chosen_files(form)
            if not files:
                raise PageError(translated("Choose a picture."))
            added, refused = await self._add_usable(owner_of(request), files)
        if not added:
            raise refused[0]
        return page(
            "_chips.html",
            attachments=[each for each in added if isinstance(each, Attachment)],
            documents=[each for each in added if isinstance(each, Document)],
            notices=[error.message for error in refused],
            takes_videos=await self._uploads.videos_supported(),
        )

    async def choose_pages(self, request: Request) -> Response:
        """Returns chips of other pages of a PDF."""
        async with open_form(request) as form:
            pages = str(form.get("pages", ""))
        document = await self._uploads.choose(owner_of(request), _digest(request), pages)
        return page("_page_chips.html", document=document)

    async def show(self, request: Request) -> Response:
        attachment = await self._pictures.attachment(owner_of(request), _digest(request))
        return file_response(attachment, self._pictures.path(attachment))

    async def discard(self, request: Request) -> Response:
        await self._pictures.discard(owner_of(request), _digest(request))
        return Response(headers={"cache-control": "no-store"})

    async def _add_usable(
        self, owner_id: str, files: Sequence[UploadFile]
    ) -> tuple[list[Attachment | Document], list[PageError]]:
        added, refused = [], []
        for file in files:
            try:
                added.append(await self._uploads.take(owner_id, file))
            except PageError as error:
                refused.append(error)
        return added, refused


def file_response(attachment: Attachment, path: Path) -> Response:
    """Returns a file, or the range that a player asks for; it never runs as a page of this site."""
    return FileResponse(path, media_type=attachment.mime, headers=_FILE_HEADERS)


def _digest(request: Request) -> str:
    return f"sha256:{request.path_params['digest']}"
