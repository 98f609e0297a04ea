"""Random checkpoints of the GLM-4V form, small enough to be exact and fast."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import (
    Glm4vConfig,
    Glm4vForConditionalGeneration,
    Glm46VConfig,
    Glm46VForConditionalGeneration,
)

NANO = Path(__file__).parents[2] / "models" / "sightline-nano"
TEXT_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
END_TOKEN_IDS = [4065, 4072, 4074]
MODELS = {
    "glm4v": (Glm4vConfig, Glm4vForConditionalGeneration),
    "glm46v": (Glm46VConfig, Glm46VForConditionalGeneration),
}


def build_checkpoint(
    folder: Path, model_type: str = "glm4v", seed: int = 0, **text: object
) -> Path:
    """Saves a random checkpoint with nano's tokenizer, sharded.

    Its weights are wide, so that the best two logits lie far apart.
    """
    config_type, model_class = MODELS[model_type]
    config = config_type(
        text_config={**_TEXT, **text},
        vision_config=_VISION,
        image_token_id=4081,
        video_token_id=4082,
        image_start_token_id=4075,
        image_end_token_id=4076,
        video_start_token_id=4077,
        video_end_token_id=4078,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    model = model_class(config)
    model.generation_config.eos_token_id = END_TOKEN_IDS
    model.save_pretrained(folder, max_shard_size="300KB")
    for name in TEXT_FILES:
        shutil.copy(NANO / name, folder / name)
    return folder


_TEXT = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.3,
    "pad_token_id": 4065,
    "eos_token_id": END_TOKEN_IDS,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.5,
        "mrope_section": [1, 1, 2],
    },
}
_VISION = {
    "depth": 1,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_heads": 2,
    "out_hidden_size": 64,
    "image_size": 56,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "initializer_range": 0.2,
}
