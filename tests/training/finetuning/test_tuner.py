"""On small random checkpoints that transformers saved, one for each supported model type."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import PreTrainedModel

from tests.generator.tiny import MODELS, build_checkpoint
from training.build import MODEL_FOLDER
from training.finetuning.adapter import add_adapter, merge_adapter
from training.finetuning.encoding import RowEncoder
from training.finetuning.folder import load_model, save_model
from training.finetuning.rows import Row, Turn
from training.finetuning.tuner import EncodedRows, MicroBatch, Tuner, TuningSettings
from training.learning.compute import Compute
from training.learning.encoding import IGNORED
from training.processing import Processor

CPU = Compute(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> EncodedRows:
    pictures = tmp_path_factory.mktemp("pictures")
    given = []
    for number, side in enumerate((112, 140, 168)):
        path = pictures / f"{number}.png"
        Image.new("RGB", (side, 112), (60 * number, 100, 50)).save(path)
        turns = (Turn("user", "<image>Which one?"), Turn("assistant", "Number " + "1" * number))
        given.append(Row(f"row {number}", turns, (path,)))
    text = (Turn("user", "Which one?"), Turn("assistant", "None."))
    given.append(Row("row 3", text, ()))
    return EncodedRows(given, RowEncoder(Processor.load(MODEL_FOLDER), 1000))


def tuner(model: PreTrainedModel, rows: EncodedRows, **settings: float) -> Tuner:
    return Tuner(model, rows, TuningSettings(**settings), CPU)  # type: ignore[arg-type]


def gradients(tuned: Tuner, rows: EncodedRows) -> list[torch.Tensor]:
    examples = [rows[index] for index in range(len(rows))]
    count = sum(int((example.labels != IGNORED).sum()) for example in examples)
    size = tuned.settings.micro_batch_size
    for start in range(0, len(examples), size):
        loss = tuned.summed_loss(MicroBatch.of(examples[start : start + size])) / count
        torch.autograd.backward(loss)
    return [torch.zeros(()) if each.grad is None else each.grad for each in tuned.trained]


def test_the_loss_is_that_of_transformers(folder: Path, rows: EncodedRows) -> None:
    model = load_model(folder, torch.float32)
    batch = MicroBatch.of([rows[1]])
    theirs = model(
        input_ids=batch.token_ids,
        attention_mask=batch.mask,
        pixel_values=batch.pixel_values,
        image_grid_thw=batch.grid,
        mm_token_type_ids=(batch.token_ids == model.config.image_token_id).int(),
        labels=batch.labels,
    ).loss
    count = int((batch.labels != IGNORED).sum())
    ours = tuner(model, rows).summed_loss(batch) / count
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("lora", [False, True])
def test_micro_batches_change_memory_and_not_the_gradients(
    folder: Path, rows: EncodedRows, lora: bool
) -> None:
    results = []
    for size in (4, 1, 3):
        torch.manual_seed(0)
        model = load_model(folder, torch.float32)
        chosen = add_adapter(model, 4, 8) if lora else model
        results.append(gradients(tuner(chosen, rows, micro_batch_size=size), rows))
    for other in results[1:]:
        for whole, cut in zip(results[0], other, strict=True):
            torch.testing.assert_close(whole, cut, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("lora", [False, True])
def test_gradient_checkpointing_changes_memory_and_not_the_gradients(
    folder: Path, rows: EncodedRows, lora: bool
) -> None:
    results = []
    for saving in (False, True):
        torch.manual_seed(0)
        model = load_model(folder, torch.float32)
        if saving:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        chosen = add_adapter(model, 4, 8) if lora else model
        results.append(gradients(tuner(chosen, rows), rows))
    for kept, recomputed in zip(*results, strict=True):
        torch.testing.assert_close(kept, recomputed)
    assert any(each.abs().sum() > 0 for each in results[1])


def test_lora_is_on_every_matrix_of_the_decoder_and_nowhere_else(folder: Path) -> None:
    model = load_model(folder, torch.float32)
    layers = model.config.text_config.num_hidden_layers
    adapted = add_adapter(model, 4, 8)
    trained = [name for name, each in adapted.named_parameters() if each.requires_grad]
    assert len(trained) == layers * 6 * 2
    assert all("language_model.layers" in name and "lora_" in name for name in trained)


def test_a_merged_model_computes_what_the_adapted_one_did(
    folder: Path, rows: EncodedRows, tmp_path: Path
) -> None:
    adapted = add_adapter(load_model(folder, torch.float32), 4, 8)
    tuned = tuner(adapted, rows, epochs=2, learning_rate=1e-2)
    losses = list(tuned.run())
    batch = MicroBatch.of([rows[0]])
    with torch.no_grad():
        before = tuned.summed_loss(batch)
        merged = merge_adapter(adapted).requires_grad_(True)
        after = tuner(merged, rows).summed_loss(batch)
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-3)
    assert losses[-1] < losses[0]
    save_model(merged, folder, tmp_path / "out")
    assert load_model(tmp_path / "out", torch.float32).config.model_type in str(folder)


def test_every_epoch_visits_each_row_once_in_another_order(folder: Path, rows: EncodedRows) -> None:
    tuned = tuner(load_model(folder, torch.float32), rows, epochs=3, batch_size=2)
    lengths = [len(example.token_ids) for batch in tuned.batches() for example in batch]
    epochs = [lengths[start : start + 4] for start in (0, 4, 8)]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]
    assert tuned.steps == 6


def test_another_family_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(ValueError, match="llava model; fine-tuning takes glm4v and glm46v"):
        load_model(tmp_path, torch.float32)
