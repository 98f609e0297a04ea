"""transformers' `generate` as a program: a JSON line in, one static batch, a JSON line out.

Runs in the peer's own environment: it imports nothing of this project.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import time
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, LogitsProcessor


class FirstToken(LogitsProcessor):  # type: ignore[misc]
    """Notes when the first token's logits are there."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.time_s = self.time_s or time.perf_counter()
        return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    model_folder = parser.parse_args().model
    processor = AutoProcessor.from_pretrained(model_folder)
    model = AutoModelForImageTextToText.from_pretrained(
        model_folder, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    for line in sys.stdin:
        print(json.dumps(answer(model, processor, json.loads(line))), flush=True)


@torch.inference_mode()
def answer(model: Any, processor: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Answers all conversations of a job as one batch of equally long answers."""
    start_s = time.perf_counter()
    inputs = processor.apply_chat_template(
        [[readable(message) for message in talk] for talk in job["conversations"]],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True, "padding_side": "left"},
    )
    first = FirstToken()
    count = job["answer_tokens"]
    output = model.generate(
        **inputs,
        do_sample=False,
        min_new_tokens=count,
        max_new_tokens=count,
        logits_processor=[first],
    )
    return {
        "first_s": first.time_s - start_s,
        "total_s": time.perf_counter() - start_s,
        "answer_token_count": output.shape[1] - inputs["input_ids"].shape[1],
        "prompt_token_counts": inputs["attention_mask"].sum(dim=1).tolist(),
    }


def readable(message: dict[str, Any]) -> dict[str, Any]:
    """Puts a chat completion's message in the form that processors read."""
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**message, "content": [readable_part(part) for part in content]}


def readable_part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return part
    encoded = part["image_url"]["url"].partition("base64,")[2]
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    return {"type": "image", "image": image}


if __name__ == "__main__":
    main()
