import threading
from functools import cached_property

import pytest
import torch
from sightline_common.checkpoint import Checkpoint
from sightline_common.config import SettingInvalidError
from sightline_generator.encoder_watch import EncoderWatch
from sightline_generator.loaded_model import load_checkpoint, load_model, max_model_len
from sightline_generator.loaded_weights import BLOCK_SIZE
from sightline_generator.loading import open_servicer

from tests.generator.running_generator import KV_BYTES, make_settings
from tests.generator.scripted_encoder import ScriptedEncoder, serving


def test_unset_cache_holds_what_running_sequences_can_fill_at_most(tiny_folder):
    settings = make_settings(tiny_folder, kv_cache_bytes=0, max_model_len=200, max_num_seqs=3)
    model = load_model(settings)
    assert model.runner.cache.num_blocks == 3 * -(-200 // BLOCK_SIZE)
    assert max_model_len(model, settings) == 200


def test_unset_cache_takes_its_share_of_what_is_available(tiny_folder, monkeypatch):
    monkeypatch.setattr("sightline_generator.kv_memory.available_bytes", lambda: 10 * KV_BYTES)
    for share, num_blocks in [(0.0, 250), (0.5, 500)]:
        settings = make_settings(tiny_folder, kv_cache_bytes=0, kv_cache_share=share)
        assert load_model(settings).runner.cache.num_blocks == num_blocks


def test_no_memory_for_a_cache_is_refused(tiny_folder, monkeypatch):
    monkeypatch.setattr("sightline_generator.kv_memory.available_bytes", lambda: 1000)
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_GENERATOR_KV_CACHE_BYTES"):
        load_model(make_settings(tiny_folder, kv_cache_bytes=0))


def test_cache_takes_the_memory_that_is_set(tiny_folder):
    model = load_model(make_settings(tiny_folder))
    cache = model.runner.cache
    block_bytes = (cache.keys.nbytes + cache.values.nbytes) // (cache.num_blocks + 2)
    assert cache.num_blocks == KV_BYTES // block_bytes == 100


@pytest.mark.parametrize(
    ("changes", "length"),
    [
        ({"kv_cache_bytes": 10**8}, 2048),
        ({"kv_cache_bytes": 10**8, "max_model_len": 500}, 500),
        ({"kv_cache_bytes": KV_BYTES}, 1600),
    ],
)
def test_positions_setting_and_cache_bound_a_sequence(tiny_folder, changes, length):
    settings = make_settings(tiny_folder, **changes)
    assert max_model_len(load_model(settings), settings) == length


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"dtype": "int8"}, "SIGHTLINE_GENERATOR_DTYPE"),
        ({"device": "tpu-of-tomorrow"}, "SIGHTLINE_GENERATOR_DEVICE"),
        ({"attention": "fastest"}, "SIGHTLINE_GENERATOR_ATTENTION"),
        ({"kv_cache_bytes": 100}, "SIGHTLINE_GENERATOR_KV_CACHE_BYTES"),
    ],
)
def test_impossible_setting_is_refused_by_name(tiny_folder, changes, variable):
    with pytest.raises(SettingInvalidError, match=variable):
        load_checkpoint(make_settings(tiny_folder, **changes))  # no encoder is waited for


def test_auto_is_float32_on_a_cpu(tiny_folder):
    model = load_model(make_settings(tiny_folder, dtype="auto"))
    assert model.runner.cache.dtype is torch.float32


async def test_event_loop_is_free_while_weights_are_hashed(tiny_folder, monkeypatch):
    hashed_in, fingerprint = [], Checkpoint(tiny_folder).fingerprint

    def hash_weights(checkpoint):
        hashed_in.append(threading.current_thread())
        return fingerprint

    hashing = cached_property(hash_weights)
    hashing.__set_name__(Checkpoint, "fingerprint")
    monkeypatch.setattr(Checkpoint, "fingerprint", hashing)
    async with serving(ScriptedEncoder(fingerprint=fingerprint)) as encoder:
        settings = make_settings(tiny_folder, encoder_target=f"127.0.0.1:{encoder.port}")
        async with open_servicer(settings, lambda _error: None):
            assert hashed_in
    assert threading.main_thread() not in hashed_in


async def test_cache_is_sized_by_what_the_encoder_left(tiny_folder, monkeypatch):
    free = {"bytes": 100 * KV_BYTES}
    wait = EncoderWatch.wait_until_ready

    async def wait_while_it_loads(watch):
        await wait(watch)
        free["bytes"] = 10 * KV_BYTES

    monkeypatch.setattr("sightline_generator.kv_memory.available_bytes", lambda: free["bytes"])
    monkeypatch.setattr(EncoderWatch, "wait_until_ready", wait_while_it_loads)
    async with serving(ScriptedEncoder(fingerprint=Checkpoint(tiny_folder).fingerprint)) as encoder:
        target = f"127.0.0.1:{encoder.port}"
        settings = make_settings(tiny_folder, kv_cache_bytes=0, encoder_target=target)
        async with open_servicer(settings, lambda _error: None) as servicer:
            assert (await servicer.GetLoad(None, None)).block_count == 250
