"""The lean layers, which transformers vouches for, are the oracle."""

from types import SimpleNamespace

import pytest
import torch
from sightline_generator.attention.sdpa import SdpaAttention
from sightline_generator.engine.model_runner import NATIVE_PREFILL_KEYS, KVCache, ModelRunner
from sightline_generator.engine.stop import StopParams
from sightline_generator.native import threads

from tests.common.native.compiled import compiled
from tests.generator import tiny
from tests.generator.harness import Ours, run_to_end

pytestmark = compiled
WIDE = {"intermediate_size": 128, "num_hidden_layers": 2}


def native_folder(tmp_path, **changes):
    return tiny.build_checkpoint(tmp_path, seed=5, **{**WIDE, **changes})


def runner_of(engine):
    return engine._runner._runner


def sequence_of(ours, token_ids, num_tokens):
    positions = ours.family.positions(len(token_ids), [])
    prompt = SimpleNamespace(token_ids=token_ids, positions=positions, ranges=[], media_indices=[])
    return ours.sequence(prompt, stop=StopParams(num_tokens))


def answer(ours, *, natively, prompts, num_tokens=20):
    """Returns the logits of greedy answers to prompts that run together."""
    engine = ours.engine(max_num_batched_tokens=24)
    runner = runner_of(engine)
    assert runner._native is not None
    if not natively:
        runner._native = None
    sequences = [sequence_of(ours, prompt, num_tokens) for prompt in prompts]
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    return [torch.stack(engine._runner.logits[sequence]) for sequence in sequences]


def prompts(*lengths):
    draw = torch.Generator().manual_seed(1)
    return [torch.randint(0, 4000, (length,), generator=draw).tolist() for length in lengths]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 1},
        {"num_key_value_heads": 4},
        {"hidden_size": 128, "num_attention_heads": 8},
    ],
)
@pytest.mark.parametrize("num_threads", [1, 3])
def test_logits_equal_those_of_the_lean_layers(tmp_path, monkeypatch, changes, num_threads):
    monkeypatch.setattr(threads, "_count", num_threads)
    ours = Ours(native_folder(tmp_path, **changes), torch.float32)
    asked = prompts(1, 5, 40, 70)
    expected = answer(ours, natively=False, prompts=asked)
    found = answer(ours, natively=True, prompts=asked)
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-4)


def test_an_answer_is_the_same_to_the_bit_whatever_runs_beside_it():
    ours = Ours(tiny.NANO, torch.float32)
    asked = prompts(3, 17, 17, 30, 5)
    together = answer(ours, natively=True, prompts=asked)
    for prompt, logits in zip(asked, together, strict=True):
        (alone,) = answer(ours, natively=True, prompts=[prompt])
        assert torch.equal(alone, logits)


@pytest.mark.parametrize("changes", [{"hidden_act": "gelu"}, {"intermediate_size": 100}])
def test_what_it_does_not_know_is_left_to_the_lean_layers(tmp_path, changes):
    folder = native_folder(tmp_path, **changes)
    runner = runner_of(Ours(folder, torch.float32).engine())
    assert runner._native is None


def test_other_types_are_left_to_the_lean_layers(tmp_path):
    runner = runner_of(Ours(native_folder(tmp_path), torch.float64).engine())
    assert runner._native is None


def test_attention_that_is_asked_for_is_not_passed_over(tmp_path):
    ours = Ours(native_folder(tmp_path), torch.float32)
    cache = KVCache(ours.family.shape, 4, 16, ours.device, ours.dtype)
    assert ModelRunner(ours.model, cache, SdpaAttention(16, ours.dtype))._native is None


def test_one_long_answer_leaves_short_prompts_their_native_steps(tmp_path):
    # The lean layers sum in another order: the difference would show.
    ours = Ours(native_folder(tmp_path), torch.float32)
    long, short = prompts(NATIVE_PREFILL_KEYS + 8, 12)
    (alone,) = answer(ours, natively=True, prompts=[short], num_tokens=4)
    engine = ours.engine(max_num_batched_tokens=1024)
    writing = sequence_of(ours, long, 30)
    engine.add(writing)
    while writing.num_generated_tokens < 3:
        engine.step()
    late = sequence_of(ours, short, 4)
    engine.add(late)
    run_to_end(engine)
    assert torch.equal(torch.stack(engine._runner.logits[late]), alone)
