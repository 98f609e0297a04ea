"""From a checked request to a prompt with its features."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass

from sightline_common.errors import (
    InternalError,
    MediaBytesRequiredError,
    PromptTooLongError,
)

from sightline_generator.chat.prompt import Prompt, PromptBuilder, RenderedPrompt
from sightline_generator.conversion import PromptSource
from sightline_generator.engine.sequence import FeatureSpan
from sightline_generator.media import (
    BytesWantedError,
    EncodedMedium,
    MediaEncoder,
    Medium,
    checked_digest,
)
from sightline_generator.media_store import MediaStore


@dataclass(frozen=True)
class PreparedPrompt:
    """Holds a prompt, its media in the request's order, and the seconds spent on features."""

    prompt: Prompt
    media: list[Medium]
    encoded: list[EncodedMedium]
    encode_s: float

    @property
    def num_tokens(self) -> int:
        return len(self.prompt.token_ids)

    @property
    def num_image_tokens(self) -> int:
        return sum(placeholder.length for placeholder in self.prompt.ranges)

    def feature_spans(self) -> list[FeatureSpan]:
        """Places every medium's features."""
        spans = []
        ranges = zip(self.prompt.media_indices, self.prompt.ranges, strict=True)
        for index, placeholder in ranges:
            features = self.encoded[index].features
            if features is None or len(features) != placeholder.length:
                raise InternalError("A medium's features do not fill its placeholder range.")
            spans.append(FeatureSpan(placeholder.offset, features))
        return spans


class Preparation:
    """Renders, tokenises, and fetches features; only this much happens before the engine."""

    def __init__(
        self,
        builder: PromptBuilder,
        encoder: MediaEncoder,
        store: MediaStore,
        max_prompt_tokens: int,
    ) -> None:
        self._builder = builder
        self._encoder = encoder
        self._store = store
        self._max_prompt_tokens = max_prompt_tokens

    async def prepare(self, source: PromptSource, *, header_only: bool = False) -> PreparedPrompt:
        """Raises InvalidRequestError, MediaBytesRequiredError, and the encoder's errors."""
        rendered = await asyncio.to_thread(self._builder.render, source.conversation)
        if not header_only:
            # Every medium has a token at least: what is too long now stays too long.
            self._check_length(len(rendered.token_ids))
        media = self._with_stored(await asyncio.to_thread(_with_digests, source.media))
        started = time.monotonic()
        encoded = await self._encode_all(media, header_only=header_only)
        encode_s = time.monotonic() - started
        if not header_only:
            self._check_length(_num_tokens(rendered, encoded))
        grids = {index: medium.grid for index, medium in enumerate(encoded)}
        prompt = await asyncio.to_thread(self._builder.expand, rendered, grids)
        return PreparedPrompt(prompt, media, encoded, encode_s)

    def _check_length(self, num_tokens: int) -> None:
        if num_tokens > self._max_prompt_tokens:
            raise PromptTooLongError(
                f"The prompt has {num_tokens} tokens; at most {self._max_prompt_tokens} leave "
                "room for an answer. Shorten it, or send fewer or smaller pictures.",
                field="messages",
                metadata={
                    "prompt_token_count": str(num_tokens),
                    "max_prompt_token_count": str(self._max_prompt_tokens),
                },
            )

    def _with_stored(self, media: list[Medium]) -> list[Medium]:
        """Adds the bytes that the request or the store has for a digest."""
        known = {medium.digest: medium.data for medium in media if medium.data}
        return [
            dataclasses.replace(
                medium, data=known.get(medium.digest) or self._store.get(medium.digest)
            )
            for medium in media
        ]

    async def _encode_all(self, media: list[Medium], *, header_only: bool) -> list[EncodedMedium]:
        distinct = {medium.key: medium for medium in media}
        outcomes = await asyncio.gather(
            *(
                self._encoder.encode(medium, header_only=header_only)
                for medium in distinct.values()
            ),
            return_exceptions=True,
        )
        by_key = dict(zip(distinct, outcomes, strict=True))
        _raise_failures(distinct, by_key)
        encoded = [by_key[medium.key] for medium in media]
        return [outcome for outcome in encoded if isinstance(outcome, EncodedMedium)]


def _with_digests(media: list[Medium]) -> list[Medium]:
    return [
        medium
        if medium.data is None
        else dataclasses.replace(
            medium, digest=checked_digest(medium.data, medium.digest, medium.field)
        )
        for medium in media
    ]


def _num_tokens(rendered: RenderedPrompt, encoded: list[EncodedMedium]) -> int:
    return len(rendered.token_ids) + sum(medium.num_tokens - 1 for medium in encoded)


def _raise_failures(
    media: dict[tuple[str, bytes], Medium],
    outcomes: dict[tuple[str, bytes], EncodedMedium | BaseException],
) -> None:
    missing: dict[str, str] = {}
    for key, outcome in outcomes.items():
        if isinstance(outcome, BytesWantedError):
            missing.setdefault(media[key].digest, media[key].field)
        elif isinstance(outcome, BaseException):
            raise outcome
    if missing:
        raise MediaBytesRequiredError(
            f"The bytes of {len(missing)} media are needed; send them or store them first.",
            field=next(iter(missing.values())),
            metadata={"digests": ",".join(missing)},
        )
