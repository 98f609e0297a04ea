from __future__ import annotations

from pathlib import Path

import pytest
from sightline_common.config import SettingInvalidError, read_settings, setting_specs
from sightline_encoder.config import EncoderSettings

README = Path(__file__).parents[2] / "services" / "encoder" / "README.md"


def test_defaults_serve_the_embedded_model_on_loopback():
    settings = read_settings(EncoderSettings, {})

    assert settings.model == "models/sightline-nano"
    assert (settings.host, settings.port) == ("127.0.0.1", 50051)
    assert settings.cache_bytes == 1024**3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGHTLINE_ENCODER_PORT", "x"),
        ("SIGHTLINE_ENCODER_DTYPE", "int8"),
        ("SIGHTLINE_ENCODER_LOG_LEVEL", "loud"),
        ("SIGHTLINE_ENCODER_CACHE_BYTES", "-1"),
        ("SIGHTLINE_ENCODER_MAX_ASPECT_RATIO", "0.5"),
    ],
)
def test_bad_value_is_refused_by_name(variable, value):
    with pytest.raises(SettingInvalidError, match=variable):
        read_settings(EncoderSettings, {variable: value})


def test_every_setting_is_documented():
    text = README.read_text("utf-8")

    missing = [spec.variable for spec, _ in setting_specs(EncoderSettings)]
    assert [variable for variable in missing if f"`{variable}`" not in text] == []
