"""Endpoints that save conversations as files, and read them in again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web.chat.archive import Archive, read, written
from sightline_web.chat.documents import html_document, markdown_document
from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import chosen_files, open_form
from sightline_web.chat.requests import go_to, owner_of
from sightline_web.chat.threads import Threads
from sightline_web.language import translated
from sightline_web.markdown.boxes import without_marks
from sightline_web.store.records import Conversation, Message
from sightline_web.store.transfer import Transfer

_TYPES = {"md": "text/markdown", "json": "application/json", "html": "text/html"}


class ExportRoutes:
    """Markdown and HTML hold the branch that is shown, JSON holds everything."""

    def __init__(self, threads: Threads, transfer: Transfer) -> None:
        self._threads = threads
        self._transfer = transfer

    def routes(self) -> list[Route]:
        return [
            Route("/c/{conversation_id}/export.md", self.save_markdown),
            Route("/c/{conversation_id}/export.html", self.save_html),
            Route("/c/{conversation_id}/export.json", self.save_json),
            Route("/m/{message_id}.md", self.save_message),
            Route("/import", self.read_in, methods=["POST"]),
        ]

    async def save_markdown(self, request: Request) -> Response:
        conversation, branch = await self._shown(request)
        return _file(markdown_document(conversation, branch), conversation.title, "md")

    async def save_html(self, request: Request) -> Response:
        conversation, branch = await self._shown(request)
        files = await self._files(branch)
        document = await asyncio.to_thread(html_document, conversation, branch, files)
        return _file(document, conversation.title, "html")

    async def save_json(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        tree = await self._transfer.tree(owner_of(request), conversation.id)
        archive = Archive(conversation, tuple(tree), await self._files(tree))
        document = await asyncio.to_thread(written, archive)
        return _file(document, conversation.title, "json")

    async def save_message(self, request: Request) -> Response:
        message = await self._threads.message(request)
        return _file(f"{without_marks(message.text)}\n", "Sightline", "md")

    async def read_in(self, request: Request) -> Response:
        async with open_form(request) as form:
            files = chosen_files(form)
            if len(files) != 1:
                raise PageError(translated("Choose one file."))
            archive = await asyncio.to_thread(read, await files[0].read())
        owner_id = owner_of(request)
        names = {p.digest: p.name for message in archive.tree for p in message.attachments}
        for digest, data in archive.files.items():
            await self._threads.pictures.keep(owner_id, data, names.get(digest, "picture"))
        added = await self._transfer.add(owner_id, archive.conversation, archive.tree)
        return go_to(request, f"/c/{added}")

    async def _shown(self, request: Request) -> tuple[Conversation, list[Message]]:
        conversation = await self._threads.conversation(request)
        return conversation, await self._threads.branch(owner_of(request), conversation)

    async def _files(self, messages: Sequence[Message]) -> dict[str, bytes]:
        pictures = {p.digest: p for message in messages for p in message.attachments}
        return {
            digest: await self._threads.pictures.read(picture)
            for digest, picture in pictures.items()
        }


def _file(text: str, title: str, kind: str) -> Response:
    """Returns a download; it never runs as a page of this site."""
    name = quote(title.replace("/", "-")[:100], safe="")
    return Response(
        text,
        media_type=f"{_TYPES[kind]}; charset=utf-8",
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{name}.{kind}",
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "no-store",
        },
    )
