"""A generator without a model: it says as many words as a question asks for, at its pace.

    python -m benchmarks.page.scripted_generator PORT

The question "600 words at 50 a second" gets 600 deltas of one token each.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline.type.v1 import media_pb2

NAME = "scripted"
_QUESTION = re.compile(r"(\d+) words at (\d+) a second")
_WORDS_A_PARAGRAPH = 40


def question(num_words: int, words_per_s: int) -> str:
    """Returns what to ask for so many words at that pace."""
    return f"{num_words} words at {words_per_s} a second"


class ScriptedGenerator(generator_pb2_grpc.GeneratorServiceServicer):
    """Answers by the clock: a late word makes the next pause shorter."""

    async def GenerateText(
        self,
        request: generator_pb2.GenerateTextRequest,
        context: aio.ServicerContext[
            generator_pb2.GenerateTextRequest, generator_pb2.GenerateTextResponse
        ],
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        found = _QUESTION.search(request.messages[-1].parts[-1].text)
        num_words, words_per_s = map(int, found.groups()) if found else (3, 10)
        yield generator_pb2.GenerateTextResponse(started=generator_pb2.Started(model=NAME))
        clock = asyncio.get_running_loop().time
        begin = clock()
        for index in range(num_words):
            await asyncio.sleep(max(0.0, begin + index / words_per_s - clock()))
            yield generator_pb2.GenerateTextResponse(delta=generator_pb2.Delta(text=_word(index)))
        yield generator_pb2.GenerateTextResponse(complete=_complete(num_words))

    async def GetModelInfo(
        self,
        request: generator_pb2.GetModelInfoRequest,
        context: aio.ServicerContext[
            generator_pb2.GetModelInfoRequest, generator_pb2.GetModelInfoResponse
        ],
    ) -> generator_pb2.GetModelInfoResponse:
        return generator_pb2.GetModelInfoResponse(
            model=NAME, max_token_count=8192, media_kinds=[media_pb2.MEDIA_KIND_IMAGE]
        )


def _word(index: int) -> str:
    if index % _WORDS_A_PARAGRAPH == _WORDS_A_PARAGRAPH - 1:
        return f"**end{index}**.\n\n"
    return f"word{index} "


def _complete(num_words: int) -> generator_pb2.Complete:
    result = generator_pb2.CandidateResult(finish_reason=generator_pb2.FINISH_REASON_STOP)
    usage = generator_pb2.Usage(completion_token_count=num_words)
    return generator_pb2.Complete(candidates=[result], usage=usage)


async def serve(port: int) -> None:
    """Serves until the process is ended."""
    server = aio.server()
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(
        ScriptedGenerator(),  # type: ignore[abstract]  # the page calls no more of it
        server,
    )
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
