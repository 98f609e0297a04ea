from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sightline_common.config import SettingInvalidError, read_settings, setting_specs
from sightline_common.errors import FieldInvalidError
from sightline_encoder.config import EncoderSettings
from sightline_encoder.image import MediaLimits
from sightline_encoder.loaded_model import largest_pass, whole_pixel_budget
from sightline_encoder.preprocess import load_preprocessor
from sightline_encoder.vision import Placement

ROOT = Path(__file__).parents[2]
README = ROOT / "services" / "encoder" / "README.md"
OF_ALL_SERVICES = ROOT / "docs" / "settings.md"


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
    text = README.read_text("utf-8") + OF_ALL_SERVICES.read_text("utf-8")

    missing = [spec.variable for spec, _ in setting_specs(EncoderSettings)]
    assert [variable for variable in missing if f"`{variable}`" not in text] == []


@pytest.mark.parametrize(
    ("device", "setting", "largest"),
    [("cpu", "0", 2 * 1024**2), ("cuda", "0", 6 * 1024**2), ("cpu", "5000000", 5_000_000)],
)
def test_whole_pictures_are_bounded_by_what_the_device_can(device, setting, largest):
    given = read_settings(EncoderSettings, {"SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET": setting})

    assert whole_pixel_budget(given, Placement(torch.device(device), torch.float32)) == largest


@pytest.mark.parametrize(
    ("batch", "budget", "largest"), [(1, 1, 576), (9000, 1, 9000), (1, 2**20, 5349)]
)
def test_largest_pass_holds_what_any_request_may_ask_for(tiny_model, batch, budget, largest):
    variables = {"SIGHTLINE_ENCODER_BATCH_PATCHES": str(batch)}
    preprocessor = load_preprocessor(tiny_model.checkpoint, MediaLimits(), budget)

    settings = read_settings(EncoderSettings, variables)
    assert largest_pass(settings, tiny_model.tower, preprocessor) == largest


def test_picture_too_large_to_pass_whole_is_told_of_tiles(tiny_model):
    preprocessor = load_preprocessor(
        tiny_model.checkpoint, MediaLimits(), 2**20, max_tiled_pixel_budget=2**24
    )
    with pytest.raises(FieldInvalidError, match=f"tiled mode to {2**24}"):
        preprocessor.pixel_budget(None, 2**20 + 1)

    assert preprocessor.pixel_budget(None, 2**20 + 1, tiled=True)
