"""Features as they arrive: checked before memory is taken, and again when they are complete."""

from __future__ import annotations

import asyncio

import numpy as np
import torch
from sightline.encoder.v1 import encoder_pb2
from sightline_common.checksum import Checksum
from sightline_common.digest import sha256_digest
from sightline_common.errors import ModelMismatchError, PayloadCorruptError, PromptTooLongError
from sightline_common.tensors import first_tensor, spec_byte_count

from sightline_generator.families.base import Family, MediumGrid
from sightline_generator.finite_scan import FiniteScan
from sightline_generator.media import EncodedMedium

MAX_SECONDS = 1e6
MAX_TOKENS = 2**20
"""Beyond what any medium has; of a grid's sides too."""
MAX_TENSORS, MAX_DIMENSIONS = 16, 8


class FeatureReceiver:
    """Takes one header and its chunks; every byte is copied once, to where it stays."""

    def __init__(
        self,
        header: encoder_pb2.FeatureHeader,
        fingerprint: str,
        family: Family,
        *,
        header_only: bool = False,
    ) -> None:
        """Takes memory for the chunks, unless only the header was wanted.

        Raises ModelMismatchError, PayloadCorruptError for a header that cannot be true, and
        PromptTooLongError for features that no prompt of the model has room for.
        """
        self.header = header
        self._grid = _grid(header)
        tensor_bytes = _check_header(header, self._grid, fingerprint, family)
        if not header_only:
            _check_room(header, family.shape.max_positions)
        # Uninitialised memory: every byte of it is written, or the length is found wrong.
        storage = np.empty(0 if header_only else header.payload_byte_count, np.uint8)
        self._payload = storage.data
        self._num_bytes = 0
        self._checksum = Checksum()
        self._scan = None if header_only else FiniteScan(header.tensors[0], storage[:tensor_bytes])

    def add(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes; raises PayloadCorruptError when they are too many."""
        begin, end = self._num_bytes, self._num_bytes + len(chunk)
        if end > len(self._payload):
            raise PayloadCorruptError(f"More than {len(self._payload)} payload bytes came.")
        room = self._payload[begin:end]
        room[:] = chunk
        # While they lie in the processor's cache: another thread would fetch them again.
        self._checksum.update(room)
        if self._scan is not None:
            self._scan.advance(end)
        self._num_bytes = end

    async def features(self) -> torch.Tensor:
        """Returns [token_count, hidden_size]; raises PayloadCorruptError."""
        num_bytes, expected = self._num_bytes, len(self._payload)
        if num_bytes != expected:
            raise PayloadCorruptError(f"Expected {expected} bytes, received {num_bytes}.")
        features = first_tensor(self.header.tensors[0], self._payload)
        if not await self._is_undamaged():
            raise PayloadCorruptError("The features do not have the stated digest.")
        if self._scan is None or not self._scan.is_finite:
            raise PayloadCorruptError("The features are not finite numbers.")
        return features

    async def _is_undamaged(self) -> bool:
        stated = self.header.payload_checksum
        if stated:
            return self._checksum.text() == stated
        # An encoder of an earlier version.
        digest = await asyncio.to_thread(sha256_digest, self._payload)
        return digest == self.header.payload_digest

    def encoded(self, features: torch.Tensor | None) -> EncodedMedium:
        """Returns what the encoder said, with features unless only the header was wanted."""
        header = self.header
        similar = header.HasField("similar_distance")
        return EncodedMedium(
            features=features,
            grid=self._grid,
            num_tokens=header.token_count,
            feature_key=header.feature_key,
            source=header.source,
            similar_distance=header.similar_distance if similar else None,
            timestamps=tuple(header.frame_timestamps),
        )


def _check_header(
    header: encoder_pb2.FeatureHeader, grid: MediumGrid, fingerprint: str, family: Family
) -> int:
    """Checks what says how much memory the payload will take; returns the features' bytes."""
    if header.checkpoint_fingerprint != fingerprint:
        raise ModelMismatchError(
            "The encoder serves another checkpoint than this generator.",
            metadata={"encoder": header.checkpoint_fingerprint, "own": fingerprint},
        )
    sizes = (grid.time, grid.height, grid.width)
    if max(*sizes, header.token_count) > MAX_TOKENS:
        raise PayloadCorruptError(f"No medium has a grid of {sizes} patches.")
    if min(sizes) < 1 or family.token_count(grid) != header.token_count:
        raise PayloadCorruptError(
            f"A grid of {sizes} patches does not have {header.token_count} tokens."
        )
    _check_timestamps(header)
    shape = [header.token_count, family.shape.hidden_size]
    specs = header.tensors
    if not specs or specs[0].name != "features" or list(specs[0].shape) != shape:
        raise PayloadCorruptError(f"The first tensor is not features of shape {shape}.")
    return _checked_bytes(header)


def _checked_bytes(header: encoder_pb2.FeatureHeader) -> int:
    """Returns the bytes of the first tensor.

    Further tensors may lie beside the features, but no more than as much again.
    """
    specs = header.tensors
    if len(specs) > MAX_TENSORS or any(len(spec.shape) > MAX_DIMENSIONS for spec in specs):
        raise PayloadCorruptError("The payload has more tensors or dimensions than any has.")
    sizes = list(map(spec_byte_count, specs))
    if sum(sizes) != header.payload_byte_count or sum(sizes) > 2 * sizes[0]:
        raise PayloadCorruptError("The tensors do not have the stated size.")
    return sizes[0]


def _check_room(header: encoder_pb2.FeatureHeader, max_positions: int) -> None:
    if header.token_count >= max_positions:
        raise PromptTooLongError(
            f"A picture or video has {header.token_count} tokens; the model has {max_positions} "
            "positions. Send a smaller or shorter one.",
            field="messages",
            metadata={
                "prompt_token_count": str(header.token_count),
                "max_prompt_token_count": str(max_positions - 1),
            },
        )


def _check_timestamps(header: encoder_pb2.FeatureHeader) -> None:
    """A picture has no times, a video one for each frame group: they become its prompt."""
    times = header.frame_timestamps
    if not times:
        return
    if len(times) != header.grid.time_count:
        raise PayloadCorruptError("The frame groups do not have one time each.")
    if not all(0 <= seconds < MAX_SECONDS for seconds in times):
        raise PayloadCorruptError("A frame group's time is none.")


def _grid(header: encoder_pb2.FeatureHeader) -> MediumGrid:
    grid = header.grid
    return MediumGrid(grid.time_count, grid.height_count, grid.width_count)
