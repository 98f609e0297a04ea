"""GeneratorService: proto in, proto out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from google.protobuf import timestamp_pb2
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.errors import DeadlineError

from sightline_generator.chat.reasoning import AnswerReader, AnswerSyntax
from sightline_generator.conversion import (
    delta_message,
    duration_message,
    media_report,
    prompt_source,
    result_message,
    sampling_params,
    stop_params,
)
from sightline_generator.defaults import SamplingDefaults
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.stop import Finish
from sightline_generator.media import checked_digest
from sightline_generator.media_store import MediaStore
from sightline_generator.preparation import Preparation, PreparedPrompt
from sightline_generator.upload import Requests, receive_put_file, receive_put_header
from sightline_generator.validation import (
    RequestLimits,
    check_generate_request,
    check_prompt_request,
)

if TYPE_CHECKING:
    from grpc import aio

    Context: TypeAlias = aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class AnswerRules:
    """Gives what answers need besides their request."""

    defaults: SamplingDefaults
    syntax: AnswerSyntax
    token_bytes: list[bytes]
    max_model_len: int
    default_max_tokens: int


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """Admits, prepares, generates; every request ends in one `complete` or one status."""

    def __init__(
        self,
        engine: AsyncEngine,
        preparation: Preparation,
        store: MediaStore,
        limits: RequestLimits,
        rules: AnswerRules,
        info: generator_pb2.GetModelInfoResponse,
    ) -> None:
        self._engine = engine
        self._preparation = preparation
        self._store = store
        self._limits = limits
        self._rules = rules
        self._info = info

    async def GenerateText(
        self, request: generator_pb2.GenerateTextRequest, context: Context
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        arrival = time.monotonic()
        check_generate_request(request, self._limits)
        deadline = _deadline(context, arrival)
        with ExitStack() as held:
            # A client that goes away while a write is blocked ends this generator late.
            context.add_done_callback(lambda _: held.close())  # type: ignore[arg-type]
            held.enter_context(self._engine.reserve())
            prepared = await self._preparation.prepare(prompt_source(request))
            sequence = self._sequence(request, prepared)
            stream = self._engine.submit(sequence, deadline)
            held.callback(self._engine.cancel, sequence)
            yield generator_pb2.GenerateTextResponse(started=self._started(sequence, prepared))
            finish = None
            async for update in stream.updates():
                delta = delta_message(
                    update, self._rules.token_bytes, token_ids_wanted=request.token_ids_wanted
                )
                if delta.ByteSize():
                    yield generator_pb2.GenerateTextResponse(delta=delta)
                finish = update.finish
            assert finish is not None, "the stream ended without a finish"
            complete = _complete(sequence, prepared, finish, arrival)
            yield generator_pb2.GenerateTextResponse(complete=complete)

    def _sequence(
        self, request: generator_pb2.GenerateTextRequest, prepared: PreparedPrompt
    ) -> Sequence:
        rules, prompt = self._rules, prepared.prompt
        left = rules.max_model_len - prepared.num_tokens
        asked = request.stop
        bound = asked.max_token_count if asked.HasField("max_token_count") else None
        max_tokens = min(left, rules.default_max_tokens if bound is None else bound)
        thinking = rules.syntax.thought_is_open(prompt.token_ids)
        return Sequence(
            prompt_token_ids=prompt.token_ids,
            position_ids=prompt.positions.position_ids,
            position_delta=prompt.positions.delta,
            sampling=sampling_params(request, rules.defaults),
            stop=stop_params(asked, rules.defaults, max_tokens),
            reader=AnswerReader(rules.syntax, rules.token_bytes, thinking=thinking),
            feature_spans=prepared.feature_spans(),
            priority=request.priority,
        )

    def _started(self, sequence: Sequence, prepared: PreparedPrompt) -> generator_pb2.Started:
        media = [prepared.media[index] for index in prepared.prompt.media_indices]
        encoded = [prepared.encoded[index] for index in prepared.prompt.media_indices]
        return generator_pb2.Started(
            prompt_token_count=prepared.num_tokens,
            image_token_count=prepared.num_image_tokens,
            max_token_count=sequence.stop.max_tokens,
            model=self._info.model,
            checkpoint_fingerprint=self._info.checkpoint_fingerprint,
            media=map(media_report, media, encoded),
        )

    async def PutMedia(
        self, request_iterator: Requests, context: Context
    ) -> generator_pb2.PutMediaResponse:
        header = await receive_put_header(request_iterator)
        with self._store.reserved(header.byte_count):
            data = await receive_put_file(request_iterator, header)
            digest = await asyncio.to_thread(checked_digest, data, header.digest, "header.digest")
            self._store.put(digest, data)
        expire_time = timestamp_pb2.Timestamp()
        expire_time.FromNanoseconds(time.time_ns() + int(self._store.ttl_s * 1e9))
        return generator_pb2.PutMediaResponse(digest=digest, expire_time=expire_time)

    async def CountTokens(
        self, request: generator_pb2.CountTokensRequest, context: Context
    ) -> generator_pb2.CountTokensResponse:
        check_prompt_request(request, self._limits)
        with self._engine.reserve():
            prepared = await self._preparation.prepare(prompt_source(request), header_only=True)
        return generator_pb2.CountTokensResponse(
            prompt_token_count=prepared.num_tokens, image_token_count=prepared.num_image_tokens
        )

    async def GetModelInfo(
        self, request: generator_pb2.GetModelInfoRequest, context: Context
    ) -> generator_pb2.GetModelInfoResponse:
        return self._info

    async def GetLoad(
        self, request: generator_pb2.GetLoadRequest, context: Context
    ) -> generator_pb2.GetLoadResponse:
        load = self._engine.load
        return generator_pb2.GetLoadResponse(
            waiting_count=load.num_waiting,
            running_count=load.num_running,
            free_block_count=load.num_free_blocks,
            block_count=load.num_blocks,
            max_waiting_count=load.max_waiting,
        )


def _deadline(context: Context, arrival: float) -> float | None:
    """Returns the caller's deadline on the monotonic clock; raises DeadlineError if passed."""
    # The stubs do not know that calls without a deadline have None.
    remaining = cast("float | None", context.time_remaining())
    if remaining is None:
        return None
    if remaining <= 0:
        raise DeadlineError("The deadline passed before the request arrived.")
    return arrival + remaining


def _complete(
    sequence: Sequence, prepared: PreparedPrompt, finish: Finish, arrival: float
) -> generator_pb2.Complete:
    usage = generator_pb2.Usage(
        prompt_token_count=prepared.num_tokens,
        image_token_count=prepared.num_image_tokens,
        completion_token_count=sequence.num_generated_tokens,
        reasoning_token_count=sequence.reader.num_reasoning_tokens,
    )
    return generator_pb2.Complete(
        candidates=[result_message(finish)],
        usage=usage,
        timings=_timings(sequence, prepared.encode_s, arrival),
    )


def _timings(sequence: Sequence, encode_s: float, arrival: float) -> generator_pb2.Timings:
    times = sequence.times
    admitted = times.admitted if times.admitted is not None else arrival
    first = times.first_token if times.first_token is not None else admitted
    last = times.last_token if times.last_token is not None else first
    return generator_pb2.Timings(
        queue_time=duration_message(admitted - arrival - encode_s),
        encode_time=duration_message(encode_s),
        prefill_time=duration_message(first - admitted),
        decode_time=duration_message(last - first),
        time_to_first_token=duration_message(first - arrival),
    )
