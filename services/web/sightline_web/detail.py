"""How closely a picture is looked at."""

from __future__ import annotations

from sightline.type.v1 import media_pb2

from sightline_web.openai.messages import LOW_DETAIL_PIXELS

DETAILS = ("auto", "low", "high")


def media_options(detail: str) -> media_pb2.MediaOptions:
    """Returns the options of a `detail`; "auto" and "high" are the model's own budget."""
    if detail == "low":
        return media_pb2.MediaOptions(max_pixel_count=LOW_DETAIL_PIXELS)
    return media_pb2.MediaOptions()
