"""Uploaded pictures: checked, stored, read again for the model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sightline_common.digest import sha256_digest
from sightline_common.errors import MediaUnreadableError
from starlette.datastructures import UploadFile

from sightline_web.chat.errors import PageError
from sightline_web.language import translated
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.pictures import PictureFiles, sniff_mime
from sightline_web.store.records import Attachment, NotFoundError

MAX_NAME_LENGTH = 200
ABANDONED_AFTER_S = 24 * 3600.0


class Pictures:
    """Pictures of owners: rows in the store, bytes on disk, kept in step."""

    def __init__(self, store: ConversationStore, files: PictureFiles, max_image_bytes: int) -> None:
        self._store = store
        self._files = files
        self._max_image_bytes = max_image_bytes
        self._lock = asyncio.Lock()

    async def add(self, owner_id: str, upload: UploadFile) -> Attachment:
        """Stores an uploaded file; raises PageError that says what to change."""
        data = await upload.read(self._max_image_bytes + 1)
        return await self.keep(owner_id, data, upload.filename or "picture")

    async def keep(self, owner_id: str, data: bytes, name: str) -> Attachment:
        """Stores a picture; raises PageError that says what to change."""
        name = name[-MAX_NAME_LENGTH:]
        mime = self._checked_mime(data, name)
        digest = await asyncio.to_thread(sha256_digest, data)
        attachment = Attachment(digest, mime, name, len(data))
        async with self._lock:
            await self._files.write(attachment.hex_digest, data)
            await self._store.add_attachment(owner_id, attachment)
        return attachment

    async def require(self, owner_id: str, digests: Sequence[str]) -> None:
        """Raises PageError when one of the pictures is not there any more."""
        for digest in digests:
            try:
                await self._store.attachment(owner_id, digest)
            except NotFoundError:
                raise PageError(
                    translated("A picture is no longer there. Choose it again.")
                ) from None

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

    def _checked_mime(self, data: bytes, name: str) -> str:
        if not data:
            raise PageError(translated("{name} is empty. Choose another file.", name=name))
        if len(data) > self._max_image_bytes:
            mebibytes = max(1, self._max_image_bytes // 2**20)
            sentence = "{name} is larger than {n} MiB. Choose a smaller file."
            raise PageError(translated(sentence, name=name, n=mebibytes), 413)
        mime = sniff_mime(data)
        if mime is None:
            sentence = "{name} is not a picture of a known kind: PNG, JPEG, WebP or GIF."
            raise PageError(translated(sentence, name=name))
        return mime
