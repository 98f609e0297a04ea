import json
from pathlib import Path

import pytest
import torch
from sightline_common.checkpoint import Checkpoint
from sightline_generator.chat.vocabulary import Vocabulary
from transformers import AutoModelForImageTextToText

from benchmarks.gpu.configuration import FLASH
from benchmarks.random_model import SIZES, TEXT, copy_settings, make_model, widened
from benchmarks.random_shards import RandomTensors, grouped

NANO = Path(__file__).parents[2] / "models" / "sightline-nano"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    make_model(NANO, folder, SIZES["tiny"])
    return folder


def nano_config():
    return json.loads((NANO / "config.json").read_text())


def test_widened_model_keeps_architecture_and_vocabulary():
    nano = nano_config()
    wide = widened(nano, SIZES["300m"])
    assert wide["model_type"] == "glm4v"
    assert wide["text_config"]["vocab_size"] == nano["text_config"]["vocab_size"]
    assert wide["text_config"]["hidden_size"] == wide["vision_config"]["out_hidden_size"]


def test_9b_model_has_the_published_sizes_and_nanos_special_tokens():
    nano, large = nano_config(), widened(nano_config(), SIZES["9b"])
    assert large["text_config"].items() >= FLASH["text_config"].items()
    assert large["vision_config"].items() >= FLASH["vision_config"].items()
    assert large["image_token_id"] == nano["image_token_id"]
    assert large["text_config"]["eos_token_id"] == nano["text_config"]["eos_token_id"]


def test_neither_weights_nor_sizes_nor_what_is_told_of_nano_are_taken_over(tmp_path):
    (like := tmp_path / "like").mkdir()
    taken = ["tokenizer.json", "chat_template.jinja", "merges.txt"]
    left = [
        "model.safetensors",
        "model.safetensors.index.json",
        "README.md",
        "a.png",
        "config.json",
    ]
    for name in [*taken, *left]:
        (like / name).touch()
    (folder := tmp_path / "random").mkdir()
    copy_settings(like, folder, pixels=0)
    assert {path.name for path in folder.iterdir()} == set(taken)


def test_pictures_of_a_size_are_let_through_where_the_size_says_so(tmp_path):
    folders = {pixels: tmp_path / str(pixels) for pixels in (0, SIZES["9b"].pixels)}
    for pixels, folder in folders.items():
        folder.mkdir()
        copy_settings(NANO, folder, pixels)
    same, large = (Checkpoint(folder).image_processor["size"] for folder in folders.values())
    assert same == Checkpoint(NANO).image_processor["size"]
    assert large["longest_edge"] == 9633792  # in both frames of a temporal patch


def test_widened_model_has_about_300_million_parameters():
    width, inner = TEXT["hidden_size"], TEXT["intermediate_size"]
    kv_width = width // TEXT["num_attention_heads"] * TEXT["num_key_value_heads"]
    layer = 2 * width * width + 2 * width * kv_width + 3 * width * inner
    assert 0.25e9 < layer * TEXT["num_hidden_layers"] < 0.35e9


def test_head_size_is_nanos_so_that_rotary_sections_fit():
    nano = nano_config()["text_config"]
    assert TEXT["hidden_size"] // TEXT["num_attention_heads"] == (
        nano["hidden_size"] // nano["num_attention_heads"]
    )


def test_transformers_finds_every_tensor_and_no_other(tiny):
    _, found = AutoModelForImageTextToText.from_pretrained(tiny, output_loading_info=True)
    assert not any(found.values())


def test_whatever_a_random_model_says_shows_at_once(tiny):
    head = Checkpoint(tiny).load_tensors({"lm_head.weight": "head"}.get, torch.float32)["head"]
    logits = head @ torch.randn(head.shape[1], 64, generator=torch.Generator().manual_seed(1))
    vocabulary = Vocabulary.load(tiny)
    said = [vocabulary.token_bytes[token_id] for token_id in logits.argmax(dim=0)]
    assert len(head) > len(vocabulary.token_bytes)
    assert all(piece.decode().isalpha() for piece in said)
    assert len(set(said)) > 16


def test_tensors_are_random_and_differ_while_norms_are_ones():
    tensors = RandomTensors(0.02)
    one, other = (tensors.make(f"{n}.weight", torch.Size([64, 100])) for n in (1, 2))
    assert one.float().std() == pytest.approx(0.02, rel=0.05)
    assert not one.equal(other)
    assert one.equal(tensors.make("1.weight", one.shape))
    assert tensors.make("norm1.weight", torch.Size([5])).tolist() == [1] * 5


def test_tensors_longer_than_the_pool_go_on_at_its_beginning(monkeypatch):
    tensors = RandomTensors(0.02)
    monkeypatch.setattr("benchmarks.random_shards.POOL_LENGTH", 7)
    tensors._pool = torch.arange(7, dtype=torch.bfloat16)
    found = tensors.make("any", torch.Size([4, 5])).flatten()
    assert ((found[1:] - found[:-1]) % 7 == 1).all()


def test_files_hold_whole_tensors_in_order_up_to_a_size():
    shapes = {
        name: torch.Size([count]) for name, count in zip("abcde", (2, 2, 9, 1, 3), strict=True)
    }
    assert list(grouped(shapes, most_bytes=8)) == [["a", "b"], ["c"], ["d", "e"]]
