"""Makes a checkpoint of about 0.3 billion random parameters: `python -m benchmarks.random_model`.

Speed does not depend on what weights say. The architecture is nano's, wider and deeper, so
that arithmetic counts and not only overhead; tokenizer, template and processor are nano's own.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import Glm4vConfig, Glm4vForConditionalGeneration

SEED = 0
TEXT = {
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
}
VISION = {"hidden_size": 384, "depth": 8, "num_heads": 6, "intermediate_size": 1024}
WEIGHTS = "model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_model", description=__doc__)
    parser.add_argument("--like", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--folder", type=Path, default=Path(".cache/models/random-300m"))
    arguments = parser.parse_args()
    if (arguments.folder / WEIGHTS).exists():
        print(f"{arguments.folder} is there already")
        return
    num_parameters = make_model(arguments.like, arguments.folder)
    print(f"{arguments.folder}: {num_parameters / 1e6:.0f} million parameters")


def make_model(like: Path, folder: Path) -> int:
    """Writes a random checkpoint with another's tokenizer; returns its number of parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_settings(like, folder)
    torch.manual_seed(SEED)
    config = Glm4vConfig.from_dict(widened(json.loads((like / "config.json").read_text())))
    model = Glm4vForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return int(model.num_parameters())


def copy_settings(like: Path, folder: Path) -> None:
    """Copies what says how a checkpoint is used: neither weights nor what is told of them."""
    for path in like.iterdir():
        if path.suffix in (".json", ".jinja", ".txt") and "safetensors" not in path.name:
            shutil.copy(path, folder)


def widened(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a checkpoint's configuration with the sizes of this module."""
    vision = {**config["vision_config"], **VISION, "out_hidden_size": TEXT["hidden_size"]}
    return {**config, "text_config": {**config["text_config"], **TEXT}, "vision_config": vision}


if __name__ == "__main__":
    main()
