"""What a decoder makes of a file: planes of samples, and facts about them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
"""Samples of 8 bits: uint8 [height, width, channels] for a picture, any shape otherwise."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The planes of a file, and facts that JSON can say."""

    planes: Sequence[Plane]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Decoder(Protocol):
    """Turns a file's bytes into planes.

    A decoder is the function `decode` of a module, so that a worker process can be told
    which one by name. `options` are what JSON can say. It raises MediaError for a file that
    cannot be used.
    """

    def __call__(self, data: bytes, options: Mapping[str, Any]) -> Decoded: ...


Decode = Callable[[str, bytes, Mapping[str, Any]], Decoded]
"""Runs the decoder of a module, named first, on a file's bytes and options."""


def decode_here(decoder: str, data: bytes, options: Mapping[str, Any]) -> Decoded:
    """Runs a decoder in this process, for files that are trusted."""
    decode: Decoder = importlib.import_module(decoder).decode
    return decode(data, options)
