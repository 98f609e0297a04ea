"""Writes the model folder: tokenizer, template, configurations and, at first, random weights."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Glm4vForConditionalGeneration,
    Glm46VImageProcessorPil,
    PreTrainedTokenizerFast,
)

from training.model.architecture import generation_config, model_config
from training.model.initialization import initialize
from training.model.tokenizer import train_tokenizer

MODEL_FOLDER = Path("models/sightline-nano")
# Twice the pixels, because the processor counts both frames of a temporal patch.
SMALLEST_PICTURE = 2 * 112 * 112
LARGEST_PICTURE = 2 * 672 * 672

SHARED_WITH_VIDEO = (
    *("do_convert_rgb", "do_normalize", "do_rescale", "do_resize", "image_mean", "image_std"),
    *("merge_size", "patch_size", "rescale_factor", "resample"),
)


def pixel_budget() -> dict[str, int]:
    return {"shortest_edge": SMALLEST_PICTURE, "longest_edge": LARGEST_PICTURE}


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> Glm4vForConditionalGeneration:
    """A float32 model with random weights that depend on the seed alone."""
    torch.manual_seed(seed)
    model = Glm4vForConditionalGeneration(model_config(tokenizer))
    model.generation_config = generation_config(tokenizer)
    initialize(model)
    return model


def video_processor_config() -> dict[str, Any]:
    """What Glm46VVideoProcessor would save; written by hand, as the class needs torchvision."""
    image = Glm46VImageProcessorPil(size=pixel_budget()).to_dict()
    return {key: image[key] for key in SHARED_WITH_VIDEO} | {
        "do_sample_frames": True,
        "fps": 2.0,
        "size": pixel_budget() | {"longest_edge": 8 * LARGEST_PICTURE},
        "temporal_patch_size": 2,
        "video_processor_type": "Glm46VVideoProcessor",
    }


def image_processor_config() -> dict[str, Any]:
    """The name without `Pil`: transformers picks the backend that is installed."""
    saved: dict[str, Any] = Glm46VImageProcessorPil(size=pixel_budget()).to_dict()
    return saved | {"image_processor_type": "Glm46VImageProcessor"}


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def save_processor(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes what `Glm46VProcessor.save_pretrained` would, which needs torchvision."""
    tokenizer.save_pretrained(folder)
    image, video = image_processor_config(), video_processor_config()
    write_json(folder / "preprocessor_config.json", image)
    write_json(folder / "video_preprocessor_config.json", video)
    combined = {"image_processor": image, "video_processor": video}
    write_json(folder / "processor_config.json", combined | {"processor_class": "Glm46VProcessor"})


def save_weights(model: Glm4vForConditionalGeneration, folder: Path) -> None:
    """Writes bfloat16 weights and the configurations beside them.

    The weights appear under their name only when complete.
    """
    fresh = folder / ".fresh"
    model.to(torch.bfloat16).save_pretrained(fresh)
    for path in sorted(fresh.iterdir()):
        path.chmod(0o644)
        path.replace(folder / path.name)
    fresh.rmdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    save_processor(tokenizer, arguments.out)
    model = build_model(tokenizer, arguments.seed)
    save_weights(model, arguments.out)
    print(f"{arguments.out}: {model.num_parameters():,} parameters, {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()
