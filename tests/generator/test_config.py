import pytest
from sightline_common.config import SettingInvalidError, read_settings
from sightline_generator.config import GeneratorSettings


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "sightline-nano"),
        ({"SIGHTLINE_MODEL": "zai-org/GLM-4.6V-Flash"}, "GLM-4.6V-Flash"),
        ({"SIGHTLINE_MODEL": "/some/folder/"}, "folder"),
        ({"SIGHTLINE_MODEL_NAME": "mine"}, "mine"),
    ],
)
def test_served_name_is_the_folders_unless_set(environ, name):
    assert read_settings(GeneratorSettings, environ).served_name == name


def test_a_budget_under_the_number_of_sequences_is_refused():
    environ = {
        "SIGHTLINE_GENERATOR_MAX_NUM_SEQS": "64",
        "SIGHTLINE_GENERATOR_MAX_NUM_BATCHED_TOKENS": "63",
    }
    with pytest.raises(SettingInvalidError, match="at least SIGHTLINE_GENERATOR_MAX_NUM_SEQS"):
        read_settings(GeneratorSettings, environ)


def test_a_target_that_is_no_address_is_refused_before_anything_is_loaded():
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_ENCODER_TARGET"):
        read_settings(GeneratorSettings, {"SIGHTLINE_ENCODER_TARGET": "encoder"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGHTLINE_GENERATOR_LOG_LEVEL", "LOUD"),
        ("SIGHTLINE_GENERATOR_DTYPE", "float7"),
        ("SIGHTLINE_GENERATOR_OVERLAP", "maybe"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(variable, value):
    with pytest.raises(SettingInvalidError, match=f"{variable}={value} must be one of"):
        read_settings(GeneratorSettings, {variable: value})
