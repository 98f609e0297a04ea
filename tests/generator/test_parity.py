"""Invariant 2: equal to transformers, and to oneself whatever the circumstances."""

import pytest
import torch

from tests.generator import tiny
from tests.generator.harness import (
    Ours,
    Theirs,
    assistant,
    generated,
    picture,
    pictures_of,
    run_to_end,
    user,
)

pytestmark = pytest.mark.usefixtures("in_both_modes")

LONG = "The quick brown fox jumps over the lazy dog. " * 30
CONVERSATIONS = [
    [user("Hello")],
    [user("What is two plus two?")],
    [user("x")],
    [user("  white space around  \n")],
    [user("line\n\nbreaks\ttabs")],
    [user("你好，世界！")],
    [user("这张图片里有什么？请用中文回答。")],
    [user("混合 mixed 文字 text 🎉🇩🇪")],
    [user(LONG)],
    [user("Hello"), assistant("Hi."), user("And now?")],
    [user("你好"), assistant("你好！"), user("再见")],
    [user("1"), assistant("2"), user("3"), assistant("4"), user("5")],
    [user(picture(3, 4), "Describe the image.")],
    [user("Describe the image.", picture(3, 4))],
    [user("Before", picture(2, 2, 1), "after")],
    [user(picture(1, 1), "One cell.")],
    [user(picture(1, 9), "A flat one.")],
    [user(picture(9, 1), "A tall one.")],
    [user(picture(5, 5, 7), "图片里有几个圆形？")],
    [user(picture(3, 2, 1), picture(2, 5, 2), picture(6, 3, 3), "Three.")],
    [user("a", picture(2, 2, 1), "b", picture(1, 4, 2), "c", picture(4, 4, 3), "d")],
    [user(picture(2, 3, 4), "What is it?"), assistant("A circle."), user("Which colour?")],
    [user("Hi"), assistant("Hello."), user(picture(4, 3, 5), "And this?")],
    [user(picture(2, 2, 1), "1"), assistant("one"), user(picture(3, 3, 2), "2")],
    [user(picture(4, 4, 8), "How many shapes are there?")],
    [user(picture(4, 6, 9), "What is at the top left?")],
    [user(picture(6, 4, 10), "Where is the red circle?")],
    [user(picture(8, 8, 11), "What color is the star?")],
    [user(picture(5, 7, 12), "Is there a heart?")],
    [user(picture(7, 5, 13), "图片里有什么？")],
    [user("红色的圆形在哪里？", picture(4, 5, 14))],
    [user(picture(2, 7, 15), picture(7, 2, 16), "Compare.")],
    [user(picture(3, 3, 17), picture(3, 3, 18), picture(2, 8, 19), "比较这三张图片。")],
    [user("First", picture(1, 2, 20)), assistant("ok"), user("Second", picture(2, 1, 21))],
    [user(picture(6, 6, 22), "Describe it."), assistant("A cross."), user("它是什么颜色？")],
    [user("Is this text or code: `x = [1, 2]`?")],
    [user("1234567890 3.14159 -42")],
    [user("ALL CAPITALS AND punctuation!?;:()")],
    [user("请把这句话翻译成英文：今天天气很好。")],
    [user("a" * 200)],
]


def greedy_ours(ours, theirs, turns, max_tokens):
    engine = ours.engine()
    features = [theirs.features(shown).to(ours.dtype) for shown in pictures_of(turns)]
    sequence = ours.sequence(ours.prompt(turns), features, max_tokens)
    engine.add(sequence)
    run_to_end(engine)
    return generated(sequence), engine._runner.logits[sequence]


