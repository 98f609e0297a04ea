"""A request's messages, from OpenAI's JSON to the generator's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2

from sightline_web.openai.errors import ApiError, unsupported
from sightline_web.openai.fields import Fields, wrong_type
from sightline_web.openai.images import PICTURE, VIDEO, inline_bytes
from sightline_web.openai.strict_json import Json

LOW_DETAIL_PIXELS = 336 * 336
"""The pixel budget of `detail: "low"`: at most 144 tokens a picture."""

_ROLES = {
    "system": generator_pb2.ROLE_SYSTEM,
    "developer": generator_pb2.ROLE_SYSTEM,
    "user": generator_pb2.ROLE_USER,
    "assistant": generator_pb2.ROLE_ASSISTANT,
}
_TILINGS = {
    "whole": media_pb2.TILING_UNSPECIFIED,
    "tiled": media_pb2.TILING_TILED,
}
_DETAILS = {"auto", "high", "low", "original"}
_OTHER_PARTS = {"input_audio", "audio_url", "video", "file", "file_url", "refusal"}


@dataclass(frozen=True)
class MessageReader:
    """Reads messages within limits."""

    max_image_bytes: int
    max_message_count: int
    max_video_bytes: int = 0

    def read(self, request: Fields) -> list[generator_pb2.Message]:
        """Returns the conversation; raises ApiError that names the place at fault."""
        request.required("messages")
        entries = request.array("messages") or []
        if not 1 <= len(entries) <= self.max_message_count:
            raise ApiError(
                f"messages must have from 1 to {self.max_message_count} entries.",
                code="value_out_of_range",
                param="messages",
            )
        return [
            self._message(Fields.of(entry, f"messages[{index}]"))
            for index, entry in enumerate(entries)
        ]

    def _message(self, fields: Fields) -> generator_pb2.Message:
        for key in ("tool_calls", "function_call", "audio"):
            if fields.get(key):
                raise unsupported(fields.name(key), f"{key} cannot be used with this model.")
        role = _role(fields)
        reasoning = fields.text("reasoning_content") or fields.text("reasoning") or ""
        return generator_pb2.Message(
            role=role,
            parts=list(self._parts(fields)),
            reasoning=reasoning if role == generator_pb2.ROLE_ASSISTANT else "",
            name=fields.text("name") or "",
        )

    def _parts(self, fields: Fields) -> Iterator[generator_pb2.Part]:
        content = fields.required("content")
        name = fields.name("content")
        if isinstance(content, str):
            yield generator_pb2.Part(text=content)
        elif isinstance(content, list) and content:
            for index, entry in enumerate(content):
                yield self._part(Fields.of(entry, f"{name}[{index}]"))
        else:
            raise wrong_type(name, "a string or a list of parts")

    def _part(self, fields: Fields) -> generator_pb2.Part:
        fields.required("type")
        match fields.text("type"):
            case "text":
                fields.required("text")
                return generator_pb2.Part(text=fields.text("text") or "")
            case "image_url":
                return generator_pb2.Part(media=self._image(fields))
            case "video_url":
                return generator_pb2.Part(media=self._video(fields))
            case other if other in _OTHER_PARTS:
                raise unsupported(fields.path, f"Parts of type {other!r} are not supported.")
        raise ApiError(
            "A part's type must be text, image_url or video_url.", param=fields.name("type")
        )

    def _image(self, fields: Fields) -> generator_pb2.Media:
        url, options = _image_reference(fields)
        return generator_pb2.Media(
            kind=media_pb2.MEDIA_KIND_IMAGE,
            data=inline_bytes(url, PICTURE, fields.path, self.max_image_bytes),
            options=options,
        )

    def _video(self, fields: Fields) -> generator_pb2.Media:
        url = _video_reference(fields)
        return generator_pb2.Media(
            kind=media_pb2.MEDIA_KIND_VIDEO,
            data=inline_bytes(url, VIDEO, fields.path, self.max_video_bytes),
        )


def _role(fields: Fields) -> generator_pb2.Role:
    fields.required("role")
    role = fields.text("role")
    if role in ("tool", "function"):
        raise unsupported(fields.name("role"), f"Messages of role {role!r} are not supported yet.")
    if role not in _ROLES:
        raise ApiError(f"role must be one of {', '.join(_ROLES)}.", param=fields.name("role"))
    return _ROLES[role]


def _video_reference(fields: Fields) -> str:
    value: Json = fields.required("video_url")
    if isinstance(value, str):
        return value
    video = Fields.of(value, fields.name("video_url"))
    video.required("url")
    return video.text("url") or ""


def _image_reference(fields: Fields) -> tuple[str, media_pb2.MediaOptions]:
    value: Json = fields.required("image_url")
    if isinstance(value, str):
        return value, media_pb2.MediaOptions()
    image = Fields.of(value, fields.name("image_url"))
    image.required("url")
    return image.text("url") or "", _media_options(image)


def _media_options(image: Fields) -> media_pb2.MediaOptions:
    """Reads `detail`, and extensions, of which `max_pixel_count` wins over it."""
    detail, tiling = image.text("detail") or "auto", image.text("tiling") or "whole"
    if detail not in _DETAILS:
        raise ApiError("detail must be auto, low or high.", param=image.name("detail"))
    if tiling not in _TILINGS:
        raise ApiError("tiling must be whole or tiled.", param=image.name("tiling"))
    pixels = image.integer("max_pixel_count", minimum=1)
    if pixels is None and detail == "low":
        pixels = LOW_DETAIL_PIXELS
    return media_pb2.MediaOptions(
        max_pixel_count=pixels,
        tiling=_TILINGS[tiling],
        similar_allowed=bool(image.boolean("similar_allowed")),
    )
