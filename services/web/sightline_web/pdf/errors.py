"""Why a PDF cannot be used."""

from __future__ import annotations

from enum import StrEnum


class PdfFault(StrEnum):
    """What is wrong with a file, or with the pages that were asked for."""

    UNREADABLE = "UNREADABLE"
    ENCRYPTED = "ENCRYPTED"
    PAGE_MISSING = "PAGE_MISSING"
    PAGE_TOO_THIN = "PAGE_TOO_THIN"
    TOO_EXPENSIVE = "TOO_EXPENSIVE"
    BUSY = "BUSY"
    """Nothing is wrong with the file; too many others wait."""


class PdfError(Exception):
    """Means that a PDF has a fault; `page_count` is known where the file could be opened."""

    def __init__(self, fault: PdfFault, page_count: int = 0) -> None:
        super().__init__(fault)
        self.fault = fault
        self.page_count = page_count
