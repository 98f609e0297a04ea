"""What the composer sends."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from sightline_web.chat.errors import PageError
from sightline_web.chat.examples import Example, example_named
from sightline_web.chat.settings import ChatSettings, from_form
from sightline_web.language import translated

MAX_FILES = 32
MAX_FIELDS = 128
MAX_TEXT_BYTES = 2 * 1024 * 1024
MAX_SMALL_FIELDS = 8
MAX_SMALL_FIELD_BYTES = 16 * 1024
"""Room for the longest password, each byte of which may be written as three."""


@dataclass(frozen=True)
class QuestionForm:
    """A question: text, files that travel along, an example, pictures that were uploaded before."""

    text: str
    files: tuple[UploadFile, ...]
    example: Example | None
    digests: tuple[str, ...]
    settings: ChatSettings
    pages: str = ""
    """Which pages of a PDF among the files are meant."""


def open_form(request: Request) -> AbstractAsyncContextManager[FormData]:
    """Parses a form within limits, and closes its files at the end.

    Raises HTTPException 400 beyond the limits.
    """
    return request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT_BYTES)


def open_small_form(request: Request) -> AbstractAsyncContextManager[FormData]:
    """Like `open_form`, for the few short fields of a form that is open to everybody."""
    return request.form(
        max_files=0, max_fields=MAX_SMALL_FIELDS, max_part_size=MAX_SMALL_FIELD_BYTES
    )


def read_question(form: FormData) -> QuestionForm:
    """Reads the composer; raises PageError."""
    text = read_text(form)
    digests = tuple(dict.fromkeys(str(value) for value in form.getlist("attachment")))
    files = chosen_files(form)
    example = example_named(str(form.get("example", "")))
    if not (text or digests or files or example):
        raise PageError(translated("Write a question or add a picture."))
    pages = str(form.get("pages", ""))
    return QuestionForm(text, files, example, digests, from_form(form), pages)


def read_text(form: FormData) -> str:
    """Returns a question's words."""
    return str(form.get("text", "")).replace("\r\n", "\n").strip()


def chosen_files(form: FormData) -> tuple[UploadFile, ...]:
    """Returns the files; a browser sends an empty nameless one when none was chosen."""
    entries = form.getlist("files")
    return tuple(entry for entry in entries if isinstance(entry, UploadFile) and entry.filename)
