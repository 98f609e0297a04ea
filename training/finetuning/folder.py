"""Model folders, before and after."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from peft import PeftModel
from sightline_common.checkpoint import Checkpoint
from transformers import AutoModelForImageTextToText, PreTrainedModel

from training.companions import copy_companions

SUPPORTED = ("glm4v", "glm46v")


def load_model(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Raises ValueError for a model of another family."""
    model_type = Checkpoint(folder).config.get("model_type")
    if model_type not in SUPPORTED:
        raise ValueError(
            f"{folder} holds a {model_type} model; fine-tuning takes {' and '.join(SUPPORTED)}."
        )
    model: PreTrainedModel = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype)
    return model


def save_model(model: PreTrainedModel, source: Path, out: Path) -> None:
    """Writes a folder that can be served: bfloat16 weights, and the source's other files."""
    fresh = fresh_folder(out)
    model.to(torch.bfloat16).save_pretrained(fresh)
    copy_companions(source, fresh)
    publish(fresh, out)


def save_adapter(model: PeftModel, out: Path) -> None:
    """Writes the adapter alone, in PEFT's format: adapter_config.json and safetensors."""
    fresh = fresh_folder(out)
    model.save_pretrained(str(fresh))
    publish(fresh, out)


def check_out(out: Path) -> None:
    """Raises ValueError unless something new can be written there."""
    if out.exists():
        raise ValueError(f"{out} exists already; remove it or choose another --out.")


def fresh_folder(out: Path) -> Path:
    check_out(out)
    fresh = out.with_name(f".{out.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    return fresh


def publish(fresh: Path, out: Path) -> None:
    """Lets a folder appear under its name only when it is complete."""
    for path in fresh.iterdir():
        path.chmod(0o644)
    fresh.rename(out)
