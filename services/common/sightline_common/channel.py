"""gRPC channels with the suite's options."""

from __future__ import annotations

from grpc import aio

from sightline_common.tls import ClientTls

MAX_CHUNK_BYTES = 1024 * 1024
"""Bounds one chunk of a file on any stream."""

CHUNK_BYTES = 2 * 1024 * 1024
"""Bounds one chunk of a tensor, chosen by `python -m benchmarks.encoder --parts streaming`."""

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
    target: str,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    *,
    tls: ClientTls | None = None,
    server_name: str = "",
    is_balanced: bool = False,
) -> aio.Channel:
    """Opens a channel, plaintext without `tls`, that notices dead peers and allows large messages.

    `server_name` is the name that the server's certificate must have, where the target is
    not it. With `is_balanced`, the addresses of a name that are ready take turns. Retries
    by service config stay off: they would buffer whole uploads.
    """
    options: list[tuple[str, int | str]] = [
        *KEEPALIVE_OPTIONS,
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.enable_retries", 0),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
    if is_balanced:
        options.append(("grpc.service_config", BALANCED))
    if tls is None:
        return aio.insecure_channel(target, options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return aio.secure_channel(target, tls.credentials(), options)
