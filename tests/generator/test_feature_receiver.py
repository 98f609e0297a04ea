import pytest
import torch
from sightline_common.chunks import split_chunks
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import tensor_bytes
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
        receiving.hash_meanwhile()
    assert torch.equal(await receiving.features(), features())


async def test_what_never_came_is_not_made_up(receiver):
    receiving = receiver(features())
    receiving.add(tensor_bytes(features())[:-1])
    with pytest.raises(PayloadCorruptError, match="received"):
        await receiving.features()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("place", [0, 100, -1])
async def test_one_value_that_is_not_finite_is_found(receiver, dtype, bad, place):
    tensor = features().to(dtype)
    tensor.view(-1)[place] = bad
    receiving = receiver(tensor)
    receiving.add(tensor_bytes(tensor))
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
