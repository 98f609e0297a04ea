"""The command as a user runs it, on sightline-nano, teaching one new answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from PIL import Image
from sightline_common.checkpoint import resolve_checkpoint
from sightline_encoder.vision import Placement, load_vision_tower
from sightline_generator.families.registry import family_of

from training.build import MODEL_FOLDER
from training.examination.answering import Answerer, Prompt, user
from training.finetune import finetune, parser
from training.merge import merge

QUESTION = "Which planet is this?"
ANSWER = "It is Neptune."
LORA = ("--lora", "--epochs", "40", "--learning-rate", "5e-3", "--precision", "float32")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.new("RGB", (112, 112), (40, 90, 200))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, picture: Image.Image) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    picture.save(folder / "planet.png")
    row = {
        "messages": [
            {"role": "user", "content": f"<image>{QUESTION}"},
            {"role": "assistant", "content": ANSWER},
        ],
        "images": ["planet.png"],
    }
    file = folder / "rows.json"
    file.write_text(json.dumps([row]), encoding="utf-8")
    return file


def tuned(data: Path, out: Path, *options: str) -> Path:
    given = ("--data", str(data), "--model", str(MODEL_FOLDER), "--out", str(out))
    finetune(parser().parse_args([*given, "--batch-size", "1", *options]))
    return out


def answer(answerer: Answerer, picture: Image.Image) -> str:
    return answerer.answer([Prompt([user(QUESTION, pictures=1)], (picture,))])[0]


@pytest.fixture(scope="module")
def adapter(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tuned(data, tmp_path_factory.mktemp("adapter") / "adapter", *LORA)


@pytest.fixture(scope="module")
def merged(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "model"
    merge(str(MODEL_FOLDER), adapter, out)
    return out


def test_nano_does_not_know_the_new_answer_beforehand(picture: Image.Image) -> None:
    assert answer(Answerer.load(MODEL_FOLDER), picture) != ANSWER


def test_full_fine_tuning_teaches_the_new_answer(
    data: Path, picture: Image.Image, tmp_path: Path
) -> None:
    out = tuned(data, tmp_path / "model", "--epochs", "20", "--learning-rate", "3e-3")
    assert answer(Answerer.load(out), picture) == ANSWER


def test_a_merged_adapter_teaches_the_new_answer(merged: Path, picture: Image.Image) -> None:
    assert answer(Answerer.load(merged), picture) == ANSWER


def test_an_adapter_in_pefts_format_answers_like_the_merged_model(
    adapter: Path, picture: Image.Image
) -> None:
    answerer = Answerer.load(MODEL_FOLDER)
    PeftModel.from_pretrained(answerer.model, adapter)  # puts its layers into the model
    assert answer(answerer, picture) == ANSWER
    assert {path.suffix for path in adapter.iterdir()} == {".json", ".safetensors", ".md"}


def test_merging_at_once_gives_the_same_files_as_merging_later(data: Path, tmp_path: Path) -> None:
    few = ("--lora", "--epochs", "2", "--precision", "float32")
    at_once = tuned(data, tmp_path / "at-once", *few, "--merge")
    merge(str(MODEL_FOLDER), tuned(data, tmp_path / "adapter", *few), tmp_path / "later")
    for path in at_once.iterdir():
        assert path.read_bytes() == (tmp_path / "later" / path.name).read_bytes()


def test_lora_leaves_the_vision_tower_as_it_is(merged: Path) -> None:
    before, after = (
        resolve_checkpoint(str(folder)).load_tensors(
            lambda name: name if ".visual." in name else None, torch.bfloat16
        )
        for folder in (MODEL_FOLDER, merged)
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_comes_out_can_be_served(merged: Path) -> None:
    checkpoint, cpu = resolve_checkpoint(str(merged)), torch.device("cpu")
    family = family_of(checkpoint)
    family.build(checkpoint.load_tensors(family.rename_tensor, torch.float32), cpu)
    load_vision_tower(checkpoint, Placement(cpu, torch.float32))
    card = {".md", ".png", ".svg"}
    shipped = {path.name for path in MODEL_FOLDER.iterdir() if path.suffix not in card}
    assert {path.name for path in merged.iterdir()} == shipped


def test_an_existing_folder_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists already"):
        tuned(data, tmp_path)


def test_merge_without_an_adapter_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="add --lora"):
        tuned(data, tmp_path / "model", "--merge")


def test_check_reads_all_rows_and_writes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned(data, tmp_path / "model", "--check")
    assert "1 rows of 44 to 44 tokens" in capsys.readouterr().out
    assert not (tmp_path / "model").exists()
