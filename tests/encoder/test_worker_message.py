from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest
from sightline_encoder import worker_message
from sightline_encoder.worker_message import (
    MessageError,
    receive_answer,
    receive_request,
    send_answer,
    send_request,
)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        theirs.settimeout(60)
        yield ours, theirs


def soon():
    return time.monotonic() + 60


def header(facts_size, body_size, magic=b"SLW1"):
    return struct.pack("<4sIQ", magic, facts_size, body_size)


def forged(theirs, body, seals=True, claimed=None, facts=b"{}"):
    """Sends an answer as a worker that went mad could."""
    memory = os.memfd_create("forged", os.MFD_ALLOW_SEALING)
    os.write(memory, body)
    if seals:
        worker_message._seal(memory)
    size = len(body) if claimed is None else claimed
    socket.send_fds(theirs, [header(len(facts), size)], [memory])
    theirs.sendall(facts)
    os.close(memory)


def num_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_request_arrives_whole(ends):
    send_request(ends[1], {"decoder": "a"}, b"bytes of a file")

    assert receive_request(ends[0]) == ({"decoder": "a"}, b"bytes of a file")


def test_answer_arrives_whole_and_leaves_no_descriptor(ends):
    before = num_descriptors()
    send_answer(ends[1], {"shapes": [[3]]}, [memoryview(b"abc"), memoryview(b"def")])
    facts, body = receive_answer(ends[0], soon())

    assert (facts, bytes(body)) == ({"shapes": [[3]]}, b"abcdef")
    assert body.readonly
    del body
    assert num_descriptors() == before


def test_answer_without_body_is_empty(ends):
    send_answer(ends[1], {"error": {}})

    assert bytes(receive_answer(ends[0], soon())[1]) == b""


def test_body_that_its_writer_could_still_cut_off_is_refused(ends):
    before = num_descriptors()
    forged(ends[1], b"body", seals=False)
    with pytest.raises(MessageError):
        receive_answer(ends[0], soon())

    assert num_descriptors() == before


@pytest.mark.parametrize("claimed", [0, 3, 5, 2**40])
def test_body_of_another_length_is_refused(ends, claimed):
    forged(ends[1], b"body", claimed=claimed)
    with pytest.raises(MessageError):
        receive_answer(ends[0], soon())


@pytest.mark.parametrize("facts", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_facts_that_are_no_object_are_refused(ends, facts):
    forged(ends[1], b"body", facts=facts)
    with pytest.raises(MessageError):
        receive_answer(ends[0], soon())


@pytest.mark.parametrize("head", [header(2, 0, b"EVIL"), header(2**31, 0), header(2, 0)])
def test_answer_without_a_proper_header_is_refused(ends, head):
    ends[1].sendall(head + json.dumps({}).encode())
    with pytest.raises(MessageError):
        receive_answer(ends[0], soon())


def test_answer_that_comes_in_drops_has_no_more_time_than_another(ends):
    over = threading.Event()

    def drip():
        for byte in header(1000, 0) + b" " * 1000:
            if over.wait(0.02):
                return
            ends[1].sendall(bytes([byte]))

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(TimeoutError):
        receive_answer(ends[0], time.monotonic() + 0.3)
    over.set()
    dripping.join()


def test_end_of_the_connection_is_an_error_at_every_byte(ends):
    whole = header(2, 4) + b"{}" + b"data"
    for length in range(len(whole)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(whole[:length])
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(MessageError):
                receive_request(ours)
