"""Files as they come from a person: pictures and videos are kept, pages of PDFs drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import UploadFile

from sightline_web.catalog import ModelCatalog
from sightline_web.chat.errors import PageError
from sightline_web.chat.file_checks import FileChecks
from sightline_web.chat.pictures import MAX_NAME_LENGTH, Pictures
from sightline_web.language import translated
from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.page_choice import PageChoiceError, parse_pages
from sightline_web.pdf.rasterizer import PdfPages, Rasterizer
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
    PdfFault.BUSY: "Too many PDFs are being drawn. Try {name} again in a moment.",
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
        """Keeps a file, and of a PDF the pages that are named; others can be chosen later."""
        data = await upload.read(self._checks.max_bytes + 1)
        name = (upload.filename or translated("Picture"))[-MAX_NAME_LENGTH:]
        if sniff_mime(data) == PDF:
            self._checks.pdf(data, name)
            drawn = await self._draw(data, name, pages)
            file = await self._pictures.keep_pdf(owner_id, data, name)
            return await self._document(owner_id, file, drawn)
        is_video = self._checks.medium(data, name).startswith("video/")
        if is_video and not await self.videos_supported():
            raise PageError(translated("This model takes no videos. Send pictures of them."))
        return await self._pictures.keep(owner_id, data, name)

    async def choose(self, owner_id: str, digest: str, pages: str) -> Document:
        """Draws other pages of a PDF that was kept; raises NotFoundError when it is gone."""
        file = await self._pictures.attachment(owner_id, digest)
        if file.mime != PDF:
            raise NotFoundError
        drawn = await self._draw(await self._pictures.read(file), file.name, pages)
        return await self._document(owner_id, file, drawn)

    async def videos_supported(self) -> bool:
        """Tells whether the model takes videos, as far as is known."""
        await self._catalog.current_or_none()
        return self._catalog.takes_videos

    async def _draw(self, data: bytes, name: str, words: str) -> PdfPages:
        numbers = self._numbers(words)
        num_first = min(NUM_FIRST_PAGES, self._max_pages)
        try:
            return await self._rasterizer.draw(data, numbers, num_first)
        except PdfError as error:
            message = translated(_FAULTS[error.fault], name=name, n=error.page_count)
            status = 503 if error.fault is PdfFault.BUSY else 422
            raise PageError(message, status) from None

    async def _document(self, owner_id: str, file: Attachment, drawn: PdfPages) -> Document:
        pages = {
            number: await self._pictures.keep(owner_id, picture, _page_name(file.name, number))
            for number, picture in _different(drawn.pictures).items()
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


def _different(pictures: Mapping[int, bytes]) -> dict[int, bytes]:
    """Leaves out pages that look like one before: both would be one file of the store."""
    numbers: dict[bytes, int] = {}
    for number, picture in pictures.items():
        numbers.setdefault(picture, number)
    return {number: picture for picture, number in numbers.items()}


def _page_name(name: str, number: int) -> str:
    return translated("{name}, page {n}", name=name, n=number)
