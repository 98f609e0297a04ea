"""Rows of features while their bytes come."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import TensorLayout

from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.finite_scan import FiniteScan


class ArrivingRows:
    """Cuts the chunks of a payload, which features begin, into parts of whole rows.

    A part stays in the memory of its chunk if nobody can write there and its elements begin
    where a processor wants them. A row that two chunks share is put together. What comes
    behind the features is counted only.
    """

    def __init__(self, layout: TensorLayout, num_bytes: int, *, looked_at: bool) -> None:
        """Takes how the features lie, [num_rows, hidden_size], and the payload's bytes.

        Features that were not `looked_at` when they were computed are scanned as they come.
        Raises PayloadCorruptError for integers.
        """
        self.scan = FiniteScan(layout.dtype)
        self._looked_at = looked_at
        self._dtype, self._hidden_size = layout.dtype, layout.shape[1]
        self._row_bytes = layout.num_bytes // layout.shape[0]
        self._num_lacking = layout.num_bytes
        self._payload_bytes = num_bytes
        self._num_came = 0
        self._begun = bytearray()
        self._parts: list[torch.Tensor] = []

    @property
    def is_complete(self) -> bool:
        """Whether no bytes of the payload are missing."""
        return self._num_came == self._payload_bytes

    def add(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes; raises PayloadCorruptError when they are too many."""
        self._num_came += len(chunk)
        if self._num_came > self._payload_bytes:
            raise PayloadCorruptError(f"More than {self._payload_bytes} payload bytes came.")
        coming = memoryview(chunk)[: self._num_lacking]
        self._num_lacking -= len(coming)
        if self._begun:
            coming = self._finish_row(coming)
        num_whole = len(coming) - len(coming) % self._row_bytes
        if num_whole:
            self._take(coming[:num_whole])
        self._begun += coming[num_whole:]

    def rows(self) -> FeatureRows:
        """Returns all rows; raises PayloadCorruptError while bytes are missing."""
        if not self.is_complete:
            raise PayloadCorruptError(
                f"Expected {self._payload_bytes} bytes, received {self._num_came}."
            )
        return FeatureRows(tuple(self._parts))

    def _finish_row(self, coming: memoryview) -> memoryview:
        """Puts the row together that has begun, as far as its bytes are there; returns the rest."""
        num_missing = self._row_bytes - len(self._begun)
        self._begun += coming[:num_missing]
        if len(self._begun) == self._row_bytes:
            begun, self._begun = self._begun, bytearray()
            self._take(memoryview(begun))
        return coming[num_missing:]

    def _take(self, rows: memoryview) -> None:
        elements = np.frombuffer(rows, self.scan.element)
        if elements.flags.writeable or not elements.flags.aligned:
            elements = elements.copy()
        if not self._looked_at:
            # While they lie in the processor's cache: another thread would fetch them again.
            self.scan.look(elements)
        part = torch.frombuffer(elements, dtype=self._dtype)
        self._parts.append(part.view(-1, self._hidden_size))


with warnings.catch_warnings():
    # torch says once a process that its tensors know no memory that is for reading only.
    warnings.simplefilter("ignore")
    torch.frombuffer(b"x", dtype=torch.uint8)
