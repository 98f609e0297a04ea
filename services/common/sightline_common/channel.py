"""gRPC channels with the suite's options."""

from __future__ import annotations

from grpc import aio

MAX_CHUNK_BYTES = 1024 * 1024
"""Bounds one chunk of a file or tensor on any stream."""

CHUNK_BYTES = 1024 * 1024
"""What is sent in one chunk, chosen by `python -m benchmarks.encoder --parts streaming`."""

DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024

KEEPALIVE_OPTIONS: list[tuple[str, int]] = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]

BALANCED = '{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":""}}'
"""Service config of a name with many addresses: those that are ready take turns."""


def open_channel(
    target: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, *, is_balanced: bool = False
) -> aio.Channel:
    """Opens a plaintext channel that notices dead peers and allows large messages.

    Retries by service config stay off: they would buffer whole uploads.
    """
    return aio.insecure_channel(
        target,
        options=[
            *KEEPALIVE_OPTIONS,
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.enable_retries", 0),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            *([("grpc.service_config", BALANCED)] if is_balanced else []),
        ],
    )
