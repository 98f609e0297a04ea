"""The checkpoint's own processor and tower in one process, as transformers documents them.

A JSON line in names files and says how many share one forward pass; a JSON line out says
how long they took. Imports nothing of this project.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText
from transformers.utils import is_flash_attn_2_available


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--dtype", required=True)
    arguments = parser.parse_args()
    has_flash = arguments.device != "cpu" and is_flash_attn_2_available()
    attention = "flash_attention_2" if has_flash else "sdpa"
    processor = AutoImageProcessor.from_pretrained(arguments.model)
    tower = load_tower(arguments.model, arguments.device, arguments.dtype, attention)
    print(json.dumps({"processor": type(processor).__name__, "attention": attention}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(processor, tower, json.loads(line))), flush=True)


def load_tower(folder: str, device: str, dtype: str, attention: str) -> Any:
    """Returns the model's vision tower alone; the rest is never moved to the device."""
    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention
    )
    return model.eval().model.visual.to(device)


def answer(processor: Any, tower: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Encodes all files of a job; every client asks for its next one when it has its last."""
    files = [Path(path).read_bytes() for path in job["files"]]
    size, num_clients = job["batch"], job["clients"]
    start = time.perf_counter()
    ends: list[float] = []
    for first in range(0, len(files), size):
        encode(processor, tower, files[first : first + size])
        now = time.perf_counter() - start
        ends += [now] * len(files[first : first + size])
    begins = [0.0] * num_clients + ends
    latencies = [end - begin for begin, end in zip(begins, ends, strict=False)]
    return {"seconds": ends[-1], "latencies_s": latencies}


@torch.inference_mode()
def encode(processor: Any, tower: Any, files: list[bytes]) -> torch.Tensor:
    """Decodes, cuts and encodes some pictures in one forward pass; returns what clients get."""
    images = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    inputs = processor(images=images, return_tensors="pt").to(tower.device)
    features: torch.Tensor = tower(
        inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]
    ).pooler_output
    return features.cpu()


if __name__ == "__main__":
    main()
