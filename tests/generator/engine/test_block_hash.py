"""Hashes of KV blocks are the same in every process, and whole."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from sightline_generator.engine.block_hash import HASH_BYTES, extend_block_hashes

BLOCK_SIZE = 16


def sequence_with(content, salt="", num_tokens=BLOCK_SIZE):
    span = SimpleNamespace(content=content, offset=8, length=20, end=28)
    return SimpleNamespace(
        token_ids=list(range(num_tokens)),
        feature_spans=[span],
        adapter="",
        salt=salt,
        block_hashes=[],
    )


def hashes(content="sha256:" + "a" * 64, salt="salt"):
    sequence = sequence_with(content, salt, 3 * BLOCK_SIZE)
    extend_block_hashes(sequence, BLOCK_SIZE)
    return [each.hex() for each in sequence.block_hashes]


PROGRAM = f"""
from types import SimpleNamespace
from sightline_generator.engine.block_hash import extend_block_hashes
BLOCK_SIZE = {BLOCK_SIZE}
{inspect.getsource(sequence_with)}
{inspect.getsource(hashes)}
print(*hashes())
"""


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_hashes_do_not_depend_on_the_process(seed):
    environ = {**os.environ, "PYTHONHASHSEED": seed}

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == hashes()


def test_every_hash_is_whole_and_follows_from_content_and_salt():
    found = [*hashes(), *hashes(content="sha256:" + "a" * 63 + "b"), *hashes(salt="other")]

    assert {len(each) for each in found} == {2 * HASH_BYTES} and HASH_BYTES == 32
    assert len(set(found)) == len(found) == 9


def test_a_hundred_thousand_pictures_share_no_block():
    sequence, found = sequence_with(""), set()
    for number in range(100_000):
        sequence.feature_spans[0].content = f"sha256:{number:064x}"
        sequence.block_hashes.clear()
        extend_block_hashes(sequence, BLOCK_SIZE)
        found.add(sequence.block_hashes[0])

    assert len(found) == 100_000
