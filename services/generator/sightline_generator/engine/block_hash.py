"""What identifies the content of a full KV block: everything that its keys and values depend on."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline_generator.engine.sequence import Sequence

HASH_BYTES = 32


def extend_block_hashes(sequence: Sequence, block_size: int) -> None:
    """Appends the hashes of the blocks that the sequence's tokens have filled since.

    A hash covers its parent's hash, the block's token ids, and content and place of every
    medium that it touches. The first one's parent stands for adapter and salt. Position
    ids follow from tokens and grids, and a medium's content names its grid.
    """
    hashes = sequence.block_hashes
    parent = hashes[-1] if hashes else _root(sequence)
    num_known = len(sequence.token_ids)
    for start in range(len(hashes) * block_size, num_known - block_size + 1, block_size):
        parent = _digest(
            parent,
            array("q", sequence.token_ids[start : start + block_size]).tobytes(),
            *_media(sequence, start, start + block_size),
        )
        hashes.append(parent)


def _root(sequence: Sequence) -> bytes:
    return _digest(sequence.adapter.encode(), sequence.salt.encode())


def _media(sequence: Sequence, start: int, end: int) -> Iterator[bytes]:
    for span in sequence.feature_spans:
        if span.offset < end and start < span.end:
            yield span.content.encode()
            yield array("q", [span.offset - start, span.length]).tobytes()


def _digest(*parts: bytes) -> bytes:
    """Hashes parts so that no other parts give the same bytes: each goes with its length."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
