"""The sizes of sightline-nano, in the configuration classes of transformers."""

from __future__ import annotations

from transformers import GenerationConfig, Glm4vConfig, PreTrainedTokenizerFast

TEXT_HIDDEN = 256
VISION_HIDDEN = 192
MAX_POSITIONS = 8192

# transformers' Glm4v takes `out_hidden_size` as the width of the vision MLPs and
# `intermediate_size` as the width of the merger.
VISION = {
    "depth": 6,
    "hidden_size": VISION_HIDDEN,
    "num_heads": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "image_size": 336,
    "out_hidden_size": TEXT_HIDDEN,
    "intermediate_size": 512,
}

TEXT = {
    "num_hidden_layers": 6,
    "hidden_size": TEXT_HIDDEN,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 768,
    "max_position_embeddings": MAX_POSITIONS,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.5,
        "mrope_section": [4, 6, 6],
    },
}

END_TOKENS = ("<|endoftext|>", "<|user|>", "<|observation|>")


def token_id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


def end_token_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return [token_id(tokenizer, token) for token in END_TOKENS]


def model_config(tokenizer: PreTrainedTokenizerFast) -> Glm4vConfig:
    ends = end_token_ids(tokenizer)
    text = TEXT | {
        "vocab_size": len(tokenizer),
        "pad_token_id": ends[0],
        "eos_token_id": ends,
    }
    return Glm4vConfig(
        text_config=text,
        vision_config=dict(VISION),
        image_token_id=token_id(tokenizer, "<|image|>"),
        video_token_id=token_id(tokenizer, "<|video|>"),
        image_start_token_id=token_id(tokenizer, "<|begin_of_image|>"),
        image_end_token_id=token_id(tokenizer, "<|end_of_image|>"),
        video_start_token_id=token_id(tokenizer, "<|begin_of_video|>"),
        video_end_token_id=token_id(tokenizer, "<|end_of_video|>"),
        tie_word_embeddings=False,
        pad_token_id=ends[0],
        eos_token_id=ends,
    )


def generation_config(tokenizer: PreTrainedTokenizerFast) -> GenerationConfig:
    ends = end_token_ids(tokenizer)
    return GenerationConfig(do_sample=False, eos_token_id=ends, pad_token_id=ends[0])
