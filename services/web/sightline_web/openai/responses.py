"""Completions, chunks and models in OpenAI's shapes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from sightline.generator.v1 import generator_pb2

from sightline_web.answer import Answer, Candidate

DONE = "[DONE]"
LEAST_LOGPROB = -9999.0
"""What OpenAI writes for a token that cannot come; JSON has no infinity."""

_NULL = "null"

# many clients cut a stream into lines by Unicode's rules instead of the event stream's
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@dataclass(frozen=True)
class Identity:
    """What all chunks of one answer share.

    `similar_images` has the pictures for which a similar one's features stood: their index
    among the request's media, from 0, and their distance. Answers without any do not mention it.
    """

    model: str
    fingerprint: str
    similar_images: tuple[dict[str, float], ...] = ()
    completion_id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def members(self, kind: str) -> dict[str, object]:
        return {
            "id": self.completion_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            **({"similar_images": self.similar_images} if self.similar_images else {}),
        }


def identity_of(started: generator_pb2.Started) -> Identity:
    """Names an answer after the model that gives it."""
    digest = started.checkpoint_fingerprint.removeprefix("sha256:")
    similar_images = tuple(
        {"index": index, "distance": medium.similar_distance}
        for index, medium in enumerate(started.media)
        if medium.HasField("similar_distance")
    )
    return Identity(started.model, f"fp_{digest[:12]}", similar_images)


def completion(identity: Identity, answer: Answer) -> dict[str, object]:
    """The whole answer as one object."""
    choices = [
        {
            "index": index,
            "message": _message(candidate),
            "finish_reason": answer.finish_reasons[index],
            "logprobs": logprobs_object(candidate.logprobs),
        }
        for index, candidate in enumerate(answer.candidates)
    ]
    members = identity.members("chat.completion")
    return {**members, "choices": choices, "usage": usage_object(answer.usage)}


def _message(candidate: Candidate) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": candidate.text, "refusal": None}
    if candidate.reasoning:
        message["reasoning_content"] = candidate.reasoning
    return message


class ChunkWriter:
    """Writes the chunks of one streamed answer as JSON texts."""

    def __init__(self, identity: Identity, usage_wanted: bool, continuous_usage: bool) -> None:
        self._members = identity.members("chat.completion.chunk")
        self._usage_wanted = usage_wanted
        self._continuous_usage = continuous_usage
        # Most chunks differ in one string; the rest is written once.
        self._head = to_json(self._members)[:-1] + ',"choices":['

    def opening(self, answer: Answer) -> Iterable[str]:
        """The first chunk of each candidate: who speaks."""
        for index in range(len(answer.candidates)):
            yield self._chunk(answer, index, '{"role":"assistant","content":""}')

    def deltas(self, answer: Answer, delta: generator_pb2.Delta) -> Iterable[str]:
        """The chunks of one piece: reasoning before text."""
        index = delta.candidate_index
        text, reasoning, logprobs = delta.text, delta.reasoning, _NULL
        if delta.logprobs:
            logprobs = to_json(logprobs_object(delta.logprobs))
        if reasoning:
            member = f'{{"reasoning_content":{to_json(reasoning)}}}'
            yield self._chunk(answer, index, member, logprobs)
            logprobs = _NULL
        if text or logprobs is not _NULL:
            yield self._chunk(answer, index, f'{{"content":{to_json(text)}}}', logprobs)

    def closing(self, answer: Answer) -> Iterable[str]:
        """Each candidate's chunk with its finish reason, then the usage if it was wanted."""
        for index, reason in enumerate(answer.finish_reasons):
            yield self._chunk(answer, index, "{}", finish_reason=to_json(reason))
        if self._usage_wanted:
            yield to_json({**self._members, "choices": [], "usage": usage_object(answer.usage)})

    def _chunk(
        self,
        answer: Answer,
        index: int,
        delta: str,
        logprobs: str = _NULL,
        finish_reason: str = _NULL,
    ) -> str:
        """Puts JSON texts together: there is one chunk a token, and most of it never changes."""
        choice = f'"index":{index},"delta":{delta},"logprobs":{logprobs}'
        finish = f'"finish_reason":{finish_reason}'
        return f"{self._head}{{{choice},{finish}}}]{self._usage(answer)}}}"

    def _usage(self, answer: Answer) -> str:
        if not self._usage_wanted:
            return ""
        if not self._continuous_usage:
            return ',"usage":null'
        return f',"usage":{to_json(usage_object(answer.usage))}'


def usage_object(usage: generator_pb2.Usage) -> dict[str, object]:
    """Token counts; text tokens are those of the prompt that no medium stands for."""
    media_count = usage.image_token_count + usage.video_token_count
    return {
        "prompt_tokens": usage.prompt_token_count,
        "completion_tokens": usage.completion_token_count,
        "total_tokens": usage.prompt_token_count + usage.completion_token_count,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_token_count,
            "image_tokens": usage.image_token_count,
            "text_tokens": usage.prompt_token_count - media_count,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_token_count},
    }


def logprobs_object(
    logprobs: Iterable[generator_pb2.TokenLogprob],
) -> dict[str, object] | None:
    """Log probabilities, or None when there are none."""
    content = [
        {**_logprob(token), "top_logprobs": [_logprob(other) for other in token.alternatives]}
        for token in logprobs
    ]
    return {"content": content, "refusal": None} if content else None


def _logprob(
    token: generator_pb2.TokenLogprob | generator_pb2.AlternativeLogprob,
) -> dict[str, object]:
    return {
        "token": token.text,
        "logprob": max(token.logprob, LEAST_LOGPROB),
        "bytes": list(token.token_bytes),
    }


def model_object(
    name: str, created: int, info: generator_pb2.GetModelInfoResponse
) -> dict[str, object]:
    """One model, with the length of its context."""
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "sightline",
        "root": info.model,
        "max_model_len": info.max_token_count,
    }


def to_json(value: object) -> str:
    """Compact JSON on one line."""
    text = _encode(value)
    return text if text.isascii() else text.translate(_LINE_BREAKS)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
