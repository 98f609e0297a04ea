import math
from itertools import pairwise

import pytest
import torch
from sightline.type.v1 import media_pb2, tensor_pb2
from sightline_common.chunks import split_chunks
from sightline_common.errors import PayloadCorruptError, PromptTooLongError
from sightline_common.tensors import tensor_bytes, tensor_spec
from sightline_generator.feature_receiver import FeatureReceiver

from tests.generator.scripted_encoder import FINGERPRINT, checksum_of, feature_header, features


@pytest.fixture
def receiver(tiny_ours):
    def make(tensor):
        return FeatureReceiver(feature_header(tensor), FINGERPRINT, tiny_ours.family)

    return make


@pytest.mark.parametrize("chunk_bytes", [1, 7, 256, 10**6])
def test_features_are_what_was_sent_however_it_was_cut(receiver, chunk_bytes):
    receiving = receiver(features())
    for chunk in split_chunks(tensor_bytes(features()), chunk_bytes):
        receiving.add(chunk)
    assert torch.equal(receiving.features().copied(), features())


def address(memory):
    return torch.frombuffer(memory, dtype=torch.uint8).data_ptr()


def cut_at(payload, *places):
    """Returns chunks that nobody can write to and whose memory is as aligned as can be."""
    bounds = pairwise([0, *places, len(payload)])
    return [memoryview(bytes(payload[begin:end])) for begin, end in bounds]


def test_rows_stay_where_they_came_and_one_that_two_chunks_share_is_put_together(receiver):
    receiving, row_bytes = receiver(features()), features()[0].nbytes
    first, second = cut_at(tensor_bytes(features()), 2 * row_bytes + 16)
    receiving.add(first)
    receiving.add(second)
    arrived = receiving.features()
    assert [len(part) for part in arrived.parts] == [2, 1, 3]
    assert arrived.parts[0].data_ptr() == address(first)
    assert arrived.parts[2].data_ptr() == address(second) + row_bytes - 16
    assert torch.equal(arrived.copied(), features())


@pytest.mark.parametrize("skipped", [1, 2, 3])
def test_rows_that_begin_between_two_elements_are_moved(receiver, skipped):
    message = bytes(skipped) + tensor_bytes(features())
    receiving = receiver(features())
    receiving.add(memoryview(message)[skipped:])
    arrived = receiving.features()
    assert all(part.data_ptr() % part.itemsize == 0 for part in arrived.parts)
    assert torch.equal(arrived.copied(), features())


def test_rows_in_memory_that_others_may_write_to_are_copied(receiver):
    receiving, chunk = receiver(features()), bytearray(tensor_bytes(features()))
    receiving.add(chunk)
    chunk[:] = bytes(len(chunk))
    assert torch.equal(receiving.features().copied(), features())


def test_what_comes_behind_the_features_is_none_of_their_rows(tiny_ours):
    behind = torch.full((3, 5), torch.nan)
    payload = bytes(tensor_bytes(features())) + bytes(tensor_bytes(behind))
    header = feature_header(
        features(),
        tensors=[tensor_spec("features", features()), tensor_spec("more", behind)],
        payload_byte_count=len(payload),
        payload_checksum=checksum_of(payload),
    )
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    for chunk in cut_at(payload, features().nbytes + 4):
        receiving.add(chunk)
    assert torch.equal(receiving.features().copied(), features())


def test_an_encoder_that_states_a_digest_alone_is_understood(tiny_ours):
    header = feature_header(features(), payload_checksum="")
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    receiving.add(tensor_bytes(features()))
    assert torch.equal(receiving.features().copied(), features())


@pytest.mark.parametrize("place", [0, 777, -1])
@pytest.mark.parametrize("stated", [{}, {"payload_checksum": ""}], ids=["checksum", "digest"])
def test_one_bit_that_changed_on_the_way_is_found(tiny_ours, stated, place):
    damaged = bytearray(tensor_bytes(features()))
    damaged[place] ^= 1
    header = feature_header(features(), **stated)
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    receiving.add(damaged)
    with pytest.raises(PayloadCorruptError, match="digest"):
        receiving.features()


