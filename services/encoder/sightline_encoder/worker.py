"""`python -m sightline_encoder.worker`: a process in which files are decoded.

It does not import grpc, nor torch before its first video, knows no secret of the service,
and may use only so much memory and time. It ends when its owner does.
"""

from __future__ import annotations

import importlib
import math
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sightline_common.errors import MediaError, MediaTooLargeError

from sightline_encoder.decoded import Decoded, decode_here
from sightline_encoder.resampling import equip
from sightline_encoder.worker_message import MessageError, receive_request, send_answer


def main(arguments: list[str]) -> None:
    """Serves one owner.

    The arguments are its socket's descriptor, the bytes of memory, and, if there is one, the
    library of the kernels that resample.
    """
    connection = socket.socket(fileno=int(arguments[0]))
    importlib.import_module("sightline_encoder.picture")
    for library in arguments[2:]:
        equip(Path(library))
    _end_with_owner(connection)
    _limit_memory(int(arguments[1]))
    send_answer(connection, {"ready": True})
    while True:
        try:
            request, data = receive_request(connection)
        except MessageError:
            return
        answer = _answer(request, data)
        del data
        send_answer(connection, *_message(answer))


def _end_with_owner(connection: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's affair
    threading.Thread(target=_watch, args=[connection.fileno()], daemon=True).start()


def _watch(descriptor: int) -> None:
    hang_up = select.poll()
    hang_up.register(descriptor, 0)
    hang_up.poll()
    os._exit(0)


def _limit_memory(max_bytes: int) -> None:
    """Bounds private memory and, as the length of any file, what is shared."""
    resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: float) -> None:
    """Lets the process use `seconds` more of CPU time, rounded up to a whole second."""
    used = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (used, resource.RLIM_INFINITY))


def _answer(request: Mapping[str, Any], data: bytes) -> Decoded | MediaError:
    _limit_cpu(request["cpu_s"])
    try:
        return decode_here(request["decoder"], data, request["options"])
    except MediaError as error:
        return error
    except MemoryError:
        return MediaTooLargeError("The file needs more memory than there is.")


def _message(answer: Decoded | MediaError) -> tuple[dict[str, Any], list[memoryview]]:
    if isinstance(answer, MediaError):
        error = {"reason": answer.reason, "message": answer.message, "metadata": answer.metadata}
        return {"error": error}, []
    planes = [np.ascontiguousarray(plane) for plane in answer.planes]
    facts = {"shapes": [plane.shape for plane in planes], "facts": dict(answer.facts)}
    return facts, [plane.data for plane in planes if plane.size]


if __name__ == "__main__":
    main(sys.argv[1:])
