"""The engine over nano on any device and in any element type, against float64 on the CPU."""

import pytest
import torch
from sightline_generator.attention.base import AttentionDemand
from sightline_generator.attention.registry import IMPLEMENTATIONS, refusal

from tests.generator import tiny
from tests.generator.harness import (
    Ours,
    assistant,
    generated,
    picture,
    pictures_of,
    run_to_end,
    user,
)

CONVERSATIONS = [
    [user("Hello")],
    [user("The quick brown fox jumps over the lazy dog. " * 12)],
    [user(picture(3, 4), "Describe the image.")],
    [user("a", picture(2, 2, 1), "b", picture(5, 4, 2), "c")],
    [user("图片里有几个圆形？", picture(6, 6, 7)), assistant("3"), user("And squares?")],
]
SHORT = [[user(text)] for text in ("Hello", "你好", "One", "Two?")]
MAX_TOKENS = 8
GROWING_TOKENS = 40
# By how much logits may differ: invariant 2 for float32; else some steps of 11 and 8 bits, where
# logits reach 34: 2^-5 and 2^-2.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 0.1, torch.bfloat16: 0.3}
APART = {torch.float32: 1e-3, torch.float16: 0.2, torch.bfloat16: 0.6}


class Answer:
    """What an engine made of a conversation: ids and the logits behind each."""

    def __init__(self, engine, sequence):
        self.ids = generated(sequence)
        self.logits = [row.double().cpu() for row in engine._runner.logits[sequence]]
        self.num_preemptions = sequence.num_preemptions


def answers(ours, theirs, conversations, num_rounds=1, max_tokens=MAX_TOKENS, **limits):
    """Answers all conversations in one engine; returns the last round's."""
    engine = ours.engine(**limits)
    for _ in range(num_rounds):
        sequences = []
        for turns in conversations:
            features = [theirs.features(shown) for shown in pictures_of(turns)]
            sequences.append(ours.sequence(ours.prompt(turns), features, max_tokens))
            engine.add(sequences[-1])
        run_to_end(engine)
    return [Answer(engine, sequence) for sequence in sequences]


def assert_agree(actual, expected, dtype):
    """Compares token by token up to where two tokens are as good as equal."""
    for one, other in zip(actual, expected, strict=True):
        # Overlapped steps may compute logits beyond the end.
        rows = zip(one.ids, other.ids, one.logits, other.logits, strict=False)
        for own_id, other_id, own, theirs in rows:
            torch.testing.assert_close(own, theirs, atol=TOLERANCE[dtype], rtol=0)
            best, second = theirs.topk(2).values
            if best - second <= APART[dtype]:
                break
            assert own_id == other_id


@pytest.fixture(params=[torch.float32, torch.float16, torch.bfloat16], ids=str)
def dtype(request):
    return request.param


@pytest.fixture
def ours(device, dtype):
    return Ours(tiny.NANO, dtype, device)


@pytest.fixture(scope="module")
def exact(nano_ours, nano_theirs):
    """What float64 on the CPU answers, each conversation alone."""
    alone = [answers(nano_ours, nano_theirs, [turns])[0] for turns in CONVERSATIONS]
    assert any(len(set(answer.ids)) > 2 for answer in alone)
    return alone


@pytest.mark.usefixtures("in_all_modes")
def test_batch_agrees_with_each_alone_in_float64(ours, dtype, nano_theirs, exact):
    assert_agree(answers(ours, nano_theirs, CONVERSATIONS), exact, dtype)


def test_chunked_prompts_agree(ours, dtype, nano_theirs, exact):
    limits = {"max_num_batched_tokens": 32}
    assert_agree(answers(ours, nano_theirs, CONVERSATIONS, **limits), exact, dtype)


def test_cached_prompts_agree(ours, dtype, nano_theirs, exact):
    assert_agree(answers(ours, nano_theirs, CONVERSATIONS, num_rounds=2), exact, dtype)


def test_preempted_sequences_agree(ours, dtype, nano_ours, nano_theirs):
    size = ours.engine().scheduler.blocks.block_size
    grown = {"max_tokens": GROWING_TOKENS}
    expected = [answers(nano_ours, nano_theirs, [turns], **grown)[0] for turns in SHORT]
    # One answer fits, four do not; where a block holds a whole answer, nobody gives way.
    num_blocks = -(-2 * GROWING_TOKENS // size) + 1
    actual = answers(ours, nano_theirs, SHORT, num_blocks=num_blocks, **grown)
    assert_agree(actual, expected, dtype)
    assert size > GROWING_TOKENS or any(answer.num_preemptions for answer in actual)


@pytest.mark.gpu
@pytest.mark.usefixtures("in_all_modes")
@pytest.mark.parametrize("kind", IMPLEMENTATIONS, ids=lambda kind: kind.name)
def test_every_implementation_that_serves_here_answers_alike(
    cuda, kind, nano_theirs, exact, monkeypatch
):
    reason = refusal(kind, AttentionDemand(cuda, torch.float16, 64))
    if reason:
        pytest.skip(f"{kind.name} {reason}")
    monkeypatch.setattr("sightline_generator.attention.registry.IMPLEMENTATIONS", [kind])
    ours = Ours(tiny.NANO, torch.float16, cuda)
    assert_agree(answers(ours, nano_theirs, CONVERSATIONS), exact, torch.float16)
