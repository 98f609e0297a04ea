"""How tokens are chosen and when an answer ends, from OpenAI's parameters."""

from __future__ import annotations

from sightline.generator.v1 import generator_pb2

from sightline_web.openai.errors import ApiError
from sightline_web.openai.fields import INT32_MAX, INT64_MAX, Fields, integer, number, wrong_type

MAX_STOP_STRINGS = 4
MAX_STOP_CHARACTERS = 256
MAX_STOP_TOKENS = 1024
_TINY = 1e-6


def sampling_options(fields: Fields) -> generator_pb2.SamplingOptions:
    """Reads temperature and its kin; what is absent stays unset. Raises ApiError."""
    options = generator_pb2.SamplingOptions(
        temperature=_temperature(fields),
        top_p=fields.number("top_p", _TINY, 1),
        top_k=_top_k(fields),
        min_p=fields.number("min_p", 0, 1),
        repetition_penalty=fields.number("repetition_penalty", _TINY, 100),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
        seed=fields.integer("seed", -INT64_MAX - 1, INT64_MAX),
    )
    for token_id, bias in _logit_bias(fields).items():
        options.logit_bias[token_id] = bias
    return options


def _temperature(fields: Fields) -> float | None:
    temperature = fields.number("temperature", 0, 2)
    return 0.0 if fields.boolean("do_sample") is False else temperature


def _top_k(fields: Fields) -> int | None:
    top_k = fields.integer("top_k", -1)
    return 0 if top_k == -1 else top_k


def _logit_bias(fields: Fields) -> dict[int, float]:
    biases = fields.object("logit_bias")
    return {} if biases is None else dict(_bias(biases, key) for key in biases.members)


def _bias(biases: Fields, key: str) -> tuple[int, float]:
    name = biases.name(key)
    if not (key.isascii() and key.isdigit() and len(key) <= 10 and int(key) <= INT32_MAX):
        raise ApiError("logit_bias must map token ids to numbers.", param=name)
    return int(key), number(biases.get(key), name, -100, 100)


def stop_options(fields: Fields) -> generator_pb2.StopOptions:
    """Reads what ends an answer. Raises ApiError."""
    longest = fields.integer("max_completion_tokens", 1)
    deprecated = fields.integer("max_tokens", 1)
    options = generator_pb2.StopOptions(
        strings=_stop_strings(fields),
        token_ids=_stop_token_ids(fields),
        min_token_count=fields.integer("min_tokens", 0),
        end_ignored=bool(fields.boolean("ignore_eos")),
    )
    bound = longest if longest is not None else deprecated
    if bound is not None:
        options.max_token_count = bound
    return options


def _stop_strings(fields: Fields) -> list[str]:
    value = fields.get("stop")
    strings = [value] if isinstance(value, str) else fields.array("stop") or []
    if len(strings) > MAX_STOP_STRINGS:
        raise ApiError(
            f"stop takes at most {MAX_STOP_STRINGS} strings.",
            code="value_out_of_range",
            param="stop",
        )
    return [_stop_string(text) for text in strings]


def _stop_string(text: object) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_STOP_CHARACTERS:
        raise wrong_type("stop", f"strings of 1 to {MAX_STOP_CHARACTERS} characters")
    return text


def _stop_token_ids(fields: Fields) -> list[int]:
    token_ids = fields.array("stop_token_ids") or []
    if len(token_ids) > MAX_STOP_TOKENS:
        raise ApiError(
            f"stop_token_ids takes at most {MAX_STOP_TOKENS} ids.",
            code="value_out_of_range",
            param="stop_token_ids",
        )
    return [integer(token_id, "stop_token_ids", 0, INT32_MAX) for token_id in token_ids]


def logprob_options(fields: Fields) -> generator_pb2.LogprobOptions | None:
    """Reads `logprobs` and `top_logprobs`. Raises ApiError."""
    wanted = fields.boolean("logprobs")
    count = fields.integer("top_logprobs", 0, 20)
    if count is not None and not wanted:
        raise ApiError("top_logprobs needs logprobs: true.", param="top_logprobs")
    return generator_pb2.LogprobOptions(alternative_count=count or 0) if wanted else None
