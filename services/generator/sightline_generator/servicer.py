"""GeneratorService: proto in, proto out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from google.protobuf import timestamp_pb2
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.call_end import at_call_end
from sightline_common.errors import DeadlineError

from sightline_generator.answering import Answering
from sightline_generator.conversion import candidate_count, prompt_source
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.families.base import MediaKind
from sightline_generator.media import checked_digest
from sightline_generator.media_store import MediaStore
from sightline_generator.preparation import Preparation
from sightline_generator.statistics import Statistics
from sightline_generator.upload import Requests, receive_put_file, receive_put_header
from sightline_generator.validation import (
    RequestLimits,
    check_generate_request,
    check_prompt_request,
)

if TYPE_CHECKING:
    from grpc import aio

    Context: TypeAlias = aio.ServicerContext[Any, Any]


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """Admits, prepares, generates; every request ends in one `complete` or one status."""

    def __init__(
        self,
        engine: AsyncEngine,
        preparation: Preparation,
        store: MediaStore,
        limits: RequestLimits,
        answering: Answering,
        info: generator_pb2.GetModelInfoResponse,
        statistics: Statistics,
    ) -> None:
        self._engine = engine
        self._preparation = preparation
        self._store = store
        self._limits = limits
        self._answering = answering
        self._info = info
        self._statistics = statistics

    async def GenerateText(
        self, request: generator_pb2.GenerateTextRequest, context: Context
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        arrival = time.monotonic()
        check_generate_request(request, self._limits)
        deadline = _deadline(context, arrival)
        with ExitStack() as held:
            at_call_end(held.close)
            held.enter_context(self._engine.reserve(request.ByteSize(), candidate_count(request)))
            answer = self._answering.responses(request, deadline, arrival, held)
            async with aclosing(answer) as responses:
                async for response in responses:
                    yield response

    async def PutMedia(
        self, request_iterator: Requests, context: Context
    ) -> generator_pb2.PutMediaResponse:
        header = await receive_put_header(request_iterator, self._limits)
        with self._store.reserved(header.byte_count):
            data = await receive_put_file(request_iterator, header)
            digest = await asyncio.to_thread(checked_digest, data, header.digest, "header.digest")
            self._store.put(digest, data, header.cache_salt)
        expire_time = timestamp_pb2.Timestamp()
        expire_time.FromNanoseconds(time.time_ns() + int(self._store.ttl_s * 1e9))
        return generator_pb2.PutMediaResponse(digest=digest, expire_time=expire_time)

    async def CountTokens(
        self, request: generator_pb2.CountTokensRequest, context: Context
    ) -> generator_pb2.CountTokensResponse:
        check_prompt_request(request, self._limits)
        with self._engine.reserve(request.ByteSize()):
            prepared = await self._preparation.count(prompt_source(request))
        return generator_pb2.CountTokensResponse(
            prompt_token_count=prepared.num_tokens,
            image_token_count=prepared.num_feature_tokens(MediaKind.IMAGE),
            video_token_count=prepared.num_feature_tokens(MediaKind.VIDEO),
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

    async def GetStatistics(
        self, request: generator_pb2.GetStatisticsRequest, context: Context
    ) -> generator_pb2.GetStatisticsResponse:
        return await self._statistics.report()


def _deadline(context: Context, arrival: float) -> float | None:
    """Returns the caller's deadline on the monotonic clock; raises DeadlineError if passed."""
    # The stubs do not know that calls without a deadline have None.
    remaining = cast("float | None", context.time_remaining())
    if remaining is None:
        return None
    if remaining <= 0:
        raise DeadlineError("The deadline passed before the request arrived.")
    return arrival + remaining
