"""EncoderService: proto in, proto out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.call_end import at_call_end
from sightline_common.tracing import span

from sightline_encoder.cache_statistics import cache_statistics
from sightline_encoder.encoder import Answer, Encoder
from sightline_encoder.feature_key import FeatureRequest
from sightline_encoder.payload import RESPONSES
from sightline_encoder.preprocess import Preprocessor
from sightline_encoder.upload import (
    Requests,
    Reservation,
    UploadBudget,
    receive_file,
    receive_header,
    upload_time,
)
from sightline_encoder.upload_turns import UploadTurns
from sightline_encoder.validation import (
    check_model,
    check_similar,
    check_tiling,
    feature_request,
    file_limits,
)
from sightline_encoder.waiting_room import WaitingRoom

if TYPE_CHECKING:
    from grpc import aio

    MediaContext: TypeAlias = aio.ServicerContext[
        encoder_pb2.EncodeMediaRequest, encoder_pb2.EncodeMediaResponse
    ]
    InfoContext: TypeAlias = aio.ServicerContext[
        encoder_pb2.GetModelInfoRequest, encoder_pb2.GetModelInfoResponse
    ]
    StatisticsContext: TypeAlias = aio.ServicerContext[
        encoder_pb2.GetCacheStatisticsRequest, encoder_pb2.GetCacheStatisticsResponse
    ]
    EvictContext: TypeAlias = aio.ServicerContext[
        encoder_pb2.EvictFeaturesRequest, encoder_pb2.EvictFeaturesResponse
    ]


class EncoderServicer(encoder_pb2_grpc.EncoderServiceServicer):
    """Answers with features: held ones at once, others after asking for the file."""

    def __init__(
        self,
        encoder: Encoder,
        preprocessor: Preprocessor,
        uploads: UploadBudget,
        info: encoder_pb2.GetModelInfoResponse,
        upload_timeout_s: float = 60.0,
        max_waiting: int = 1000,
    ) -> None:
        self._encoder = encoder
        self._preprocessor = preprocessor
        self._uploads = uploads
        self._turns = UploadTurns()
        self._room = WaitingRoom(max_waiting)
        self._upload_timeout_s = upload_timeout_s
        self._info = info

    async def EncodeMedia(  # type: ignore[override]  # chunks are serialised already
        self, request_iterator: Requests, context: MediaContext
    ) -> AsyncIterator[encoder_pb2.EncodeMediaResponse | bytes]:
        started = time.monotonic()
        header = await receive_header(request_iterator, self._upload_timeout_s)
        check_model(header, self._info.checkpoint_fingerprint)
        check_tiling(header, offered=self._info.max_tiled_pixel_budget > 0)
        request = feature_request(header, self._preprocessor)
        check_similar(request, offered=self._encoder.similar is not None)
        with ExitStack() as held:
            with span("recall"):
                answer = self._encoder.remembered(request)
                if answer is None:
                    at_call_end(held.close)
                    held.enter_context(self._room.entered())
                    answer = await self._recalled(request)
            if answer is None:
                turn = held.enter_context(self._turns.begin(self._encoder.key(request)))
                reservation = held.enter_context(self._uploads.reserved(header.byte_count))
                wanted = encoder_pb2.BytesWanted(digest=header.digest)
                yield encoder_pb2.EncodeMediaResponse(bytes_wanted=wanted)
                with span("upload") as opened:
                    data = await self._received(request_iterator, header, reservation)
                    opened.set(byte_count=len(data))
                # Others go on at the next await, and find the computation begun.
                turn.end()
                with span("compute"):
                    answer = await self._encoder.encode(request, data)
                del data
        # Who reads the answer waits for nobody.
        with self._encoder.cache.pinned(answer.entry) as pin:
            at_call_end(pin.release)
            for message in self._messages(answer, header, time.monotonic() - started):
                yield message

    async def _recalled(self, request: FeatureRequest) -> Answer | None:
        """Returns features that a tier holds, or that another's upload leads to."""
        answer = await self._encoder.recall(request)
        while answer is None and await self._turns.waited(self._encoder.key(request)):
            answer = await self._encoder.recall(request)
        return answer

    async def _received(
        self, requests: Requests, header: encoder_pb2.MediaHeader, reservation: Reservation
    ) -> bytes:
        limits = file_limits(header, self._preprocessor)
        async with upload_time(self._upload_timeout_s):
            return await receive_file(requests, header, limits, reservation)

    def _messages(
        self, answer: Answer, asked: encoder_pb2.MediaHeader, seconds: float
    ) -> Iterator[encoder_pb2.EncodeMediaResponse | bytes]:
        """Yields header and chunks; the first chunk comes with the header where it may."""
        payload = answer.entry.payload
        if not asked.takes_first_chunk or asked.header_only or not payload.messages:
            chunks = () if asked.header_only else payload.plain_messages()
            yield self._header(answer, seconds)
            yield from chunks
        elif answer.source == media_pb2.FEATURE_SOURCE_MEMORY:
            if not payload.is_headed:
                payload.put_behind(self._header(answer, seconds))
            yield from payload.messages
        else:
            first, *others = payload.plain_messages()
            yield RESPONSES.headed(self._header(answer, seconds), RESPONSES.chunk(first))
            yield from others

    def _header(self, answer: Answer, seconds: float) -> encoder_pb2.EncodeMediaResponse:
        response = encoder_pb2.EncodeMediaResponse()
        header = response.header
        header.CopyFrom(answer.entry.description)
        header.checkpoint_fingerprint = self._info.checkpoint_fingerprint
        header.source = answer.source
        header.finite = True  # A pass whose features are not fails.
        if answer.similar_distance is not None:
            header.similar_distance = answer.similar_distance
        # What memory holds is there at once, and has one header for all that ask.
        if answer.source != media_pb2.FEATURE_SOURCE_MEMORY:
            header.encode_time.FromNanoseconds(int(seconds * 1e9))
        return response

    async def check(self) -> None:
        """Raises NotReadyError while the tower hangs or fails on everything."""
        await self._encoder.check()

    async def GetModelInfo(
        self, request: encoder_pb2.GetModelInfoRequest, context: InfoContext
    ) -> encoder_pb2.GetModelInfoResponse:
        await self.check()
        return self._info

    async def GetCacheStatistics(
        self, request: encoder_pb2.GetCacheStatisticsRequest, context: StatisticsContext
    ) -> encoder_pb2.GetCacheStatisticsResponse:
        return cache_statistics(self._encoder)

    async def EvictFeatures(
        self, request: encoder_pb2.EvictFeaturesRequest, context: EvictContext
    ) -> encoder_pb2.EvictFeaturesResponse:
        eviction = await self._encoder.evict(request.feature_keys or None)
        return encoder_pb2.EvictFeaturesResponse(
            evicted_count=eviction.num_entries, unreached_tiers=eviction.unreached
        )