@pytest.mark.parametrize("turns", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_greedy_ids_equal_transformers_in_float64(tiny_ours, tiny_theirs, turns):
    assert tiny_ours.prompt(turns).token_ids == tiny_theirs.prompt_ids(turns)
    expected, _logits = tiny_theirs.generate(turns, 12)
    ids, _logits = greedy_ours(tiny_ours, tiny_theirs, turns, 12)
    assert ids == expected
    assert len(set(expected)) > 2, "the checkpoint repeats itself and proves nothing"


@pytest.mark.parametrize("turns", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_nano_greedy_ids_equal_transformers_in_float64(nano_ours, nano_theirs, turns):
    expected, _logits = nano_theirs.generate(turns, 8)
    ids, _logits = greedy_ours(nano_ours, nano_theirs, turns, 8)
    assert ids == expected


@pytest.fixture(scope="module")
def nano_float32():
    return Ours(tiny.NANO, torch.float32), Theirs(tiny.NANO, torch.float32)


@pytest.mark.parametrize("turns", CONVERSATIONS[12:], ids=range(12, len(CONVERSATIONS)))
def test_float32_logits_agree_and_ids_where_they_are_apart(nano_float32, turns):
    ours, theirs = nano_float32
    expected, expected_logits = theirs.generate(turns, 8)
    ids, logits = greedy_ours(ours, theirs, turns, 8)
    for own, other, own_row, other_row in zip(ids, expected, logits, expected_logits, strict=True):
        torch.testing.assert_close(own_row, other_row, atol=1e-4, rtol=0)
        best, second = other_row.topk(2).values
        if best - second <= 1e-3:
            break
        assert own == other


@pytest.mark.parametrize("model_type", ["glm4v", "glm46v"])
@pytest.mark.parametrize("layers", [1, 4])
def test_saved_checkpoints_of_either_type_load(tmp_path, model_type, layers):
    folder = tiny.build_checkpoint(tmp_path, model_type, seed=layers, num_hidden_layers=layers)
    assert len(list(folder.glob("*.safetensors"))) > 1
    ours, theirs = Ours(folder, torch.float64), Theirs(folder, torch.float64)
    turns = CONVERSATIONS[20]
    assert greedy_ours(ours, theirs, turns, 6)[0] == theirs.generate(turns, 6)[0]


@pytest.fixture(scope="module")
def sixteen(tiny_ours, tiny_theirs):
    """Sixteen prompts with their features and what each answers alone."""
    cases = []
    for turns in CONVERSATIONS[8:24]:
        features = [tiny_theirs.features(shown) for shown in pictures_of(turns)]
        ids, _logits = greedy_ours(tiny_ours, tiny_theirs, turns, 20)
        cases.append((tiny_ours.prompt(turns), features, ids))
    return cases


def run_together(ours, cases, **engine_options):
    engine = ours.engine(**engine_options)
    sequences = [ours.sequence(prompt, features, 20) for prompt, features, _ids in cases]
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    assert engine.scheduler.blocks.num_free_blocks == engine.scheduler.blocks.num_blocks
    return sequences


def assert_same_answers(sequences, cases):
    assert [generated(sequence) for sequence in sequences] == [ids for _p, _f, ids in cases]


def test_sixteen_together_answer_as_each_alone(tiny_ours, sixteen):
    assert_same_answers(run_together(tiny_ours, sixteen), sixteen)


def test_late_joiners_change_nothing(tiny_ours, sixteen):
    engine = tiny_ours.engine()
    sequences = [tiny_ours.sequence(prompt, features, 20) for prompt, features, _ids in sixteen]
    for sequence in sequences:
        engine.add(sequence)
        engine.step()
    run_to_end(engine)
    assert_same_answers(sequences, sixteen)


@pytest.mark.parametrize("budget", [1, 7, 16, 33])
def test_chunked_prefill_answers_as_whole(tiny_ours, sixteen, budget):
    some = sixteen[-6:]
    sequences = run_together(tiny_ours, some, max_num_seqs=1, max_num_batched_tokens=budget)
    assert_same_answers(sequences, some)


def test_chunks_mixed_with_decoding_answer_as_alone(tiny_ours, sixteen):
    sequences = run_together(tiny_ours, sixteen, max_num_batched_tokens=32)
    assert_same_answers(sequences, sixteen)


@pytest.mark.parametrize("num_blocks", [7, 12])
def test_preempted_sequences_answer_as_undisturbed(tiny_ours, tiny_theirs, num_blocks):
    some = [turns for turns in CONVERSATIONS[:24] if len(tiny_ours.prompt(turns).token_ids) < 40][
        -7:
    ]
    engine = tiny_ours.engine(num_blocks=num_blocks, max_num_batched_tokens=48)
    sequences = []
    for turns in some:
        features = [tiny_theirs.features(shown) for shown in pictures_of(turns)]
        sequences.append(tiny_ours.sequence(tiny_ours.prompt(turns), features, 45))
        engine.add(sequences[-1])
    run_to_end(engine)
    assert sum(sequence.num_preemptions for sequence in sequences) > 2
    for turns, sequence in zip(some, sequences, strict=True):
        assert generated(sequence) == greedy_ours(tiny_ours, tiny_theirs, turns, 45)[0]
