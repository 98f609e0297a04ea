import json

import pytest
from sightline_common.checkpoint import Checkpoint
from sightline_generator.defaults import SamplingDefaults, sampling_defaults


def defaults(folder, generation=None, **config):
    (folder / "config.json").write_text(json.dumps(config))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return sampling_defaults(Checkpoint(folder))


def test_without_sampling_the_default_is_greedy(tmp_path):
    generation = {"do_sample": False, "temperature": 0.8, "top_p": 0.6}
    assert defaults(tmp_path, generation) == SamplingDefaults()


def test_sampling_takes_the_checkpoints_values(tmp_path):
    generation = {
        "do_sample": True,
        "temperature": 0.8,
        "top_p": 0.6,
        "top_k": 2,
        "repetition_penalty": 1.1,
        "eos_token_id": [1, 2],
    }
    assert defaults(tmp_path, generation) == SamplingDefaults(
        temperature=0.8,
        top_p=0.6,
        top_k=2,
        repetition_penalty=1.1,
        end_token_ids=frozenset({1, 2}),
    )


def test_sampling_without_values_is_neutral(tmp_path):
    assert defaults(tmp_path, {"do_sample": True}) == SamplingDefaults(temperature=1.0)


@pytest.mark.parametrize(
    ("generation", "config", "expected"),
    [
        ({"eos_token_id": 7}, {"eos_token_id": [8]}, {7}),
        (None, {"eos_token_id": [8]}, {8}),
        (None, {"text_config": {"eos_token_id": 9}}, {9}),
        (None, {}, set()),
    ],
)
def test_end_tokens_are_found_where_checkpoints_put_them(tmp_path, generation, config, expected):
    assert defaults(tmp_path, generation, **config).end_token_ids == expected
