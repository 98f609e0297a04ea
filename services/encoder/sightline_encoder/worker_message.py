"""What a worker process and its owner say to each other.

A message is a fixed header, facts in JSON, and bytes. An answer's bytes do not travel: they
lie in sealed shared memory, whose descriptor comes with the header. Nothing here can run
code, whatever a file made of the worker.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

_HEADER = struct.Struct("<4sIQ")
_MAGIC = b"SLW1"
_MAX_FACTS_BYTES = 1024**2
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_SEALS = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL")


class MessageError(Exception):
    """Means that what came is no message: the other side died, or went mad."""


def send_request(connection: socket.socket, facts: Mapping[str, Any], data: bytes) -> None:
    """Sends facts and a file's bytes; raises OSError."""
    encoded = json.dumps(facts).encode()
    connection.sendall(_HEADER.pack(_MAGIC, len(encoded), len(data)) + encoded)
    connection.sendall(data)


def receive_request(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Returns facts and a file's bytes; raises MessageError when there is no more."""
    facts_size, data_size = _sizes(_exactly(connection, _HEADER.size))
    facts = _facts(_exactly(connection, facts_size))
    return facts, bytes(_exactly(connection, data_size))


def send_answer(
    connection: socket.socket, facts: Mapping[str, Any], parts: Iterable[memoryview] = ()
) -> None:
    """Sends facts, and parts of a body in shared memory; raises OSError."""
    encoded = json.dumps(facts).encode()
    descriptor = _shared_memory()
    try:
        num_bytes = sum(_write_all(descriptor, part) for part in parts)
        _seal(descriptor)
        header = _HEADER.pack(_MAGIC, len(encoded), num_bytes)
        socket.send_fds(connection, [header], [descriptor])
    finally:
        os.close(descriptor)
    connection.sendall(encoded)


def receive_answer(connection: socket.socket) -> tuple[dict[str, Any], memoryview]:
    """Returns facts and a read-only body that lives as long as the view.

    Raises MessageError, or OSError (TimeoutError when the connection's time is over).
    """
    header, descriptors, _flags, _address = socket.recv_fds(
        connection, _HEADER.size, 1, _CLOSE_ON_EXEC
    )
    try:
        rest = _exactly(connection, _HEADER.size - len(header))
        facts_size, num_bytes = _sizes(header + rest)
        facts = _facts(_exactly(connection, facts_size))
        if len(descriptors) != 1:
            raise MessageError("an answer without its body")
        return facts, _mapped(descriptors[0], num_bytes)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _sizes(header: bytes | bytearray) -> tuple[int, int]:
    magic, facts_size, body_size = _HEADER.unpack(header)
    if magic != _MAGIC or facts_size > _MAX_FACTS_BYTES:
        raise MessageError("not the header of a message")
    return facts_size, body_size


def _facts(encoded: bytes | bytearray) -> dict[str, Any]:
    try:
        facts = json.loads(encoded)
    except (ValueError, RecursionError):
        raise MessageError("facts that are no JSON") from None
    if not isinstance(facts, dict):
        raise MessageError("facts that are no object")
    return facts


def _exactly(connection: socket.socket, num_bytes: int) -> bytearray:
    received = bytearray(num_bytes)
    view = memoryview(received)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise MessageError("the connection ended")
        view = view[count:]
    return received


def _shared_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sightline-planes", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, part: memoryview) -> int:
    view = part.cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
    return part.nbytes


def _seals() -> int:
    """Returns the seals that this system knows, 0 if none."""
    return sum(getattr(fcntl, name, 0) for name in _SEALS)


def _seal(descriptor: int) -> None:
    if hasattr(os, "memfd_create"):
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _seals())


def _mapped(descriptor: int, num_bytes: int) -> memoryview:
    """Maps a body; memory that its writer could still cut off would end this process."""
    if os.fstat(descriptor).st_size != num_bytes:
        raise MessageError("a body of another length")
    if hasattr(os, "memfd_create") and fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) != _seals():
        raise MessageError("a body that is not sealed")
    if not num_bytes:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, num_bytes, prot=mmap.PROT_READ))
