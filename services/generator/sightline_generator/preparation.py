"""From a checked request to a prompt with its features."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from dataclasses import dataclass

from sightline_common import tracing
from sightline_common.errors import (
    InternalError,
    MediaBytesRequiredError,
    PayloadCorruptError,
    PromptTooLongError,
)

from sightline_generator.chat.prompt import Prompt, PromptBuilder, RenderedPrompt
from sightline_generator.conversion import PromptSource
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.sequence import FeatureSpan
from sightline_generator.families.base import MediaKind, PlaceholderRange
from sightline_generator.media import (
    BytesWantedError,
    EncodedMedium,
    MediaEncoder,
    Medium,
    MediumKey,
    checked_digest,
)
from sightline_generator.media_index import MediaIndex
from sightline_generator.media_store import MediaStore


class FeaturesChangedError(Exception):
    """Means that a medium has other features now than when its prompt was laid out.

    Never leaves this service.
    """


@dataclass
class PreparedPrompt:
    """Holds a prompt and its media in the request's order, some perhaps without features.

    `encode_s` sums the seconds spent on the encoder.
    """

    prompt: Prompt
    media: list[Medium]
    encoded: list[EncodedMedium]
    encode_s: float

    @property
    def num_tokens(self) -> int:
        return len(self.prompt.token_ids)

    def num_feature_tokens(self, kind: MediaKind) -> int:
        """Counts the tokens that stand for media of a kind."""
        ranges = zip(self.prompt.media_indices, self.prompt.ranges, strict=True)
        return sum(taken.length for index, taken in ranges if self.media[index].kind is kind)

    def take_feature_spans(self) -> list[FeatureSpan]:
        """Places every medium; the features that are at hand move into the spans."""
        self._check_filled()
        ranges = zip(self.prompt.media_indices, self.prompt.ranges, strict=True)
        spans = [_feature_span(placeholder, self.encoded[index]) for index, placeholder in ranges]
        self.encoded = [medium.without_features(medium.source) for medium in self.encoded]
        return spans

    def _check_filled(self) -> None:
        lengths: Counter[int] = Counter()
        for index, placeholder in zip(self.prompt.media_indices, self.prompt.ranges, strict=True):
            lengths[index] += placeholder.length
        if any(self.encoded[index].num_tokens != length for index, length in lengths.items()):
            raise InternalError("A medium's features do not fill its placeholder ranges.")


class Preparation:
    """Renders, tokenises, and fetches features; only this much happens before the engine."""

    def __init__(
        self,
        builder: PromptBuilder,
        encoder: MediaEncoder,
        store: MediaStore,
        index: MediaIndex,
        max_prompt_tokens: int,
    ) -> None:
        self._builder = builder
        self._encoder = encoder
        self._store = store
        self._index = index
        self._max_prompt_tokens = max_prompt_tokens

    async def prepare(self, source: PromptSource) -> PreparedPrompt:
        """Returns a prompt with the features of those media that were never seen before.

        Raises InvalidRequestError, MediaBytesRequiredError, and the encoder's errors.
        """
        rendered = await asyncio.to_thread(self._builder.render, source.conversation)
        # Every medium has a token at least: what is too long now stays too long.
        self._check_length(len(rendered.token_ids))
        media = await self._complete(source.media)
        return await self._laid_out(rendered, media, header_only=False)

    async def count(self, source: PromptSource) -> PreparedPrompt:
        """Returns a prompt of any length without features; raises as `prepare`."""
        rendered = await asyncio.to_thread(self._builder.render, source.conversation)
        media = await self._complete(source.media)
        return await self._laid_out(rendered, media, header_only=True)

    async def fetch(self, prepared: PreparedPrompt, spans: list[int]) -> dict[int, FeatureRows]:
        """Returns the features of some of a prompt's spans, by the index of the span.

        Raises FeaturesChangedError, MediaBytesRequiredError, and the encoder's errors.
        """
        wanted = {index: prepared.prompt.media_indices[index] for index in spans}
        media = [prepared.media[index] for index in wanted.values()]
        started = time.monotonic()
        encoded = await self._encode_all(media, header_only=False)
        prepared.encode_s += time.monotonic() - started
        features = {}
        for (span, index), medium in zip(wanted.items(), encoded, strict=True):
            if medium.content != prepared.encoded[index].content:
                raise FeaturesChangedError
            prepared.encoded[index] = medium.without_features(medium.source)
            features[span] = _features_of(medium, prepared.prompt.ranges[span])
        return features

    async def _complete(self, media: list[Medium]) -> list[Medium]:
        return self._with_stored(await asyncio.to_thread(_with_digests, media))

    async def _laid_out(
        self, rendered: RenderedPrompt, media: list[Medium], *, header_only: bool
    ) -> PreparedPrompt:
        known = [self._index.get(medium) for medium in media]
        unknown = [medium for medium, entry in zip(media, known, strict=True) if entry is None]
        started = time.monotonic()
        fetched = iter(await self._encode_all(unknown, header_only=header_only))
        encode_s = time.monotonic() - started
        encoded = [entry or next(fetched) for entry in known]
        _check_timed(media, encoded)
        shapes = {index: medium.shape for index, medium in enumerate(encoded)}
        if not header_only:
            self._check_length(self._builder.num_tokens(rendered, shapes))
        prompt = await asyncio.to_thread(self._builder.expand, rendered, shapes)
        return PreparedPrompt(prompt, media, encoded, encode_s)

    def _check_length(self, num_tokens: int) -> None:
        if num_tokens > self._max_prompt_tokens:
            raise PromptTooLongError(
                f"The prompt has {num_tokens} tokens; at most {self._max_prompt_tokens} leave "
                "room for an answer. Shorten it, or send fewer, smaller or shorter media.",
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
                medium,
                data=known.get(medium.digest) or self._store.get(medium.digest, medium.salt),
            )
            for medium in media
        ]

    async def _encode_all(self, media: list[Medium], *, header_only: bool) -> list[EncodedMedium]:
        if not media:
            return []
        distinct = {medium.key: medium for medium in media}
        with tracing.span("encode") as opened:
            opened.set(media_count=len(distinct), header_only=header_only)
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
        checked = [outcome for outcome in encoded if isinstance(outcome, EncodedMedium)]
        for medium, outcome in zip(media, checked, strict=True):
            self._index.put(medium, outcome)
        return checked


def _feature_span(placeholder: PlaceholderRange, encoded: EncodedMedium) -> FeatureSpan:
    """Places a range's features; of those that are not at hand, none or the last ones are."""
    start, end = placeholder.feature_offset, placeholder.feature_offset + placeholder.length
    whole = placeholder.length == encoded.num_tokens
    content = encoded.content if whole else f"{encoded.content} from {start}"
    features = None
    if encoded.features is not None:
        lacking = encoded.num_tokens - len(encoded.features)
        features = encoded.features.rows(start - lacking, end - lacking)
    if features is not None and not len(features):
        features = None
    return FeatureSpan(placeholder.offset, placeholder.length, content, features)


def _features_of(encoded: EncodedMedium, placeholder: PlaceholderRange) -> FeatureRows:
    start, end = placeholder.feature_offset, placeholder.feature_offset + placeholder.length
    if encoded.features is None or not end <= len(encoded.features) == encoded.num_tokens:
        raise InternalError("A medium's features do not fill its placeholder ranges.")
    return encoded.features.rows(start, end)


def _check_timed(media: list[Medium], encoded: list[EncodedMedium]) -> None:
    """Raises PayloadCorruptError unless videos, and only they, say when their groups begin."""
    for medium, shown in zip(media, encoded, strict=True):
        if bool(shown.timestamps) != (medium.kind is MediaKind.VIDEO):
            raise PayloadCorruptError("The encoder took a picture for a video, or the reverse.")


def _with_digests(media: list[Medium]) -> list[Medium]:
    return [
        medium
        if medium.data is None
        else dataclasses.replace(
            medium, digest=checked_digest(medium.data, medium.digest, medium.field)
        )
        for medium in media
    ]


def _raise_failures(
    media: dict[MediumKey, Medium], outcomes: dict[MediumKey, EncodedMedium | BaseException]
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
