"""One chat completion request: checked, and put in the generator's words."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.generator.v1 import generator_pb2

from sightline_web.openai.errors import ApiError, unsupported
from sightline_web.openai.fields import INT32_MAX, Fields, wrong_type
from sightline_web.openai.messages import MessageReader
from sightline_web.openai.sampling import logprob_options, sampling_options, stop_options
from sightline_web.openai.strict_json import parse_json
from sightline_web.openai.thinking import thinking_wanted

UNSUPPORTED_WHEN_SET = (
    "tools",
    "functions",
    "function_call",
    "audio",
    "web_search_options",
    "moderation",
    "documents",
    "chat_template",
    "mm_processor_kwargs",
    "prompt_logprobs",
    "best_of",
    "use_beam_search",
    "echo",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
)
"""Parameters that would change the answer and are refused by name unless empty."""

IGNORED = (
    "user",
    "safety_identifier",
    "metadata",
    "store",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "verbosity",
    "prediction",
    "parallel_tool_calls",
    "request_id",
    "user_id",
)
"""Parameters that are accepted and change nothing."""


MAX_SALT_CHARACTERS = 256
MAX_CANDIDATES = 128
"""What OpenAI allows; the generator's own bound is lower and told by it."""


@dataclass(frozen=True)
class ChatCompletionRequest:
    """What the client asked: the generation, and the form of the response."""

    model: str
    generation: generator_pb2.GenerateTextRequest
    candidate_count: int
    stream: bool
    usage_wanted: bool
    continuous_usage: bool


def read_request(body: bytes, reader: MessageReader) -> ChatCompletionRequest:
    """Parses and checks a request's body; raises ApiError."""
    fields = Fields.of(parse_json(body))
    _refuse_unsupported(fields)
    fields.required("model")
    stream_options = _stream_options(fields)
    continuous = bool(stream_options.boolean("continuous_usage_stats"))
    generation = _generation(fields, reader, continuous)
    return ChatCompletionRequest(
        model=fields.text("model") or "",
        generation=generation,
        candidate_count=generation.candidate_count or 1,
        stream=bool(fields.boolean("stream")),
        usage_wanted=continuous or bool(stream_options.boolean("include_usage")),
        continuous_usage=continuous,
    )


def _generation(
    fields: Fields, reader: MessageReader, token_ids_wanted: bool
) -> generator_pb2.GenerateTextRequest:
    return generator_pb2.GenerateTextRequest(
        sampling=sampling_options(fields),
        stop=stop_options(fields),
        thinking=thinking_wanted(fields),
        logprobs=logprob_options(fields),
        media_first=bool(fields.boolean("media_first")),
        messages=reader.read(fields),
        continue_final_message=_continuation_wanted(fields),
        token_ids_wanted=token_ids_wanted,
        candidate_count=fields.integer("n", 1, MAX_CANDIDATES),
        priority=_priority(fields),
        cache_salt=_cache_salt(fields),
    )


def _priority(fields: Fields) -> int:
    """Returns the rank, higher first; the parameter's lower numbers run earlier."""
    return -(fields.integer("priority", -INT32_MAX, INT32_MAX) or 0)


def _cache_salt(fields: Fields) -> str:
    """Returns what the caller sets their cached prompts apart by; raises ApiError."""
    salt = fields.text("cache_salt")
    if salt is not None and not 1 <= len(salt) <= MAX_SALT_CHARACTERS:
        raise wrong_type("cache_salt", f"a string of 1 to {MAX_SALT_CHARACTERS} characters")
    return salt or ""


def _continuation_wanted(fields: Fields) -> bool:
    """Tells whether the answer goes on with the last message; raises ApiError."""
    continued = bool(fields.boolean("continue_final_message"))
    prompted = fields.boolean("add_generation_prompt")
    if continued and prompted:
        raise ApiError(
            "continue_final_message needs add_generation_prompt: false.",
            param="add_generation_prompt",
        )
    if prompted is False and not continued:
        raise unsupported(
            "add_generation_prompt", "Only with continue_final_message can this be false."
        )
    return continued


def _stream_options(fields: Fields) -> Fields:
    options = fields.object("stream_options")
    if options is not None and options.members and not fields.boolean("stream"):
        raise ApiError("stream_options needs stream: true.", param="stream_options")
    return options or Fields({}, "stream_options")


def _refuse_unsupported(fields: Fields) -> None:
    for key in UNSUPPORTED_WHEN_SET:
        if fields.get(key):
            raise unsupported(key, f"{key} cannot be used with this server.")
    _check_tool_choice(fields)
    _check_response_format(fields)
    _check_modalities(fields)


def _check_tool_choice(fields: Fields) -> None:
    if fields.get("tool_choice") not in (None, "none", "auto"):
        raise unsupported("tool_choice", "Tools cannot be used with this server.")


def _check_response_format(fields: Fields) -> None:
    response_format = fields.object("response_format")
    if response_format is None:
        return
    kind = response_format.text("type")
    if kind in ("json_object", "json_schema", "structural_tag"):
        raise unsupported("response_format", f"Answers of type {kind} are not supported yet.")
    if kind != "text":
        raise ApiError("response_format.type must be text.", param="response_format.type")


def _check_modalities(fields: Fields) -> None:
    for modality in fields.array("modalities") or []:
        if not isinstance(modality, str):
            raise wrong_type("modalities", "a list of strings")
        if modality != "text":
            raise unsupported("modalities", "This model answers in text only.")
