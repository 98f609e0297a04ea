from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sightline_common.chunks import WHOLE_BYTES, chunk_bounds, recut, split_chunks

SIZES = st.integers(0, 300)
BOUNDS = st.integers(1, 64)


@given(num_bytes=SIZES, chunk_bytes=BOUNDS)
def test_chunks_are_the_payload_in_order(num_bytes, chunk_bytes):
    payload = memoryview(bytes(number % 251 for number in range(num_bytes)))

    assert b"".join(split_chunks(payload, chunk_bytes)) == payload


@given(num_bytes=SIZES, chunk_bytes=BOUNDS)
def test_chunks_are_few_bounded_and_of_about_one_size(num_bytes, chunk_bytes):
    sizes = [len(chunk) for chunk in split_chunks(memoryview(bytes(num_bytes)), chunk_bytes)]

    assert len(sizes) == -(-num_bytes // chunk_bytes)
    assert all(0 < size <= chunk_bytes for size in sizes)
    assert len(set(sizes[:-1])) <= 1
    assert max(sizes, default=0) - min(sizes, default=0) < WHOLE_BYTES * max(1, len(sizes))


@given(num_bytes=SIZES, chunk_bytes=st.sampled_from([16, 32, 48]))
def test_no_cut_divides_an_element(num_bytes, chunk_bytes):
    assert all(begin % 8 == 0 for begin, _ in chunk_bounds(num_bytes, chunk_bytes))


def test_chunks_share_the_memory_of_the_payload():
    memory = bytearray(8)
    chunks = list(split_chunks(memoryview(memory), 4))

    memory[5] = 1

    assert bytes(chunks[1]) == b"\0\1\0\0"


@given(num_bytes=SIZES, chunk_bytes=BOUNDS, piece_bytes=BOUNDS)
def test_chunks_cut_anew_are_as_if_cut_so_at_first(num_bytes, chunk_bytes, piece_bytes):
    payload = memoryview(bytes(number % 251 for number in range(num_bytes)))

    pieces = recut(split_chunks(payload, chunk_bytes), chunk_bounds(num_bytes, piece_bytes))

    assert list(pieces) == list(split_chunks(payload, piece_bytes))
