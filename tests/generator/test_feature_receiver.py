import math

import pytest
import torch
from sightline.type.v1 import media_pb2, tensor_pb2
from sightline_common.chunks import split_chunks
from sightline_common.errors import PayloadCorruptError, PromptTooLongError
from sightline_common.tensors import tensor_bytes, tensor_spec
from sightline_generator.feature_receiver import FeatureReceiver

from tests.generator.scripted_encoder import FINGERPRINT, feature_header, features


@pytest.fixture
def receiver(tiny_ours):
    def make(tensor):
        return FeatureReceiver(feature_header(tensor), FINGERPRINT, tiny_ours.family)

    return make


@pytest.mark.parametrize("chunk_bytes", [1, 7, 256, 10**6])
async def test_features_are_what_was_sent_however_it_was_cut(receiver, chunk_bytes):
    receiving = receiver(features())
    for chunk in split_chunks(tensor_bytes(features()), chunk_bytes):
        receiving.add(chunk)
    assert torch.equal(await receiving.features(), features())


def address(memory):
    return torch.frombuffer(memory, dtype=torch.uint8).data_ptr()


async def test_features_that_one_chunk_brings_stay_where_they_came(receiver):
    receiving, chunk = receiver(features()), memoryview(bytes(tensor_bytes(features())))
    receiving.add(chunk)
    arrived = await receiving.features()
    assert arrived.data_ptr() == address(chunk)
    assert torch.equal(arrived, features())


@pytest.mark.parametrize("skipped", [1, 2, 3])
async def test_features_that_begin_between_two_elements_are_moved(receiver, skipped):
    message = bytes(skipped) + tensor_bytes(features())
    receiving = receiver(features())
    receiving.add(memoryview(message)[skipped:])
    arrived = await receiving.features()
    assert arrived.data_ptr() % arrived.itemsize == 0
    assert torch.equal(arrived, features())


async def test_features_in_memory_that_others_may_write_to_are_copied(receiver):
    receiving, chunk = receiver(features()), bytearray(tensor_bytes(features()))
    receiving.add(chunk)
    chunk[:] = bytes(len(chunk))
    assert torch.equal(await receiving.features(), features())


async def test_an_encoder_that_states_a_digest_alone_is_understood(tiny_ours):
    header = feature_header(features(), payload_checksum="")
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    receiving.add(tensor_bytes(features()))
    assert torch.equal(await receiving.features(), features())


@pytest.mark.parametrize("place", [0, 777, -1])
@pytest.mark.parametrize("stated", [{}, {"payload_checksum": ""}], ids=["checksum", "digest"])
async def test_one_bit_that_changed_on_the_way_is_found(tiny_ours, stated, place):
    damaged = bytearray(tensor_bytes(features()))
    damaged[place] ^= 1
    header = feature_header(features(), **stated)
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family)
    receiving.add(damaged)
    with pytest.raises(PayloadCorruptError, match="digest"):
        await receiving.features()


async def test_what_never_came_is_not_made_up(receiver):
    receiving = receiver(features())
    receiving.add(tensor_bytes(features())[:-1])
    with pytest.raises(PayloadCorruptError, match="received"):
        await receiving.features()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("place", [0, 100, -1])
@pytest.mark.parametrize("chunk_bytes", [3, 10**6])
async def test_one_value_that_is_not_finite_is_found(receiver, dtype, bad, place, chunk_bytes):
    tensor = features().to(dtype)
    tensor.view(-1)[place] = bad
    receiving = receiver(tensor)
    for chunk in split_chunks(tensor_bytes(tensor), chunk_bytes):
        receiving.add(chunk)
    with pytest.raises(PayloadCorruptError, match="finite"):
        await receiving.features()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
async def test_every_finite_value_passes(receiver, dtype):
    tensor = features().to(dtype)
    limits = torch.finfo(dtype)
    tensor.view(-1)[:4] = torch.tensor([limits.max, limits.min, 0, -0.0], dtype=dtype)
    receiving = receiver(tensor)
    receiving.add(tensor_bytes(tensor))
    assert torch.equal(await receiving.features(), tensor)


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


@pytest.fixture
def no_memory(monkeypatch):
    """Makes taking memory for a payload fail a test."""

    def empty(*shape, **options):
        raise AssertionError(f"memory was taken for {shape}")

    monkeypatch.setattr("sightline_generator.arriving_payload.np.empty", empty)


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_are_refused_before_memory_is_taken(tiny_ours, no_memory, name):
    with pytest.raises(PayloadCorruptError):
        FeatureReceiver(ABSURD[name], FINGERPRINT, tiny_ours.family)


def test_more_tokens_than_the_model_has_positions_are_refused_before_they_come(
    tiny_ours, no_memory
):
    positions = tiny_ours.family.shape.max_positions
    with pytest.raises(PromptTooLongError):
        FeatureReceiver(huge(positions), FINGERPRINT, tiny_ours.family)


def test_a_header_alone_takes_no_memory_and_counts_any_length(tiny_ours):
    header = huge(tiny_ours.family.shape.max_positions)
    receiving = FeatureReceiver(header, FINGERPRINT, tiny_ours.family, header_only=True)
    assert receiving.encoded(None).num_tokens == header.token_count
    with pytest.raises(PayloadCorruptError):
        receiving.add(b"x")
