import asyncio
import json
import threading
from contextlib import contextmanager

import pytest

from benchmarks.answer import Answer, AnswerError
from benchmarks.load import Load, run_load
from benchmarks.measure import Sample

REPLY = (
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}\n\n'
)


class Server:
    """Answers every request alike and keeps the bodies, and how many were open at once."""

    def __init__(self, reply, gather=1):
        self.bodies = []
        self.most_open = 0
        self._reply = reply
        self._gather = gather
        self._open = 0
        self._all_there = asyncio.Event()

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        if self._open >= self._gather:
            self._all_there.set()
        await self._all_there.wait()
        self._open -= 1
        writer.write(self._reply)
        writer.close()


@contextmanager
def serving(reply=REPLY, gather=1):
    """Runs a server in a thread of its own; it answers once `gather` requests are open."""
    loop = asyncio.new_event_loop()
    server = Server(reply, gather)
    listener = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(listener.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def bodies(*clients):
    return [[json.dumps(body).encode() for body in client] for client in clients]


def test_every_request_is_answered_and_sent_as_it_is():
    with serving() as (server, port):
        load = run_load(port, bodies([1, 2], [3]))
    assert len(load.answers) == 3
    assert sorted(server.bodies) == [1, 2, 3]


def test_clients_ask_at_once():
    with serving(gather=3) as (server, port):
        run_load(port, bodies([1], [2], [3]))
    assert server.most_open == 3


def test_one_client_asks_one_after_the_other():
    with serving() as (server, port):
        run_load(port, bodies([1, 2, 3]))
    assert (server.bodies, server.most_open) == ([1, 2, 3], 1)


def test_connection_that_closes_without_an_answer_is_an_error():
    with serving(reply=b"") as (_, port), pytest.raises(AnswerError):
        run_load(port, bodies([1]))


def test_rate_is_all_tokens_over_the_whole_round():
    answers = tuple(Answer(Sample(0.1, 1.0, 30), 5) for _ in range(4))
    load = Load(answers, wall_s=2.0, own_cpu_s=0.5)
    assert (load.tokens_per_s, load.own_cpu_share) == (60.0, 0.25)
