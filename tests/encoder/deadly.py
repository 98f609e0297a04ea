"""A decoder that does what a test tells it, in the worker's own process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from sightline_common.errors import MediaUnreadableError
from sightline_encoder.decoded import Decoded
from sightline_encoder.resampling import is_equipped

DECODER = __name__


def decode(data, options):
    result = ACTS[options["act"]](data, options)
    return result if isinstance(result, Decoded) else Decoded([], {"result": result})


def die_once(data, options):
    mark = Path(options["mark"])
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return "survived"


def spin(data, options):
    while True:
        pass


def burn(data, options):
    until = time.process_time() + options["cpu_s"]
    while time.process_time() < until:
        pass
    return "burnt"


def refuse(data, options):
    raise MediaUnreadableError("damaged", metadata={"format": "TEST"})


def fill_memory(data, options):
    return len(bytearray(options["num_bytes"]))


def planes(data, options):
    return Decoded(
        [
            np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
            np.zeros((0, 3), np.uint8),
            np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        ],
        {"timestamps": [0.5, 1.0]},
    )


def surroundings(data, options):
    return {"modules": sorted(sys.modules), "environment": dict(os.environ)}


def wait(data, options):
    Path(options["mark"]).touch()
    time.sleep(600)


ACTS = {
    "equipped": lambda data, options: is_equipped(),
    "echo": lambda data, options: data.decode(),
    "size": lambda data, options: len(data),
    "pid": lambda data, options: os.getpid(),
    "exit": lambda data, options: os._exit(3),
    "segfault": lambda data, options: ctypes.string_at(0),
    "killed": lambda data, options: os.kill(os.getpid(), signal.SIGKILL),
    "raise": lambda data, options: {}["no such key"],
    "fill_disk": lambda data, options: Decoded([np.zeros(options["num_bytes"], np.uint8)]),
    "nonsense": lambda data, options: {"self": float("nan")},
    "burn": burn,
    "die_once": die_once,
    "spin": spin,
    "refuse": refuse,
    "fill_memory": fill_memory,
    "planes": planes,
    "surroundings": surroundings,
    "wait": wait,
}
