"""A generator that refuses as told, for what a running suite cannot be made to do cheaply."""

import threading
import time
from concurrent import futures
from contextlib import contextmanager
from itertools import islice

import grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.status import STATUS_DETAILS_KEY, status_code, status_details

HOLD_S = 20.0
"""How long anything here waits for what should come at once."""
PACE_S = 0.005
"""How long an endless answer waits between its pieces."""
WORDS = ("Red ", "and ", "blue.")


class ScriptedGenerator(generator_pb2_grpc.GeneratorServiceServicer):
    """Raises the errors of `refusals` in turn, then answers.

    `requests` and `arrivals` (seconds) tell what came; an `endless` answer goes on until
    its client is gone, which sets `departed`. `cut_after` ends the stream, without an error,
    after so many messages. The method named `held` sets `waiting` and waits for its
    client to leave.
    """

    def __init__(self, refusals=(), *, endless=False, failure=None, cut_after=None, held=None):
        self.refusals = list(refusals)
        self.endless = endless
        self.failure = failure
        self.cut_after = cut_after
        self.held = held
        self.waiting = threading.Event()
        self.requests, self.uploads, self.arrivals = [], [], []
        self.departed = threading.Event()

    def GenerateText(self, request, context):
        self._arrive(request, context)
        self._hold("GenerateText", context)
        yield from islice(self._answer(context), self.cut_after)

    def _answer(self, context):
        yield generator_pb2.GenerateTextResponse(started={"prompt_token_count": 7})
        yield from map(_delta, WORDS)
        while self.endless and context.is_active():
            yield _delta("more ")
            self.departed.wait(PACE_S)
        if self.failure is not None:
            _refuse(context, self.failure)
        candidate = {"finish_reason": generator_pb2.FINISH_REASON_STOP}
        usage = {"completion_token_count": len(WORDS)}
        yield generator_pb2.GenerateTextResponse(
            complete={"candidates": [candidate], "usage": usage}
        )

    def CountTokens(self, request, context):
        self._arrive(request, context)
        return generator_pb2.CountTokensResponse(prompt_token_count=7)

    def PutMedia(self, requests, context):
        self._hold("PutMedia", context)
        header = next(requests).header
        self.uploads.append((header, b"".join(request.chunk for request in requests)))
        return generator_pb2.PutMediaResponse(digest=header.digest)

    def _arrive(self, request, context):
        self.arrivals.append(time.monotonic())
        self.requests.append(request)
        if self.refusals:
            _refuse(context, self.refusals.pop(0))

    def _hold(self, method, context):
        if not context.add_callback(self.departed.set):
            self.departed.set()
        if self.held == method:
            self.waiting.set()
            self.departed.wait(HOLD_S)


@contextmanager
def serving(generator, credentials=None):
    """Serves a generator on a free port and yields its target."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(generator, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        assert server.stop(grace=None).wait(HOLD_S), "a method outlasts its call"


def _delta(text):
    return generator_pb2.GenerateTextResponse(delta={"text": text})


def _refuse(context, error):
    if isinstance(error, grpc.StatusCode):
        context.abort(error, "Refused without details.")
    context.set_trailing_metadata([(STATUS_DETAILS_KEY, status_details(error))])
    context.abort(status_code(error), error.message)
