"""Which files a person may send."""

from __future__ import annotations

from dataclasses import dataclass

from sightline_web.chat.errors import PageError
from sightline_web.config import WebSettings
from sightline_web.language import translated
from sightline_web.store.pictures import PDF, sniff_mime

UNKNOWN_KIND = "{name} is not a picture of a known kind: PNG, JPEG, WebP, GIF or PDF."


@dataclass(frozen=True)
class FileChecks:
    """Bounds in bytes. Each check returns a file's type by its first bytes, or raises PageError."""

    max_image_bytes: int
    max_video_bytes: int
    max_pdf_bytes: int

    @classmethod
    def of(cls, settings: WebSettings) -> FileChecks:
        return cls(settings.max_image_bytes, settings.max_video_bytes, settings.max_pdf_bytes)

    @property
    def max_bytes(self) -> int:
        """The size of the largest file of any kind."""
        return max(self.max_image_bytes, self.max_video_bytes, self.max_pdf_bytes)

    def medium(self, data: bytes, name: str) -> str:
        """Checks a picture or a video."""
        mime = sniff_mime(data) or ""
        is_video = mime.startswith("video/")
        _check_size(data, name, self.max_video_bytes if is_video else self.max_image_bytes)
        if not (is_video or mime.startswith("image/")):
            raise PageError(translated(UNKNOWN_KIND, name=name))
        return mime

    def pdf(self, data: bytes, name: str) -> str:
        """Checks a PDF from outside; what is inside is seen when it is drawn."""
        _check_size(data, name, self.max_pdf_bytes)
        if sniff_mime(data) != PDF:
            raise PageError(translated(UNKNOWN_KIND, name=name))
        return PDF


def _check_size(data: bytes, name: str, max_bytes: int) -> None:
    if not data:
        raise PageError(translated("{name} is empty. Choose another file.", name=name))
    if len(data) > max_bytes:
        mebibytes = max(1, max_bytes // 2**20)
        sentence = "{name} is larger than {n} MiB. Choose a smaller file."
        raise PageError(translated(sentence, name=name, n=mebibytes), 413)
