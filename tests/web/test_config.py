"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightline_common.config import SettingInvalidError, read_settings
from sightline_web.__main__ import open_database
from sightline_web.config import WebSettings


def test_defaults_serve_this_machine_only() -> None:
    settings = read_settings(WebSettings, {})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.store_url == "sqlite+aiosqlite:///data/sightline.db"
    assert "*" not in settings.host_names
    assert settings.alias_names == ("glm-4.6v-flash",)


def test_lists_are_split_at_commas() -> None:
    environ = {
        "SIGHTLINE_WEB_ALLOWED_HOSTS": "Chat.Example, b.example,",
        "SIGHTLINE_MODEL_ALIASES": "a,b",
        "SIGHTLINE_DATA_DIR": "/tmp/x",
    }
    settings = read_settings(WebSettings, environ)
    assert {"chat.example", "b.example", "localhost"} <= settings.host_names
    assert settings.alias_names == ("a", "b")
    assert settings.data_dir == Path("/tmp/x")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGHTLINE_WEB_PORT", "high"),
        ("SIGHTLINE_WEB_PORT", "65536"),
        ("SIGHTLINE_WEB_DRAIN_S", "inf"),
        ("SIGHTLINE_WEB_LOG_LEVEL", "loud"),
    ],
)
def test_senseless_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingInvalidError, match=variable):
        read_settings(WebSettings, {variable: value})


@pytest.mark.parametrize("url", ["nonsense", "sqlite:///not-async.db", "nothing+here://a:hush@b/c"])
def test_database_that_cannot_be_opened_names_its_variable(url: str) -> None:
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_DATABASE_URL") as caught:
        open_database(WebSettings(database_url=url))
    assert "hush" not in str(caught.value)
