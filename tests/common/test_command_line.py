"""What a service says to who types arguments."""

import importlib

import pytest

MODULES = [
    "sightline_encoder.__main__",
    "sightline_generator.__main__",
    "sightline_web.__main__",
    "sightline_common.launcher",
]
mains = pytest.mark.parametrize(
    "main", [importlib.import_module(name).main for name in MODULES], ids=MODULES
)


@pytest.fixture(autouse=True)
def unusable_setting(monkeypatch):
    """Lets what starts in spite of its arguments end at once."""
    monkeypatch.setenv("SIGHTLINE_LOG_FORMAT", "none")


def ended(main, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@mains
def test_help_names_settings_and_the_page_that_explains_them(main, capsys):
    assert ended(main, "--help") == 0
    told = capsys.readouterr().out
    assert "docs/settings.md" in told
    assert "SIGHTLINE_TLS_CERT" in told


@mains
@pytest.mark.parametrize("argument", ["--port=1", "serve"])
def test_arguments_are_refused_and_start_nothing(main, argument, capsys):
    assert ended(main, argument) == 2
    assert argument in capsys.readouterr().err
