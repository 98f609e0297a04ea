"""Adds a LoRA adapter in PEFT's format to its model, and writes a folder that can be served."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from peft import PeftModel
from sightline_common.checkpoint import CheckpointError, resolve_checkpoint

from training.finetuning.adapter import merge_adapter
from training.finetuning.folder import check_out, load_model, save_model


def merge(model: str, adapter: Path, out: Path) -> None:
    """Raises ValueError, whose message says what to change."""
    check_out(out)
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ValueError(f"{adapter} holds no adapter_model.safetensors; name an adapter's folder.")
    folder = resolve_checkpoint(model).folder
    adapted = PeftModel.from_pretrained(load_model(folder, torch.float32), adapter)
    save_model(merge_adapter(adapted), folder, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="models/sightline-nano", help="a folder or a hub id")
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder that does not exist yet")
    arguments = parser.parse_args()
    try:
        merge(arguments.model, arguments.adapter, arguments.out)
    except (ValueError, OSError, CheckpointError) as error:
        sys.exit(f"merge: {error}")
    print(f"{arguments.out}: serve it with make run MODEL={arguments.out}")


if __name__ == "__main__":
    main()
