"""Ports for servers that are about to start."""

from __future__ import annotations

import random
import socket

PORTS = range(10_000, 32_768)
"""Below those that Linux gives to outgoing connections, one of which could come in between."""


def free_ports(count: int) -> list[int]:
    """Returns so many different ports of this machine that were free a moment ago."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.choice(PORTS)
        if _is_free(port):
            ports.add(port)
    return list(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that a connection that has just ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
