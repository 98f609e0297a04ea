"""The 9B configuration with random weights runs at all."""

import pytest
import torch

from benchmarks.gpu.configuration import FLASH
from benchmarks.gpu.memory_plan import GB, memory_plan
from benchmarks.gpu.ours import Ours, random_picture, run_to_end, vision_tower
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.weights import random_weights

NUM_TOKENS = 1024

pytestmark = pytest.mark.gpu


def test_9b_answers_text_and_a_picture_together(cuda):
    needed = memory_plan(FLASH, torch.float16, 2 * NUM_TOKENS).total
    _free, total = torch.cuda.mem_get_info(cuda)
    if total < needed:
        pytest.skip(f"needs {needed / GB:.0f} GB of GPU memory")
    weights = random_weights(FLASH, cuda, torch.float16)
    tower = vision_tower(FLASH, weights, cuda, torch.float16)
    ours = Ours(FLASH, weights, cuda, torch.float16)
    shown = random_picture(FLASH, 336)
    (features,) = tower.encode([shown.image])
    assert features.shape == (144, 4096)
    assert features.isfinite().all()
    prompt, question = random_prompts(FLASH, 2, 128)
    image_token_id = FLASH["image_token_id"]
    sequences = [
        ours.text(prompt, 8),
        ours.about_picture(question, 8, shown, image_token_id, features),
    ]
    engine = ours.engine(NUM_TOKENS, max_num_seqs=2, step_tokens=64)
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    assert [sequence.num_generated_tokens for sequence in sequences] == [8, 8]
