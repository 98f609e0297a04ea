"""Refuses requests that cannot be honoured, before anything expensive happens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.digest import is_digest
from sightline_common.errors import (
    AdapterUnknownError,
    FieldInvalidError,
    MediaEmptyError,
    ModelUnknownError,
    ParameterUnsupportedError,
)

MAX_NAME_CHARACTERS = 256
MAX_SALT_CHARACTERS = 256
MAX_MESSAGES = 1024
MAX_PARTS = 4096
MAX_TEXT_CHARACTERS = 2 * 1024 * 1024
MAX_STOP_STRINGS = 4
MAX_STOP_STRING_CHARACTERS = 256
MAX_STOP_TOKEN_IDS = 1024
MAX_LOGIT_BIASES = 1024
MAX_LOGPROB_ALTERNATIVES = 20
MAX_CANDIDATES = 16

PromptRequest: TypeAlias = generator_pb2.GenerateTextRequest | generator_pb2.CountTokensRequest


@dataclass(frozen=True)
class RequestLimits:
    """Gives what this server serves and how much of it."""

    model: str
    vocabulary_size: int
    max_media: int
    max_candidates: int
    thinking_supported: bool
    videos_supported: bool = False


def check_generate_request(
    request: generator_pb2.GenerateTextRequest, limits: RequestLimits
) -> None:
    """Raises InvalidRequestError, ModelUnknownError or AdapterUnknownError."""
    check_prompt_request(request, limits)
    _check_sampling(request.sampling, limits)
    _check_stop(request.stop, limits)
    _check_candidates(request, limits)
    _check_answer_options(request)


def check_prompt_request(request: PromptRequest, limits: RequestLimits) -> None:
    """Checks what GenerateText and CountTokens share."""
    check_salt(request.cache_salt, "cache_salt")
    _check_name(request.model, "model")
    if request.model not in ("", limits.model):
        raise ModelUnknownError(
            f"The model {request.model!r} is not served here; {limits.model!r} is.",
            field="model",
            metadata={"model": request.model, "served_model": limits.model},
        )
    if request.tools:
        raise _unsupported("tools", "Tools are not supported; leave them out.")
    if request.thinking and not limits.thinking_supported:
        raise _unsupported("thinking", "This model's chat template cannot ask for thinking.")
    _check_messages(request, limits)
    if request.continue_final_message:
        _check_continuation(request.messages[-1], f"messages[{len(request.messages) - 1}]")


def _invalid(field: str, must: str) -> FieldInvalidError:
    return FieldInvalidError(f"{field} must {must}.", field=field)


def _unsupported(field: str, message: str) -> ParameterUnsupportedError:
    return ParameterUnsupportedError(message, field=field, metadata={"parameter": field})


def check_salt(salt: str, field: str) -> None:
    """Raises FieldInvalidError for a salt that is too long."""
    if len(salt) > MAX_SALT_CHARACTERS:
        raise _invalid(field, f"have at most {MAX_SALT_CHARACTERS} characters")


def _check_name(name: str, field: str) -> None:
    # Its refusal repeats a name, and gRPC carries refusals in headers of bounded size.
    if len(name) > MAX_NAME_CHARACTERS:
        raise _invalid(field, f"have at most {MAX_NAME_CHARACTERS} characters")


def _check_messages(request: PromptRequest, limits: RequestLimits) -> None:
    messages = request.messages
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise _invalid("messages", f"have 1 to {MAX_MESSAGES} messages")
    if sum(len(message.parts) for message in messages) > MAX_PARTS:
        raise _invalid("messages", f"have at most {MAX_PARTS} parts together")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]", limits)
    num_characters = sum(map(_num_characters, messages))
    if num_characters > MAX_TEXT_CHARACTERS:
        raise _invalid("messages", f"have at most {MAX_TEXT_CHARACTERS} characters of text")
    num_media = sum(part.HasField("media") for message in messages for part in message.parts)
    if num_media > limits.max_media:
        raise _invalid("messages", f"hold at most {limits.max_media} media, not {num_media}")


def _num_characters(message: generator_pb2.Message) -> int:
    texts: Iterable[str] = (part.text for part in message.parts)
    return sum(map(len, texts)) + len(message.reasoning) + len(message.name)


def _check_continuation(message: generator_pb2.Message, field: str) -> None:
    if message.role != generator_pb2.ROLE_ASSISTANT:
        raise _invalid("continue_final_message", "be false unless an assistant speaks last")
    if any(part.HasField("media") for part in message.parts):
        raise _invalid(f"{field}.parts", "hold only text when the message is to be continued")


def _check_message(message: generator_pb2.Message, field: str, limits: RequestLimits) -> None:
    if message.role == generator_pb2.ROLE_TOOL or message.tool_calls or message.tool_call_id:
        raise _unsupported(field, "Tool calls and their results are not supported yet.")
    if message.role not in (
        generator_pb2.ROLE_SYSTEM,
        generator_pb2.ROLE_USER,
        generator_pb2.ROLE_ASSISTANT,
    ):
        raise _invalid(f"{field}.role", "be system, user or assistant")
    is_answer = message.role == generator_pb2.ROLE_ASSISTANT
    if message.reasoning and not is_answer:
        raise _invalid(f"{field}.reasoning", "be empty unless the role is assistant")
    if not message.parts and not is_answer:
        raise _invalid(f"{field}.parts", "have at least one part")
    for index, part in enumerate(message.parts):
        _check_part(part, f"{field}.parts[{index}]", limits)


def _check_part(part: generator_pb2.Part, field: str, limits: RequestLimits) -> None:
    kind = part.WhichOneof("content")
    if kind is None:
        raise _invalid(field, "hold text or a medium")
    if kind == "media":
        _check_medium(part.media, f"{field}.media", limits)


def check_media_kind(kind: media_pb2.MediaKind, field: str, limits: RequestLimits) -> None:
    """Raises ParameterUnsupportedError for videos where the model takes none."""
    if kind == media_pb2.MEDIA_KIND_VIDEO and not limits.videos_supported:
        raise _unsupported(field, "This model takes no videos; send frames as images.")
    if kind not in media_pb2.MediaKind.values():
        raise _invalid(field, "be a known kind")


def _check_medium(medium: generator_pb2.Media, field: str, limits: RequestLimits) -> None:
    check_media_kind(medium.kind, f"{field}.kind", limits)
    if not medium.data and not medium.digest:
        raise MediaEmptyError("The medium has neither bytes nor a digest.", field=field)
    if medium.digest and not is_digest(medium.digest):
        raise _invalid(f"{field}.digest", 'be "sha256:" and 64 lower-case hexadecimal digits')
    _check_media_options(medium.options, f"{field}.options")


def _check_media_options(options: media_pb2.MediaOptions, field: str) -> None:
    if options.tiling not in media_pb2.Tiling.values():
        raise _invalid(f"{field}.tiling", "be a known mode")
    for name in ("min_pixel_count", "max_pixel_count"):
        if options.HasField(name) and getattr(options, name) < 1:
            raise _invalid(f"{field}.{name}", "be at least 1")


def _check_range(
    message: generator_pb2.SamplingOptions, name: str, low: float, high: float
) -> None:
    value = getattr(message, name)
    if message.HasField(name) and not low <= value <= high:
        raise _invalid(f"sampling.{name}", f"be from {low:g} to {high:g}, not {value}")


_SMALLEST = math.nextafter(0.0, 1.0)
_SAMPLING_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (_SMALLEST, 1.0),
    "top_k": (0, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (_SMALLEST, 10.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
}


def _check_sampling(sampling: generator_pb2.SamplingOptions, limits: RequestLimits) -> None:
    # NaN fails every comparison and infinities every range.
    for name, (low, high) in _SAMPLING_RANGES.items():
        _check_range(sampling, name, low, high)
    if len(sampling.logit_bias) > MAX_LOGIT_BIASES:
        raise _invalid("sampling.logit_bias", f"have at most {MAX_LOGIT_BIASES} entries")
    for token_id, bias in sampling.logit_bias.items():
        _check_token_id(token_id, "sampling.logit_bias", limits)
        if not -100.0 <= bias <= 100.0:
            raise _invalid("sampling.logit_bias", f"hold values from -100 to 100, not {bias}")


def _check_token_id(token_id: int, field: str, limits: RequestLimits) -> None:
    if not 0 <= token_id < limits.vocabulary_size:
        raise _invalid(field, f"name tokens from 0 to {limits.vocabulary_size - 1}, not {token_id}")


def _check_stop(stop: generator_pb2.StopOptions, limits: RequestLimits) -> None:
    if stop.HasField("max_token_count") and stop.max_token_count < 1:
        raise _invalid("stop.max_token_count", "be at least 1")
    if stop.HasField("min_token_count") and stop.min_token_count < 0:
        raise _invalid("stop.min_token_count", "be at least 0")
    if stop.HasField("max_token_count") and stop.min_token_count > stop.max_token_count:
        raise _invalid("stop.min_token_count", "be at most stop.max_token_count")
    if len(stop.strings) > MAX_STOP_STRINGS:
        raise _invalid("stop.strings", f"have at most {MAX_STOP_STRINGS} strings")
    for string in stop.strings:
        if not 1 <= len(string) <= MAX_STOP_STRING_CHARACTERS:
            raise _invalid(
                "stop.strings", f"have 1 to {MAX_STOP_STRING_CHARACTERS} characters each"
            )
    if len(stop.token_ids) > MAX_STOP_TOKEN_IDS:
        raise _invalid("stop.token_ids", f"have at most {MAX_STOP_TOKEN_IDS} tokens")
    for token_id in stop.token_ids:
        _check_token_id(token_id, "stop.token_ids", limits)


def _check_candidates(request: generator_pb2.GenerateTextRequest, limits: RequestLimits) -> None:
    count = request.candidate_count
    if request.HasField("candidate_count") and not 1 <= count <= limits.max_candidates:
        raise _invalid("candidate_count", f"be from 1 to {limits.max_candidates}, not {count}")


def _check_answer_options(request: generator_pb2.GenerateTextRequest) -> None:
    choice = request.tool_choice
    if choice.mode == generator_pb2.TOOL_MODE_REQUIRED or choice.name:
        raise _unsupported("tool_choice", "Tools are not supported; none can be required.")
    if choice.mode not in generator_pb2.ToolMode.values():
        raise _invalid("tool_choice.mode", "be a known mode")
    form = request.response_format
    if form.form not in (
        generator_pb2.RESPONSE_FORM_UNSPECIFIED,
        generator_pb2.RESPONSE_FORM_TEXT,
    ) or form.HasField("schema"):
        raise _unsupported("response_format", "Only free text is supported as response format.")
    alternatives = request.logprobs.alternative_count
    if not 0 <= alternatives <= MAX_LOGPROB_ALTERNATIVES:
        raise _invalid("logprobs.alternative_count", f"be from 0 to {MAX_LOGPROB_ALTERNATIVES}")
    _check_name(request.adapter, "adapter")
    if request.adapter:
        raise AdapterUnknownError(
            f"No adapter {request.adapter!r} is loaded here.",
            field="adapter",
            metadata={"adapter": request.adapter},
        )
