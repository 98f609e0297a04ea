"""How large a picture a checkpoint's processor lets through unshrunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline_common.checkpoint import IMAGE_PROCESSOR_FILE, PROCESSOR_FILE

PROCESSOR_FILES = (PROCESSOR_FILE, IMAGE_PROCESSOR_FILE)
"""The image processor's settings lie in either, or in both."""


def write_raised(path: Path, target: Path, pixels: int) -> None:
    """Writes a processor's file with room for so many pixels, unless it has more already."""
    raised = with_pixels(json.loads(path.read_text("utf-8")), pixels)
    target.write_text(json.dumps(raised, indent=2) + "\n", "utf-8")


def with_pixels(values: Mapping[str, Any], pixels: int) -> dict[str, Any]:
    """Returns a processor's settings, or those of all media, with a raised bound of pictures."""
    if "image_processor" in values:
        return {**values, "image_processor": with_pixels(values["image_processor"], pixels)}
    # The processor counts both frames of a temporal patch.
    longest = max(values["size"]["longest_edge"], values["temporal_patch_size"] * pixels)
    return {**values, "size": {**values["size"], "longest_edge": longest}}
