"""One entry as one file: written whole or not at all, verified when read."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sightline_common.chunks import chunk_bounds
from sightline_common.errors import PayloadCorruptError

from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.feature_record import (
    PREAMBLE_BYTES,
    unpack_entry,
    unpack_head,
    unpack_preamble,
)
from sightline_encoder.payload import Payload

PART_SUFFIX = ".part"


def read_entry(path: Path, key: str, fingerprint: str) -> FeatureEntry:
    """Returns the features that a file holds.

    Raises PayloadCorruptError unless every byte is as it was written for this key and
    feature fingerprint, and OSError.
    """
    with path.open("rb") as file:
        opening = file.read(PREAMBLE_BYTES)
        preamble = unpack_preamble(opening)
        # Before anything is allocated: the lengths are not proven yet.
        if os.fstat(file.fileno()).st_size != preamble.total_bytes:
            raise PayloadCorruptError("The entry's file has another length than it says.")
        record = unpack_head(opening + file.read(preamble.record_bytes), key, fingerprint)
        bounds = chunk_bounds(preamble.payload_bytes)
        return unpack_entry(record, (file.read(end - start) for start, end in bounds))


def write_entry(path: Path, head: bytes, payload: Payload) -> None:
    """Puts an entry in place of any earlier one; raises OSError and leaves nothing then.

    Nothing is synced: a file that a power cut left torn fails its verification.
    """
    with _part(path.parent) as file:
        file.write(head)
        file.writelines(payload.chunks())
        file.flush()
        Path(file.name).replace(path)


def remove_orphan(part: Path) -> None:
    """Removes a half-written file whose writer is gone; a living writer holds its lock."""
    with suppress(OSError), part.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()


@contextmanager
def _part(folder: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(suffix=PART_SUFFIX, dir=folder)
    os.close(descriptor)
    try:
        with Path(name).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
