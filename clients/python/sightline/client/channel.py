"""What a channel to the generator needs: message sizes, keepalive, TLS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import grpc

ChannelOptions = list[tuple[str, int | str]]
DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Tls:
    """Files for an encrypted channel, in PEM.

    Without `ca` the roots that gRPC brings are believed. `cert` and `key` show who calls, where
    the server asks for it (mutual TLS). `server_name` is the name in the server's
    certificate, where the target is not it.
    """

    ca: str | os.PathLike[str] | None = None
    cert: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    server_name: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files; raises OSError."""
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.key), _read(self.cert))


def channel_options(max_message_bytes: int, tls: Tls | None) -> ChannelOptions:
    """Returns gRPC's options for a channel. Retries are ours: gRPC's would buffer uploads."""
    options: ChannelOptions = [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.enable_retries", 0),
    ]
    if tls is not None and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
