"""Proto messages to the generator's own types and back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from google.protobuf import duration_pb2
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2

from sightline_generator.chat.conversation import (
    Conversation,
    MediaPart,
    Message,
    Role,
    TextPart,
)
from sightline_generator.defaults import SamplingDefaults
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sampled import TokenLogprob
from sightline_generator.engine.sequence import SamplingParams
from sightline_generator.engine.stop import Finish, FinishReason, StopParams
from sightline_generator.families.base import MediaKind, MediumGrid
from sightline_generator.media import EncodedMedium, Medium
from sightline_generator.validation import PromptRequest

_ROLES: dict[generator_pb2.Role, Role] = {
    generator_pb2.ROLE_SYSTEM: "system",
    generator_pb2.ROLE_USER: "user",
    generator_pb2.ROLE_ASSISTANT: "assistant",
}
_FINISH_REASONS = {
    FinishReason.STOP: generator_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: generator_pb2.FINISH_REASON_LENGTH,
}


@dataclass(frozen=True)
class PromptSource:
    """Holds a conversation and the media that its parts stand for."""

    conversation: Conversation
    media: list[Medium]


def prompt_source(request: PromptRequest) -> PromptSource:
    """Takes a checked request's messages apart into text and media."""
    media: list[Medium] = []
    messages = tuple(
        _message(message, f"messages[{index}]", media, request.media_first)
        for index, message in enumerate(request.messages)
    )
    salted = [replace(medium, salt=request.cache_salt) for medium in media]
    thinking = request.thinking if request.HasField("thinking") else None
    conversation = Conversation(messages, thinking, request.continue_final_message)
    return PromptSource(conversation, salted)


def _message(
    message: generator_pb2.Message, field: str, media: list[Medium], media_first: bool
) -> Message:
    indexed = list(enumerate(message.parts))
    if media_first:
        indexed.sort(key=lambda entry: not entry[1].HasField("media"))
    parts = tuple(_part(part, f"{field}.parts[{index}]", media) for index, part in indexed)
    return Message(_ROLES[message.role], parts, message.reasoning, message.name)


def _part(part: generator_pb2.Part, field: str, media: list[Medium]) -> TextPart | MediaPart:
    if part.WhichOneof("content") == "text":
        return TextPart(part.text)
    given = part.media
    is_video = given.kind == media_pb2.MEDIA_KIND_VIDEO
    kind = MediaKind.VIDEO if is_video else MediaKind.IMAGE
    media.append(
        Medium(
            kind=kind,
            digest=given.digest,
            data=given.data or None,
            options=given.options,
            field=f"{field}.media",
        )
    )
    return MediaPart(kind, len(media) - 1)


def candidate_count(request: generator_pb2.GenerateTextRequest) -> int:
    """Returns how many answers a checked request wants."""
    return request.candidate_count if request.HasField("candidate_count") else 1


def sampling_params(
    request: generator_pb2.GenerateTextRequest, defaults: SamplingDefaults, candidate_index: int = 0
) -> SamplingParams:
    """Returns a checked request's sampling, unset fields as the checkpoint has them.

    The first candidate has the request's seed, the next the one after it.
    """
    given = request.sampling
    wants_logprobs = request.HasField("logprobs")
    return SamplingParams(
        temperature=given.temperature if given.HasField("temperature") else defaults.temperature,
        top_p=given.top_p if given.HasField("top_p") else defaults.top_p,
        top_k=given.top_k if given.HasField("top_k") else defaults.top_k,
        min_p=given.min_p if given.HasField("min_p") else defaults.min_p,
        repetition_penalty=(
            given.repetition_penalty
            if given.HasField("repetition_penalty")
            else defaults.repetition_penalty
        ),
        presence_penalty=given.presence_penalty,
        frequency_penalty=given.frequency_penalty,
        seed=(
            _int64(given.seed + candidate_index) if given.HasField("seed") else secrets.randbits(63)
        ),
        logit_bias=dict(given.logit_bias),
        num_logprobs=request.logprobs.alternative_count if wants_logprobs else None,
    )


def _int64(value: int) -> int:
    """Returns an integer wrapped around as 64 bits do it."""
    return (value + 2**63) % 2**64 - 2**63


def stop_params(
    stop: generator_pb2.StopOptions, defaults: SamplingDefaults, max_tokens: int
) -> StopParams:
    """Returns when a checked request's answer ends; `max_tokens` is what is left for it."""
    own = frozenset() if stop.end_ignored else defaults.end_token_ids
    return StopParams(
        max_tokens=max_tokens,
        token_ids=own | frozenset(stop.token_ids),
        strings=tuple(stop.strings),
        min_tokens=stop.min_token_count,
    )


def default_sampling_message(defaults: SamplingDefaults) -> generator_pb2.SamplingOptions:
    """Describes what unset fields mean."""
    return generator_pb2.SamplingOptions(
        temperature=defaults.temperature,
        top_p=defaults.top_p,
        top_k=defaults.top_k,
        min_p=defaults.min_p,
        repetition_penalty=defaults.repetition_penalty,
        presence_penalty=0.0,
        frequency_penalty=0.0,
    )


def media_report(medium: Medium, encoded: EncodedMedium) -> generator_pb2.MediaReport:
    """Tells what became of a medium."""
    return generator_pb2.MediaReport(
        digest=medium.digest,
        feature_key=encoded.feature_key,
        token_count=encoded.num_tokens,
        source=encoded.source,
        similar_distance=encoded.similar_distance,
        grid=_grid_message(encoded.grid),
    )


def _grid_message(grid: MediumGrid) -> media_pb2.Grid:
    return media_pb2.Grid(time_count=grid.time, height_count=grid.height, width_count=grid.width)


def delta_message(
    candidate_index: int,
    update: SequenceUpdate,
    token_bytes: Sequence[bytes],
    *,
    token_ids_wanted: bool,
) -> generator_pb2.Delta | None:
    """Carries what an update brought; None if that is nothing to tell."""
    token_ids = update.token_ids if token_ids_wanted else []
    if not (update.text or update.reasoning or token_ids or update.logprobs):
        return None
    return generator_pb2.Delta(
        candidate_index=candidate_index,
        text=update.text,
        reasoning=update.reasoning,
        token_ids=token_ids,
        logprobs=[_logprob_message(logprob, token_bytes) for logprob in update.logprobs],
    )


def _logprob_message(
    logprob: TokenLogprob, token_bytes: Sequence[bytes]
) -> generator_pb2.TokenLogprob:
    return generator_pb2.TokenLogprob(
        token_id=logprob.token_id,
        text=_text(logprob.token_id, token_bytes),
        token_bytes=token_bytes[logprob.token_id],
        logprob=logprob.logprob,
        alternatives=[
            generator_pb2.AlternativeLogprob(
                token_id=token_id,
                text=_text(token_id, token_bytes),
                token_bytes=token_bytes[token_id],
                logprob=value,
            )
            for token_id, value in logprob.alternatives
        ],
    )


def _text(token_id: int, token_bytes: Sequence[bytes]) -> str:
    return token_bytes[token_id].decode("utf-8", "replace")


def result_message(candidate_index: int, finish: Finish) -> generator_pb2.CandidateResult:
    """Tells how a candidate ended."""
    return generator_pb2.CandidateResult(
        candidate_index=candidate_index,
        finish_reason=_FINISH_REASONS[finish.reason],
        stop_string=finish.stop_string,
    )


def duration_message(seconds: float) -> duration_pb2.Duration:
    """Returns a duration, at least zero."""
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(max(0.0, seconds) * 1e9))
    return duration
