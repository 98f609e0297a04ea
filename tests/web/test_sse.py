"""Event streams, without a server."""

import asyncio
from contextlib import suppress

import pytest
from sightline_web import sse
from sightline_web.sse import KEEPALIVE, EventStreamResponse


class Client:
    """Notes what a response sends; leaves when it is told to."""

    def __init__(self):
        self.bodies = []
        self.ended = False
        self.gone = asyncio.Event()
        self.noted = asyncio.Condition()

    async def send(self, message):
        async with self.noted:
            if message["type"] == "http.response.body":
                assert not self.ended, "something was sent behind the end"
                self.ended = not message["more_body"]
                self.bodies.append(message["body"])
            self.noted.notify_all()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def until(self, condition):
        async with self.noted:
            await self.noted.wait_for(condition)


@pytest.fixture
def short_silences(monkeypatch):
    monkeypatch.setattr(sse, "KEEPALIVE_S", 0.01)


async def respond(client, events):
    await EventStreamResponse(events)({"type": "http"}, client.receive, client.send)


async def test_events_come_in_order_and_end_once():
    async def events():
        for number in range(5):
            yield b"%d" % number

    client = Client()
    await respond(client, events())
    assert client.bodies == [b"0", b"1", b"2", b"3", b"4", b""]
    assert client.ended


async def test_silences_are_filled_with_comments_until_the_next_event(short_silences):
    client = Client()

    async def events():
        yield b"first"
        await client.until(lambda: client.bodies.count(KEEPALIVE) == 2)
        yield b"last"

    await respond(client, events())
    assert client.bodies[0] == b"first"
    assert client.bodies.count(KEEPALIVE) >= 2
    assert client.bodies[-2:] == [b"last", b""]


async def test_a_client_that_leaves_closes_the_events_and_the_comments(short_silences):
    client, closed = Client(), asyncio.Event()

    async def events():
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    responding = asyncio.create_task(respond(client, events()))
    await client.until(lambda: KEEPALIVE in client.bodies)
    client.gone.set()
    await responding
    assert closed.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_the_events_leaves_no_task_behind(short_silences):
    async def events():
        yield b"first"
        raise RuntimeError("broken")

    with suppress(RuntimeError):
        await respond(Client(), events())
    assert asyncio.all_tasks() == {asyncio.current_task()}
