from __future__ import annotations

from random import Random

import torch

from training.build import MODEL_FOLDER
from training.processing import Processor, normalized
from training.world.renderer import draw_picture
from training.world.scene import Limits, draw_scene


def test_patches_become_the_pixels_of_the_models_own_processor() -> None:
    processor = Processor.load(MODEL_FOLDER)
    rng = Random("patches")
    scenes = [draw_scene(rng, Limits()) for _ in range(6)]
    pictures = [draw_picture(rng, scene, Limits()).image for scene in scenes]
    theirs, ours = processor.pixels(pictures), processor.patches(pictures)
    own = processor.image_processor
    mean, deviation = torch.tensor(own.image_mean), torch.tensor(own.image_std)
    assert torch.equal(ours.grid, theirs.grid)
    assert ours.token_counts() == theirs.token_counts()
    assert ours.values.dtype == torch.uint8
    assert torch.allclose(normalized(ours.values, mean, deviation), theirs.values, atol=1e-5)


def test_token_ids_are_the_tokenizers_own_at_first_and_when_remembered() -> None:
    processor = Processor.load(MODEL_FOLDER)
    for text in ("<think></think>\n", "Where is the red star?", "红色的圆形", "a" * 200, ""):
        expected = processor.tokenizer.encode(text, add_special_tokens=False)
        first = processor.token_ids(text)
        assert first == expected
        first.append(0)  # a caller's own list
        assert processor.token_ids(text) == expected
