"""A bare gRPC server that exchanges as the encoder does, and does nothing else.

`python -m benchmarks.bare_exchange PORT` answers the first message with one message, a second
one with the bytes of a picture's features, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc import aio
from sightline_common.event_loop import run

METHOD = "/bare/Exchange"
ANSWER = bytes(4 * 1024)


async def exchange(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    """Answers every message."""
    async for _ in requests:
        yield ANSWER


async def serve(port: int) -> None:
    """Serves until the process is ended."""
    server = aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(exchange)
    handlers = grpc.method_handlers_generic_handler("bare", {"Exchange": handler})
    server.add_generic_rpc_handlers((handlers,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    run(serve(int(sys.argv[1])))
