"""A relay to a server that goes on holding its side of a connection when the client's is closed."""

import socket
import threading
from contextlib import contextmanager, suppress

CHUNK_BYTES = 65536
JOIN_S = 10.0


@contextmanager
def relaying(target):
    """Yields the relay's own target.

    Behind it a server cannot tell that its client is gone: only what the client says on
    the wire before it leaves, such as the cancelling of a call, reaches the server.
    """
    host, port = target.rsplit(":", 1)
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(
            target=_accept, args=(listener, (host, int(port)), connections), daemon=True
        )
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(JOIN_S)
            for connection in connections:
                connection.close()


class _Connection:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, client, server):
        self._sockets = (client, server)
        ways = ((client, server), (server, client))
        self._pumps = [threading.Thread(target=_pump, args=way, daemon=True) for way in ways]
        for pump in self._pumps:
            pump.start()

    def close(self):
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for pump in self._pumps:
            pump.join(JOIN_S)
        for end in self._sockets:
            end.close()


def _accept(listener, address, connections):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            connections.append(_Connection(client, socket.create_connection(address)))


def _pump(source, sink):
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            with suppress(OSError):
                sink.sendall(data)
