"""Uploaded pictures, videos and PDFs: checked, stored, read again for the model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sightline_common.digest import sha256_digest
from sightline_common.errors import MediaUnreadableError

from sightline_web.chat.errors import PageError
from sightline_web.chat.file_checks import FileChecks
from sightline_web.language import translated
from sightline_web.metadata.removal import without_metadata
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.pictures import PictureFiles
from sightline_web.store.records import Attachment, NotFoundError

MAX_NAME_LENGTH = 200
ABANDONED_AFTER_S = 24 * 3600.0


class Pictures:
    """Files of owners: rows in the store, bytes on disk, kept in step."""

    def __init__(self, store: ConversationStore, files: PictureFiles, checks: FileChecks) -> None:
        self._store = store
        self._files = files
        self._checks = checks
        self._lock = asyncio.Lock()

    async def keep(self, owner_id: str, data: bytes, name: str) -> Attachment:
        """Stores a picture or video without its metadata, for the model and all readers.

        Raises PageError that says what to change.
        """
        name = name[-MAX_NAME_LENGTH:]
        mime = self._checks.medium(data, name)
        kept = await asyncio.to_thread(without_metadata, data, mime)
        return await self._keep(owner_id, kept, name, mime)

    async def keep_pdf(self, owner_id: str, data: bytes, name: str) -> Attachment:
        """Stores a PDF, of which pages can be drawn; raises PageError like `keep`."""
        name = name[-MAX_NAME_LENGTH:]
        return await self._keep(owner_id, data, name, self._checks.pdf(data, name))

    async def attachment(self, owner_id: str, digest: str) -> Attachment:
        """Returns what is known of a stored file; raises NotFoundError."""
        return await self._store.attachment(owner_id, digest)

    def path(self, attachment: Attachment) -> Path:
        """Returns a stored file's path; raises NotFoundError when it is gone."""
        path = self._files.path(attachment.hex_digest)
        if not path.exists():
            raise NotFoundError
        return path

    async def require(self, owner_id: str, digests: Sequence[str]) -> None:
        """Raises PageError when one of the pictures is not there any more."""
        for digest in digests:
            if not await self._has_medium(owner_id, digest):
                raise PageError(translated("A picture is no longer there. Choose it again."))

    async def read(self, attachment: Attachment) -> bytes:
        """Returns a picture's bytes; raises MediaUnreadableError when the file is gone."""
        try:
            return await self._files.read(attachment.hex_digest)
        except OSError:
            raise MediaUnreadableError("The picture is no longer stored.") from None

    async def discard(self, owner_id: str, digest: str) -> None:
        """Forgets a picture unless a message has it."""
        async with self._lock:
            await self._delete_files(await self._store.release_attachments(owner_id, [digest]))

    async def discard_abandoned(self) -> None:
        """Forgets pictures that were chosen long ago and never sent."""
        async with self._lock:
            await self._delete_files(await self._store.release_abandoned(ABANDONED_AFTER_S))

    async def delete_conversation(self, owner_id: str, conversation_id: str) -> None:
        """Deletes a conversation and the pictures that nothing else uses."""
        async with self._lock:
            await self._delete_files(await self._store.delete(owner_id, conversation_id))

    async def _delete_files(self, digests: Sequence[str]) -> None:
        for digest in digests:
            await self._files.delete(digest.removeprefix("sha256:"))

    async def _has_medium(self, owner_id: str, digest: str) -> bool:
        """Tells whether the model can be shown a stored file."""
        try:
            found = await self._store.attachment(owner_id, digest)
        except NotFoundError:
            return False
        return found.is_picture or found.is_video

    async def _keep(self, owner_id: str, data: bytes, name: str, mime: str) -> Attachment:
        digest = await asyncio.to_thread(sha256_digest, data)
        attachment = Attachment(digest, mime, name, len(data))
        async with self._lock:
            await self._files.write(attachment.hex_digest, data)
            await self._store.add_attachment(owner_id, attachment)
        return attachment
