"""How web stops: refusals with a reason at once, and a reason for what outlasts the drain."""

from __future__ import annotations

import asyncio
import json

import httpx2
from sightline_web.draining import Draining
from sightline_web.middleware.draining import DrainingMiddleware

HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
}


class Application:
    """Answers probes; streams one event, or nothing, and then waits for its release."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/v1/stream":
            await send(HEAD)
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        if scope["path"].startswith("/v1/"):
            self.reached.set()
            await self.released.wait()
        if scope["path"] != "/v1/stream":
            await send({**HEAD, "headers": []})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def served():
    application, draining = Application(), Draining()
    transport = httpx2.ASGITransport(DrainingMiddleware(application, draining))
    client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
    return application, draining, client


async def begun(application, client, path):
    request = asyncio.create_task(client.get(path))
    await application.reached.wait()
    return request


async def test_liveness_is_told_to_the_end_and_all_else_refused():
    _application, draining, client = served()
    async with client:
        assert (await client.get("/ready")).status_code == 200
        draining.has_begun = True
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/health")).status_code == 200
        refused = await client.post("/v1/chat/completions")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "model_not_ready"
        assert int(refused.headers["retry-after"]) > 0


async def test_drain_waits_for_what_was_accepted():
    application, draining, client = served()
    async with client:
        request = await begun(application, client, "/v1/stream")
        draining.has_begun = True
        drain = asyncio.create_task(draining.drain(60))
        await asyncio.sleep(0.2)
        assert not drain.done()
        application.released.set()
        async with asyncio.timeout(30):
            await drain
        assert (await request).text.endswith("data: [DONE]\n\n")


async def test_stream_that_outlasts_the_drain_ends_with_an_error_event():
    application, draining, client = served()
    async with client:
        request = await begun(application, client, "/v1/stream")
        await draining.drain(0)
        *_, last = (await request).text.strip().split("\n\n")
        error = json.loads(last.removeprefix("data: "))["error"]
        assert error["code"] == "model_not_ready"


async def test_answer_that_outlasts_the_drain_is_an_error_with_its_status():
    application, draining, client = served()
    async with client:
        request = await begun(application, client, "/v1/whole")
        await draining.drain(0)
        answer = await request
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_not_ready")