def test_what_never_came_is_not_made_up(receiver):
    receiving = receiver(features())
    receiving.add(tensor_bytes(features())[:-1])
    with pytest.raises(PayloadCorruptError, match="received"):
        receiving.features()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("place", [0, 100, -1])
@pytest.mark.parametrize("chunk_bytes", [3, 10**6])
def test_one_value_that_is_not_finite_is_found(receiver, dtype, bad, place, chunk_bytes):
    tensor = features().to(dtype)
    tensor.view(-1)[place] = bad
    receiving = receiver(tensor)
    for chunk in split_chunks(tensor_bytes(tensor), chunk_bytes):
        receiving.add(chunk)
    with pytest.raises(PayloadCorruptError, match="finite"):
        receiving.features()


def test_features_that_the_encoder_looked_at_are_not_looked_at_again(tiny_ours, monkeypatch):
    def look(*_arguments):
        raise AssertionError("features were scanned")

    monkeypatch.setattr("sightline_generator.finite_scan.FiniteScan.look", look)
    header = feature_header(features(), finite=True)
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    receiving.add(tensor_bytes(features()))
    assert torch.equal(receiving.features().copied(), features())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_every_finite_value_passes(receiver, dtype):
    tensor = features().to(dtype)
    limits = torch.finfo(dtype)
    tensor.view(-1)[:4] = torch.tensor([limits.max, limits.min, 0, -0.0], dtype=dtype)
    receiving = receiver(tensor)
    receiving.add(tensor_bytes(tensor))
    assert torch.equal(receiving.features().copied(), tensor)


HUGE = 2**40


def huge(token_count, **changes):
    """Returns a header whose sizes agree with each other and are absurd."""
    spec = tensor_pb2.TensorSpec(
        name="features", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[token_count, 64]
    )
    grid = media_pb2.Grid(time_count=1, height_count=2, width_count=2 * token_count)
    fields = {
        "tensors": [spec],
        "token_count": token_count,
        "payload_byte_count": token_count * 64 * 4,
        "grid": grid,
    }
    return feature_header(features(), **{**fields, **changes})


def beside(*shapes):
    own = tensor_spec("features", features())
    others = [
        tensor_pb2.TensorSpec(name="more", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=shape)
        for shape in shapes
    ]
    count = features().nbytes + sum(4 * math.prod(shape) for shape in shapes)
    return feature_header(features(), tensors=[own, *others], payload_byte_count=count)


ABSURD = {
    "tokens": huge(HUGE),
    "most tokens": huge(2**61 - 1, payload_byte_count=2**62),
    "frame groups": huge(6, grid=media_pb2.Grid(time_count=HUGE, height_count=2, width_count=2)),
    "bytes": feature_header(features(), payload_byte_count=HUGE),
    "another tensor": beside([HUGE]),
    "many tensors": beside(*([[0]] * 20)),
    "many dimensions": beside([0] * 20),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_are_refused_before_anything_comes(tiny_ours, name):
    with pytest.raises(PayloadCorruptError):
        FeatureReceiver(ABSURD[name], FINGERPRINT, tiny_ours.family)


def test_more_tokens_than_the_model_has_positions_are_refused_before_they_come(tiny_ours):
    positions = tiny_ours.family.shape.max_positions
    with pytest.raises(PromptTooLongError):
        FeatureReceiver(huge(positions), FINGERPRINT, tiny_ours.family)


def test_a_header_alone_brings_no_features_and_counts_any_length(tiny_ours):
    header = huge(tiny_ours.family.shape.max_positions)
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family, header_only=True)
    assert receiving.encoded(None).num_tokens == header.token_count
    with pytest.raises(PayloadCorruptError):
        receiving.add(b"x")


def test_a_grid_without_a_token_is_refused(tiny_ours):
    header = huge(0, grid=media_pb2.Grid(time_count=1, height_count=1, width_count=1))
    with pytest.raises(PayloadCorruptError, match="tokens"):
        FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
