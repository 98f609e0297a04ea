import json
from pathlib import Path

from benchmarks.random_model import TEXT, copy_settings, widened

NANO = Path(__file__).parents[2] / "models" / "sightline-nano" / "config.json"


def test_widened_model_keeps_architecture_and_vocabulary():
    nano = json.loads(NANO.read_text())
    wide = widened(nano)
    assert wide["model_type"] == "glm4v"
    assert wide["text_config"]["vocab_size"] == nano["text_config"]["vocab_size"]
    assert wide["text_config"]["hidden_size"] == wide["vision_config"]["out_hidden_size"]


def test_neither_weights_nor_what_is_told_of_nano_is_taken_over(tmp_path):
    (like := tmp_path / "like").mkdir()
    taken = ["config.json", "tokenizer.json", "chat_template.jinja", "merges.txt"]
    left = ["model.safetensors", "model.safetensors.index.json", "README.md", "a.png", "curve.svg"]
    for name in [*taken, *left]:
        (like / name).touch()
    (folder := tmp_path / "random").mkdir()
    copy_settings(like, folder)
    assert {path.name for path in folder.iterdir()} == set(taken)


def test_widened_model_has_about_300_million_parameters():
    width, inner = TEXT["hidden_size"], TEXT["intermediate_size"]
    kv_width = width // TEXT["num_attention_heads"] * TEXT["num_key_value_heads"]
    layer = 2 * width * width + 2 * width * kv_width + 3 * width * inner
    assert 0.25e9 < layer * TEXT["num_hidden_layers"] < 0.35e9


def test_head_size_is_nanos_so_that_rotary_sections_fit():
    nano = json.loads(NANO.read_text())["text_config"]
    assert TEXT["hidden_size"] // TEXT["num_attention_heads"] == (
        nano["hidden_size"] // nano["num_attention_heads"]
    )
