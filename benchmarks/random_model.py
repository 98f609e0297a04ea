"""Makes a checkpoint of random parameters: `python -m benchmarks.random_model --size 9b`.

Speed does not depend on what weights say. Tokenizer, template and processor are nano's own; the
architecture is nano's in other sizes: 300m, wide and deep enough that arithmetic counts and not
only overhead; 9b, that of GLM-4.6V-Flash (21 GB); 9b-tower, its tower before one layer only, for
what asks no language model; tiny, to try commands out.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sightline_generator.chat.vocabulary import Vocabulary

from benchmarks.gpu.configuration import FLASH, TINY
from benchmarks.gpu.weights import checkpoint_shapes
from benchmarks.pixel_bound import PROCESSOR_FILES, write_raised
from benchmarks.random_shards import RandomTensors, write_shards

CONFIG = "config.json"
HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Size:
    """What a checkpoint says instead of nano's: of the language model, and of the tower.

    Pictures of so many pixels are not shrunk.
    """

    text: Mapping[str, Any]
    vision: Mapping[str, Any]
    pixels: int = 0


TEXT = {
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
}
VISION = {"hidden_size": 384, "depth": 8, "num_heads": 6, "intermediate_size": 1024}
FLASH_PIXELS = 4_816_896
"""What the published processor lets through."""
SIZES = MappingProxyType(
    {
        "300m": Size(TEXT, VISION),
        "9b": Size(FLASH["text_config"], FLASH["vision_config"], FLASH_PIXELS),
        "9b-tower": Size(
            {**FLASH["text_config"], "num_hidden_layers": 1, "vocab_size": 8192},
            FLASH["vision_config"],
            FLASH_PIXELS,
        ),
        "tiny": Size({**TINY["text_config"], "vocab_size": 8192}, TINY["vision_config"]),
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_model", description=__doc__)
    parser.add_argument("--like", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--size", choices=SIZES, default="300m")
    parser.add_argument("--folder", type=Path, help="by default .cache/models/random-SIZE")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(f".cache/models/random-{arguments.size}")
    if (folder / CONFIG).exists():
        print(f"{folder} is there already")
        return
    num_parameters = make_model(arguments.like, folder, SIZES[arguments.size])
    print(f"{folder}: {num_parameters / 1e6:.0f} million parameters")


def make_model(like: Path, folder: Path, size: Size) -> int:
    """Writes a random checkpoint with another's tokenizer; returns its number of parameters.

    Its configuration comes last, so that a folder which has one is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy_settings(like, folder, size.pixels)
    config = widened(json.loads((like / CONFIG).read_text("utf-8")), size)
    shapes = checkpoint_shapes(config)
    tensors = RandomTensors(config["text_config"]["initializer_range"])
    tensors.keep_rows(HEAD, spoken_tokens(folder))
    write_shards(folder, shapes, tensors.make)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    return sum(shape.numel() for shape in shapes.values())


def copy_settings(like: Path, folder: Path, pixels: int) -> None:
    """Copies what says how a checkpoint is used, but for its sizes, weights, and their story.

    Pictures of at least so many pixels will not be shrunk.
    """
    for path in like.iterdir():
        is_told = path.suffix in (".json", ".jinja", ".txt") and path.name != CONFIG
        if path.name in PROCESSOR_FILES:
            write_raised(path, folder / path.name, pixels)
        elif is_told and "safetensors" not in path.name:
            shutil.copy(path, folder)


def widened(config: Mapping[str, Any], size: Size) -> dict[str, Any]:
    """Returns a checkpoint's configuration in another size."""
    text = {**config["text_config"], **size.text}
    vision = {**config["vision_config"], **size.vision, "out_hidden_size": text["hidden_size"]}
    return {**config, "text_config": text, "vision_config": vision}


def spoken_tokens(folder: Path) -> list[int]:
    """Returns the tokens that are letters: each of them shows as soon as it comes.

    A random model may choose these alone. A vocabulary larger than the tokenizer's would leave
    most answers without text, and bytes of half a character show later.
    """
    vocabulary = Vocabulary.load(folder)
    added = set(vocabulary.added_tokens.values())
    pieces = enumerate(vocabulary.token_bytes)
    return [token_id for token_id, piece in pieces if piece.isalpha() and token_id not in added]


if __name__ == "__main__":
    main()
