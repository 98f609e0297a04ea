"""Both sides of a comparison compute the same tokens, so that the work compared is the same."""

import pytest
import torch
from sightline_generator.engine.model_runner import ModelRunner

from benchmarks.gpu.configuration import TINY
from benchmarks.gpu.ours import Ours, random_picture, run_to_end, vision_tower
from benchmarks.gpu.peer import GeneratePeer
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import MemoryShortage
from benchmarks.gpu.weights import random_weights

CPU = torch.device("cpu")
NUM_TOKENS = 6


@pytest.fixture(scope="module")
def weights():
    drawn = random_weights(TINY, CPU, torch.float64)
    # Wide weights keep the two best logits apart.
    return {name: weight if "norm" in name else weight * 10 for name, weight in drawn.items()}


@pytest.fixture(scope="module")
def sides(weights):
    return Ours(TINY, weights, CPU, torch.float64), GeneratePeer(TINY, weights, CPU)


def test_lack_of_memory_inside_a_step_is_not_mistaken_for_speed(sides, monkeypatch):
    ours, _peer = sides

    def run(*_arguments):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(ModelRunner, "run", run)
    with pytest.raises(MemoryShortage):
        answers(ours, [ours.text([1, 2, 3], NUM_TOKENS)])


def answers(ours, sequences):
    engine = ours.engine(100, max_num_seqs=len(sequences))
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    return [sequence.token_ids[sequence.num_prompt_tokens :] for sequence in sequences]


def test_text_gets_the_same_tokens_from_both(sides):
    ours, peer = sides
    prompts = random_prompts(TINY, 3, 20)
    mine = answers(ours, [ours.text(prompt, NUM_TOKENS) for prompt in prompts])
    assert mine == peer.generate(prompts, NUM_TOKENS)


def test_picture_gets_the_same_tokens_from_both(sides, weights):
    ours, peer = sides
    picture = random_picture(TINY, 56)
    (features,) = vision_tower(TINY, weights, CPU, torch.float64).encode([picture.image])
    (prompt,) = random_prompts(TINY, 1, 20)
    image = TINY["image_token_id"]
    sequence = ours.about_picture(prompt, NUM_TOKENS, picture, image, features)
    theirs = peer.generate([[image] * len(features) + prompt], NUM_TOKENS, picture)
    assert answers(ours, [sequence]) == theirs
