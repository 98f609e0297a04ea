"""The endpoints that OpenAI's clients call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from sightline.generator.v1 import generator_pb2
from sightline_common.errors import InternalError, SightlineError
from sightline_common.telemetry import log
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sightline_web.accounts.account import account_of
from sightline_web.answer import Answer, collect_answer
from sightline_web.catalog import ModelCatalog
from sightline_web.chat.requests import owner_of
from sightline_web.config import WebSettings
from sightline_web.disconnect import unless_disconnected
from sightline_web.generator_client import Generator
from sightline_web.openai.errors import ApiError, api_error
from sightline_web.openai.messages import MessageReader
from sightline_web.openai.request import ChatCompletionRequest, read_request
from sightline_web.openai.responses import (
    DONE,
    ChunkWriter,
    completion,
    identity_of,
    model_object,
    to_json,
)
from sightline_web.sse import EventStreamResponse, event
from sightline_web.tenants import Tenants

_INLINE_BYTES = 64 * 1024
_NO_STORE = {"cache-control": "no-store"}
_logger = logging.getLogger(__name__)

Responses = AsyncIterator[generator_pb2.GenerateTextResponse]


class OpenAIApi:
    """Chat completions and models over one generator."""

    def __init__(self, generator: Generator, catalog: ModelCatalog, settings: WebSettings) -> None:
        self._generator = generator
        self._catalog = catalog
        self._deadline_s = settings.request_deadline_s
        self._tenants = Tenants(settings.data_dir, settings.tenant_secret)
        self._reader = MessageReader(
            settings.max_image_bytes, settings.max_message_count, settings.max_video_bytes
        )

    def routes(self) -> list[Route]:
        return [
            Route("/v1/chat/completions", self.create_chat_completion, methods=["POST"]),
            Route("/v1/models", self.list_models),
            Route("/v1/models/{name:path}", self.show_model),
        ]

    async def list_models(self, request: Request) -> Response:
        info = await self._catalog.current()
        created = self._catalog.created
        models = [model_object(name, created, info) for name in await self._catalog.names()]
        return JSONResponse({"object": "list", "data": models})

    async def show_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        await self._catalog.resolve(name)
        info = await self._catalog.current()
        return JSONResponse(model_object(name, self._catalog.created, info))

    async def create_chat_completion(self, request: Request) -> Response:
        asked = await self._read(request)
        asked.generation.model = await self._catalog.resolve(asked.model)
        _check_rank(request, asked.generation.priority)
        own_salt = asked.generation.cache_salt
        asked.generation.cache_salt = self._tenants.cache_salt(owner_of(request), own_salt)
        responses = self._generator.generate_text(asked.generation, self._deadline_s)
        if asked.stream:
            return await self._streamed(request, asked, responses)
        collected = collect_answer(responses, asked.candidate_count)
        answer = await unless_disconnected(request.receive, collected)
        return JSONResponse(completion(identity_of(answer.started), answer), headers=_NO_STORE)

    async def _read(self, request: Request) -> ChatCompletionRequest:
        _check_content_type(request)
        body = await request.body()
        if len(body) <= _INLINE_BYTES:
            return read_request(body, self._reader)
        return await asyncio.to_thread(read_request, body, self._reader)

    async def _streamed(
        self, request: Request, asked: ChatCompletionRequest, responses: Responses
    ) -> Response:
        # the first message is awaited here, so that refusals keep their HTTP status
        first = await unless_disconnected(request.receive, _first(responses))
        answer = Answer(first, asked.candidate_count)
        writer = ChunkWriter(identity_of(first), asked.usage_wanted, asked.continuous_usage)
        return EventStreamResponse(_events(writer, answer, responses))


async def _first(responses: Responses) -> generator_pb2.Started:
    response = await anext(aiter(responses), None)
    if response is not None and response.WhichOneof("payload") == "started":
        return response.started
    await _close(responses)
    raise InternalError("The generator did not start its answer.")


async def _events(
    writer: ChunkWriter, answer: Answer, responses: Responses
) -> AsyncGenerator[bytes, None]:
    try:
        for chunk in writer.opening(answer):
            yield event(chunk)
        async for response in responses:
            answer.add(response)
            for chunk in writer.deltas(answer, response.delta):
                yield event(chunk)
        for chunk in writer.closing(answer):
            yield event(chunk)
        yield event(DONE)
    except SightlineError as error:
        log(_logger, "stream failed", reason=error.reason, field=error.field)
        yield event(to_json(api_error(error).body))
    except Exception:
        _logger.exception("stream failed")
        failure = InternalError("The server failed; its log has the details.")
        yield event(to_json(api_error(failure).body))
    finally:
        await _close(responses)


async def _close(responses: Responses) -> None:
    if isinstance(responses, AsyncGenerator):
        await responses.aclose()


def _check_rank(request: Request, priority: int) -> None:
    """Raises ApiError for whoever would pass others without being an operator."""
    if priority > 0 and not account_of(request).is_operator:
        message = "Only an operator's key may set a priority below 0; others may wait longer."
        raise ApiError(message, http_status=403, code="operators_only", param="priority")


def _check_content_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(
            "Send the request as application/json.",
            http_status=415,
            code="unsupported_content_type",
        )
