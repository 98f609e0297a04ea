"""`python -m sightline_common.probe host:port`: succeeds if a gRPC service says that it serves."""

from __future__ import annotations

import asyncio
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sightline_common.channel import open_channel
from sightline_common.tls import ClientTls

PROBE_TIMEOUT_S = 2.0


async def is_serving(target: str, tls: ClientTls | None = None) -> bool:
    """Asks standard gRPC health; a server that cannot be reached does not serve."""
    async with open_channel(target, tls=tls) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not asyncio.run(is_serving(sys.argv[1])))
