"""A plaintext port for probes, which speak neither TLS nor anything but health."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from grpc import aio
from grpc_health.v1 import health_pb2_grpc


@asynccontextmanager
async def health_port(servicer: Any, host: str, port: int) -> AsyncIterator[int]:
    """Serves health alone while it is open and yields the port; 0 lets the system choose."""
    server = aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_metadata_size", 16 * 1024)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(0)
