from dataclasses import dataclass
from pathlib import Path

import pytest
from sightline_common.config import SettingInvalidError, read_settings, setting, setting_specs


@dataclass(frozen=True)
class ExampleSettings:
    port: int = setting("EXAMPLE_PORT", "Where it listens.", default=1, minimum=1, maximum=9)
    ratio: float = setting("EXAMPLE_RATIO", "A share.", default=0.5, minimum=0)
    verbose: bool = setting("EXAMPLE_VERBOSE", "Says more.", default=False)
    folder: Path = setting("EXAMPLE_FOLDER", "Where files lie.", default=Path("here"))


def test_unset_and_empty_variables_keep_defaults():
    assert read_settings(ExampleSettings, {"EXAMPLE_PORT": " "}) == ExampleSettings()


def test_values_are_parsed_by_the_fields_type():
    environ = {
        "EXAMPLE_PORT": "8",
        "EXAMPLE_RATIO": "0.25",
        "EXAMPLE_VERBOSE": "Yes",
        "EXAMPLE_FOLDER": "/there",
    }
    assert read_settings(ExampleSettings, environ) == ExampleSettings(8, 0.25, True, Path("/there"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EXAMPLE_PORT", "eight"),
        ("EXAMPLE_PORT", "0"),
        ("EXAMPLE_PORT", "10"),
        ("EXAMPLE_RATIO", "inf"),
        ("EXAMPLE_VERBOSE", "maybe"),
        ("EXAMPLE_RATIO", "nan"),
    ],
)
def test_bad_value_is_refused_by_the_variables_name(variable, value):
    with pytest.raises(SettingInvalidError, match=variable):
        read_settings(ExampleSettings, {variable: value})


def test_specs_list_every_setting():
    variables = [spec.variable for spec, _default in setting_specs(ExampleSettings)]
    assert variables == ["EXAMPLE_PORT", "EXAMPLE_RATIO", "EXAMPLE_VERBOSE", "EXAMPLE_FOLDER"]
