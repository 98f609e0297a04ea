"""Files as they come from a person: pictures and videos are kept, pages of PDFs drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from starlette.datastructures import UploadFile

from sightline_web.catalog import ModelCatalog
from sightline_web.chat.errors import PageError
from sightline_web.chat.file_checks import FileChecks
from sightline_web.chat.pictures import Pictures
from sightline_web.language import translated
from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.page_choice import PageChoiceError, parse_pages
from sightline_web.pdf.rasterizer import Rasterizer
from sightline_web.store.pictures import PDF, sniff_mime
from sightline_web.store.records import Attachment, NotFoundError

NUM_FIRST_PAGES = 4
"""How many pages are taken from a PDF when nobody says which."""

_FAULTS = {
    PdfFault.UNREADABLE: "{name} is damaged or no PDF. Choose another file.",
    PdfFault.ENCRYPTED: "{name} is protected by a password. Save it without one.",
    PdfFault.PAGE_MISSING: "{name} has only {n} pages.",
    PdfFault.PAGE_TOO_THIN: "A page of {name} is too long and thin. Leave it out.",
    PdfFault.TOO_EXPENSIVE: "{name} takes too long to draw. Ask for fewer pages, or save it anew.",
}


@dataclass(frozen=True)
class Document:
    """A stored PDF, and those of its pages that were drawn, by their numbers from one."""

    file: Attachment
    page_count: int
    pages: dict[int, Attachment]

    @property
    def choice(self) -> str:
        """The pages as a person would write them."""
        numbers = list(self.pages)
        if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{numbers[0]}-{numbers[-1]}"
        return ", ".join(map(str, numbers))


class Uploads:
    """Takes files in; raises PageError that says what to change."""

    def __init__(
        self, pictures: Pictures, catalog: ModelCatalog, checks: FileChecks, max_pages: int
    ) -> None:
        self._pictures = pictures
        self._catalog = catalog
        self._checks = checks
        self._max_pages = max_pages
        self._rasterizer = Rasterizer()

    async def add(self, owner_id: str, upload: UploadFile, pages: str = "") -> Sequence[Attachment]:
        """Returns what the model is shown of a file; of a PDF, the pages that are named."""
        added = await self.take(owner_id, upload, pages)
        return [added] if isinstance(added, Attachment) else list(added.pages.values())

    async def take(
        self, owner_id: str, upload: UploadFile, pages: str = ""
    ) -> Attachment | Document:
        """Like `add`, but keeps a PDF, too, so that its pages can be chosen again."""
        data = await upload.read(self._checks.max_bytes + 1)
        name = upload.filename or translated("Picture")
        if sniff_mime(data) == PDF:
            file = await self._pictures.keep_pdf(owner_id, data, name)
            return await self._drawn(owner_id, file, data, pages)
        added = await self._pictures.keep(owner_id, data, name)
        if added.is_video and not await self.videos_supported():
            raise PageError(translated("This model takes no videos. Send pictures of them."))
        return added

    async def choose(self, owner_id: str, digest: str, pages: str) -> Document:
        """Draws other pages of a PDF that was kept; raises NotFoundError when it is gone."""
        file = await self._pictures.attachment(owner_id, digest)
        if file.mime != PDF:
            raise NotFoundError
        return await self._drawn(owner_id, file, await self._pictures.read(file), pages)

    async def videos_supported(self) -> bool:
        """Tells whether the model takes videos, as far as is known."""
        info = await self._catalog.current_or_none() or generator_pb2.GetModelInfoResponse()
        return media_pb2.MEDIA_KIND_VIDEO in info.media_kinds

    async def _drawn(self, owner_id: str, file: Attachment, data: bytes, words: str) -> Document:
        numbers = self._numbers(words)
        num_first = min(NUM_FIRST_PAGES, self._max_pages)
        try:
            drawn = await self._rasterizer.draw(data, numbers, num_first)
        except PdfError as error:
            sentence = _FAULTS[error.fault]
            raise PageError(translated(sentence, name=file.name, n=error.page_count)) from None
        pages = {
            number: await self._pictures.keep(owner_id, picture, _page_name(file.name, number))
            for number, picture in drawn.pictures.items()
        }
        return Document(file, drawn.page_count, pages)

    def _numbers(self, words: str) -> list[int]:
        if not words.strip():
            return []
        try:
            return parse_pages(words, self._max_pages)
        except PageChoiceError:
            sentence = "Write pages like 1-3, 5; at most {n} of them."
            raise PageError(translated(sentence, n=self._max_pages)) from None


def _page_name(name: str, number: int) -> str:
    return translated("{name}, page {n}", name=name, n=number)
