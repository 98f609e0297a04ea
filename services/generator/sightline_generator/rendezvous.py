"""Rendezvous hashing with bounded load: who of several nodes owns a key, and who helps out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence


def ranked(key: str, nodes: Iterable[str]) -> list[str]:
    """Returns the nodes in a key's own order of preference; the first one owns the key.

    Every node's weight depends on key and node alone, so that a node that comes or goes
    moves no key between the others.
    """
    return sorted(nodes, key=lambda node: (_weight(key, node), node), reverse=True)


def _weight(key: str, node: str) -> bytes:
    # The length keeps ("ab", "c") and ("a", "bc") apart.
    return hashlib.blake2b(f"{len(key)} {key} {node}".encode(), digest_size=8).digest()


def load_bound(num_running: int, num_nodes: int, load_factor: float) -> int:
    """Returns what one node may have running, the next piece of work included.

    That is its fair share of all that runs, times a factor of at least 1.
    """
    return math.ceil(load_factor * (num_running + 1) / num_nodes)


def first_with_room(preferred: Sequence[str], loads: Mapping[str, int], load_factor: float) -> str:
    """Returns the first node that may take one more piece of work; there always is one."""
    running = {node: loads.get(node, 0) for node in preferred}
    bound = load_bound(sum(running.values()), len(running), load_factor)
    return next(node for node in preferred if running[node] < bound)
