"""Random tensors, drawn once and used over and over, and the files that they go to."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file
from sightline_common.checkpoint import WEIGHTS_INDEX

Make = Callable[[str, torch.Size], torch.Tensor]
Shapes = Mapping[str, torch.Size]

SEED = 0
DTYPE = torch.bfloat16
SHARD_BYTES = 1024**3
"""Readers hash files side by side, and this many fit: a larger tensor has a file of its own."""
NUM_WRITERS = 4
POOL_LENGTH = 16_777_213
"""A prime, so that no matrix has its rows again after a few thousand."""


class RandomTensors:
    """Makes bfloat16 tensors: norms are ones, everything else small normals from one pool.

    Copying out of a pool is as fast as memory, drawing ten billion numbers takes minutes.
    """

    def __init__(self, standard_deviation: float) -> None:
        draw = torch.Generator().manual_seed(SEED)
        self._pool = (torch.randn(POOL_LENGTH, generator=draw) * standard_deviation).to(DTYPE)
        self._rows: dict[str, Sequence[int]] = {}

    def keep_rows(self, name: str, rows: Sequence[int]) -> None:
        """Lets a matrix be zero everywhere but in these rows."""
        self._rows[name] = rows

    def make(self, name: str, shape: torch.Size) -> torch.Tensor:
        """Returns a tensor; equal names and shapes give equal ones."""
        if "norm" in name and name.endswith("weight"):
            return torch.ones(shape, dtype=DTYPE)
        if name not in self._rows:
            return self._drawn(name, shape)
        tensor, rows = torch.zeros(shape, dtype=DTYPE), self._rows[name]
        tensor[rows] = self._drawn(name, torch.Size([len(rows), *shape[1:]]))
        return tensor

    def _drawn(self, name: str, shape: torch.Size) -> torch.Tensor:
        flat = torch.empty(shape.numel(), dtype=DTYPE)
        start = zlib.crc32(name.encode()) % POOL_LENGTH
        for begin, end in _pieces(start, len(flat)):
            flat[begin:end] = self._pool[start : start + end - begin]
            start = 0
        return flat.view(shape)


def _pieces(start: int, length: int) -> Iterator[tuple[int, int]]:
    """Yields the ranges that are filled without a break, the first from `start` in the pool."""
    begin, room = 0, POOL_LENGTH - start
    while begin < length:
        end = min(length, begin + room)
        yield begin, end
        begin, room = end, POOL_LENGTH


def write_shards(folder: Path, shapes: Shapes, make: Make) -> None:
    """Writes a checkpoint's tensors and the index that says which file has which."""
    shards = list(grouped(shapes))
    names = [f"model-{n:05}-of-{len(shards):05}.safetensors" for n in range(1, len(shards) + 1)]

    def write(name: str, shard: Sequence[str]) -> None:
        tensors = {tensor: make(tensor, shapes[tensor]) for tensor in shard}
        save_file(tensors, folder / name, metadata={"format": "pt"})

    with ThreadPoolExecutor(NUM_WRITERS) as pool:
        list(pool.map(write, names, shards))
    places = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": _num_bytes(shapes)}, "weight_map": places}
    (folder / WEIGHTS_INDEX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")


def grouped(shapes: Shapes, most_bytes: int = SHARD_BYTES) -> Iterator[list[str]]:
    """Yields names of tensors, in order, that share a file."""
    shard: list[str] = []
    for name in shapes:
        both = {each: shapes[each] for each in (*shard, name)}
        if shard and _num_bytes(both) > most_bytes:
            yield shard
            shard = []
        shard.append(name)
    if shard:
        yield shard


def _num_bytes(shapes: Shapes) -> int:
    return DTYPE.itemsize * sum(shape.numel() for shape in shapes.values())
