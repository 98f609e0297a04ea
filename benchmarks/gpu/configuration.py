"""The sizes of GLM-4.6V-Flash, and a shrunken form that runs anywhere in seconds."""

from __future__ import annotations

from typing import Any

from transformers import Glm46VConfig

Config = dict[str, Any]

FLASH: Config = {
    "model_type": "glm46v",
    "image_token_id": 151363,
    "video_token_id": 151364,
    "image_start_token_id": 151339,
    "image_end_token_id": 151340,
    "tie_word_embeddings": False,
    "text_config": {
        "model_type": "glm4v_text",
        "hidden_size": 4096,
        "intermediate_size": 13696,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 2,
        "vocab_size": 151552,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.5,
            "mrope_section": [8, 12, 12],
        },
    },
    "vision_config": {
        "model_type": "glm4v_vision",
        "depth": 24,
        "hidden_size": 1536,
        "intermediate_size": 13696,
        "num_heads": 12,
        "out_hidden_size": 4096,
        "image_size": 336,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
}
"""What the published config.json states (GLM-4.1V-9B and GLM-4.6V-Flash are alike here)."""

TINY: Config = {
    **FLASH,
    "image_token_id": 500,
    "video_token_id": 501,
    "image_start_token_id": 502,
    "image_end_token_id": 503,
    "text_config": {
        **FLASH["text_config"],
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 512,
        "max_position_embeddings": 4096,
        "rope_parameters": {
            **FLASH["text_config"]["rope_parameters"],
            "mrope_section": [1, 1, 2],
        },
    },
    "vision_config": {
        **FLASH["vision_config"],
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 64,
    },
}


def transformers_config(config: Config) -> Glm46VConfig:
    """Returns transformers' view of a config.json."""
    return Glm46VConfig(**{key: value for key, value in config.items() if key != "model_type"})
