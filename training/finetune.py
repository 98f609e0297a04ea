"""Fine-tunes a model on your own pictures and answers; see docs/finetuning.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from sightline_common.checkpoint import CheckpointError, resolve_checkpoint
from transformers import PreTrainedModel

from training.finetuning.adapter import add_adapter, merge_adapter
from training.finetuning.encoding import RowEncoder
from training.finetuning.folder import check_out, load_model, save_adapter, save_model
from training.finetuning.rows import read_rows
from training.finetuning.tuner import EncodedRows, Tuner, TuningSettings
from training.learning.compute import DEVICES, PRECISIONS, Compute, keep_freed_memory
from training.processing import Processor

# Times the decoder's width: wider models want smaller steps. 2e-5 and 2e-4 at a width of 4096.
FULL_RATE, LORA_RATE = 0.08, 0.8


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="a .json or .jsonl file of messages and images")
    add("--images", type=Path, help="the folder that picture names begin at; else the file's own")
    add("--model", default="models/sightline-nano", help="a folder or a hub id")
    add("--out", type=Path, required=True, help="a folder that does not exist yet")
    add("--lora", action="store_true", help="train an adapter instead of all weights")
    add("--merge", action="store_true", help="write a model with the adapter merged into it")
    add("--rank", type=int, default=16, help="of the adapter")
    add("--alpha", type=int, help="of the adapter; twice the rank if not given")
    add("--freeze-sight", action="store_true", help="leave the vision tower as it is")
    add("--epochs", type=int, default=TuningSettings.epochs)
    add("--batch-size", type=int, default=TuningSettings.batch_size, help="rows a step")
    add("--micro-batch-size", type=int, help="rows computed at once; all of a step if not given")
    add("--learning-rate", type=float, help="its highest; fitted to the model's width")
    add("--max-tokens", type=int, default=8192, help="of a row; visual tokens count")
    add("--seed", type=int, default=TuningSettings.seed)
    add("--device", default="auto", help=" or ".join(DEVICES))
    add("--precision", choices=PRECISIONS, default="auto", help="of matrix products")
    add("--gradient-checkpointing", action="store_true", help="less memory, more computing")
    add("--workers", type=int, default=TuningSettings.workers, help="processes that read pictures")
    add("--check", action="store_true", help="read every row and picture, and train nothing")
    return parser


def finetune(arguments: argparse.Namespace) -> None:
    """Raises ValueError, whose message says what to change."""
    if arguments.merge and not arguments.lora:
        raise ValueError("--merge merges an adapter; add --lora, or leave it out.")
    check_out(arguments.out)
    folder = resolve_checkpoint(str(arguments.model)).folder
    rows = read_rows(arguments.data, arguments.images)
    encoded = EncodedRows(rows, RowEncoder(Processor.load(folder), arguments.max_tokens))
    if arguments.check:
        tokens = [len(encoded[index].token_ids) for index in range(len(encoded))]
        print(f"{len(rows)} rows of {min(tokens)} to {max(tokens)} tokens; all can be learnt from.")
        return
    compute = Compute.choose(arguments.device, arguments.precision)
    compute.make_current()
    torch.manual_seed(arguments.seed)
    model = prepared_model(folder, arguments, compute)
    tuner = Tuner(model, encoded, tuning_settings(arguments, model), compute)
    report(tuner)
    save(model, folder, arguments)


def prepared_model(
    folder: Path, arguments: argparse.Namespace, compute: Compute
) -> PreTrainedModel:
    """A model on its device that requires gradients only where it is to be trained."""
    # Frozen weights need no float32; a GPU's memory is better spent otherwise.
    frozen = arguments.lora and compute.device.type == "cuda"
    model = load_model(folder, torch.bfloat16 if frozen else torch.float32).to(compute.device)
    if arguments.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if arguments.lora:
        return add_adapter(model, arguments.rank, arguments.alpha or 2 * arguments.rank)
    model.model.visual.requires_grad_(not arguments.freeze_sight)
    return model


def tuning_settings(arguments: argparse.Namespace, model: PreTrainedModel) -> TuningSettings:
    width = model.config.text_config.hidden_size
    fitted = (LORA_RATE if arguments.lora else FULL_RATE) / width
    return TuningSettings(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        micro_batch_size=arguments.micro_batch_size or arguments.batch_size,
        learning_rate=arguments.learning_rate or fitted,
        seed=arguments.seed,
        workers=arguments.workers,
    )


def report(tuner: Tuner) -> None:
    trained = sum(each.numel() for each in tuner.trained)
    print(f"{trained:,} parameters, {len(tuner.rows)} rows, {tuner.steps} steps, {tuner.compute}")
    for number, loss in enumerate(tuner.run(), start=1):
        print(f"step {number}/{tuner.steps} loss={loss:.4f}", flush=True)


def save(model: PreTrainedModel, folder: Path, arguments: argparse.Namespace) -> None:
    if arguments.lora and not arguments.merge:
        save_adapter(model, arguments.out)
        print(f"{arguments.out}: an adapter; python -m training.merge makes a model of it")
        return
    save_model(merge_adapter(model) if arguments.lora else model, folder, arguments.out)
    print(f"{arguments.out}: serve it with make run MODEL={arguments.out}")


def main() -> None:
    arguments = parser().parse_args()
    keep_freed_memory()
    try:
        finetune(arguments)
    except (ValueError, OSError, CheckpointError) as error:
        sys.exit(f"finetune: {error}")


if __name__ == "__main__":
    main()
