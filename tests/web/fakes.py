"""A generator that says what a test told it to, and pictures to show it."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.errors import SightlineError

MODEL = "sightline-nano"
FINGERPRINT = "sha256:" + "ab" * 32

PATIENCE_S = 10.0

Found = TypeVar("Found")
Response = generator_pb2.GenerateTextResponse
Step = Response | BaseException | asyncio.Event | float


def started(
    prompt: int = 20, cached: int = 0, images: int = 0
) -> generator_pb2.GenerateTextResponse:
    return Response(
        started=generator_pb2.Started(
            prompt_token_count=prompt,
            cached_token_count=cached,
            image_token_count=images,
            model=MODEL,
            checkpoint_fingerprint=FINGERPRINT,
        )
    )


def delta(
    text: str = "", reasoning: str = "", candidate: int = 0
) -> generator_pb2.GenerateTextResponse:
    return Response(
        delta=generator_pb2.Delta(
            candidate_index=candidate, text=text, reasoning=reasoning, token_ids=[7]
        )
    )


def complete(
    tokens: int = 3,
    reason: generator_pb2.FinishReason = generator_pb2.FINISH_REASON_STOP,
    *further_reasons: generator_pb2.FinishReason,
    prompt: int = 20,
    images: int = 0,
    reasoning: int = 0,
) -> generator_pb2.GenerateTextResponse:
    return Response(
        complete=generator_pb2.Complete(
            candidates=[
                generator_pb2.CandidateResult(candidate_index=index, finish_reason=each)
                for index, each in enumerate((reason, *further_reasons))
            ],
            usage=generator_pb2.Usage(
                prompt_token_count=prompt,
                image_token_count=images,
                completion_token_count=tokens,
                reasoning_token_count=reasoning,
            ),
        )
    )


def says(*pieces: str) -> list[Step]:
    """A whole answer."""
    return [started(), *(delta(piece) for piece in pieces), complete(len(pieces))]


async def eventually(check: Callable[[], Awaitable[Found]]) -> Found:
    """Asks again until the answer is truthy; TimeoutError when it never is."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await check()):
            await asyncio.sleep(0)
    return found


class FakeGenerator:
    """Plays one enqueued script per question: messages, pauses (seconds), gates, errors.

    Without a script it answers "ok". `requests` holds what was asked, `cancelled_count`
    how often a listener left before the end.
    """

    def __init__(self) -> None:
        self.requests: list[generator_pb2.GenerateTextRequest] = []
        self.cancelled_count = 0
        self.cancelled = asyncio.Event()
        self.asked = asyncio.Event()
        self.ready = True
        self.media_kinds: list[media_pb2.MediaKind] = [media_pb2.MEDIA_KIND_IMAGE]
        self.current_load = generator_pb2.GetLoadResponse()
        self.current_statistics = generator_pb2.GetStatisticsResponse()
        self.info_error: SightlineError | None = None
        self.fallback: Callable[[], Iterable[Step]] = lambda: says("ok")
        self._scripts: deque[list[Step]] = deque()

    def enqueue(self, script: Iterable[Step]) -> None:
        self._scripts.append(list(script))

    async def generate_text(
        self, request: generator_pb2.GenerateTextRequest, timeout_s: float
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        self.requests.append(request)
        self.asked.set()
        script = self._scripts.popleft() if self._scripts else self.fallback()
        try:
            for step in script:
                match step:
                    case Response():
                        yield step
                    case BaseException():
                        raise step
                    case asyncio.Event():
                        await step.wait()
                    case _:
                        await asyncio.sleep(float(step))
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled_count += 1
            self.cancelled.set()
            raise

    async def model_info(self) -> generator_pb2.GetModelInfoResponse:
        if self.info_error is not None:
            raise self.info_error
        return generator_pb2.GetModelInfoResponse(
            model=MODEL,
            checkpoint_fingerprint=FINGERPRINT,
            media_kinds=self.media_kinds,
            max_token_count=8192,
            default_max_token_count=1024,
            default_sampling=generator_pb2.SamplingOptions(temperature=0.0, top_p=1.0),
        )

    async def load(self) -> generator_pb2.GetLoadResponse:
        if self.info_error is not None:
            raise self.info_error
        return self.current_load

    async def statistics(self) -> generator_pb2.GetStatisticsResponse:
        return self.current_statistics

    async def is_ready(self) -> bool:
        return self.ready


def png(red: int = 200, green: int = 40, blue: int = 40, side: int = 48) -> bytes:
    """A square PNG of one colour."""
    row = b"\0" + bytes((red, green, blue)) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * side)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
