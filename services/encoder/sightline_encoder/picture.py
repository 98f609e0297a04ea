"""The decoder of still pictures, for a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from sightline_encoder.decoded import Decoded
from sightline_encoder.image import MediaLimits, decode_image
from sightline_encoder.resizing import Resizing


def decode(data: bytes, options: Mapping[str, Any]) -> Decoded:
    """Returns one plane, RGB as uint8 [height, width, 3], resized if `options` say so.

    The facts are the upright `width` and `height` before resizing. Raises MediaError.
    """
    image = decode_image(data, MediaLimits(**options["limits"]))
    resizing = options["resizing"]
    shown = np.asarray(image) if resizing is None else Resizing(**resizing).apply(image)
    return Decoded([shown], {"width": image.width, "height": image.height})


def picture_options(limits: MediaLimits, resizing: Resizing | None) -> dict[str, Any]:
    """Returns the options of `decode` in a form that JSON can say."""
    return {
        "limits": asdict(limits),
        "resizing": None if resizing is None else asdict(resizing),
    }
