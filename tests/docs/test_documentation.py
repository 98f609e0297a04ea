"""Documentation that a change can forget."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest

from sightline_common.config import setting_specs
from sightline_common.errors import SightlineError, error_types

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "docs/settings.md": ("sightline_common.launcher", "LauncherSettings"),
    "services/encoder/README.md": ("sightline_encoder.config", "EncoderSettings"),
    "services/generator/README.md": ("sightline_generator.config", "GeneratorSettings"),
    "services/web/README.md": ("sightline_web.config", "WebSettings"),
}


def documented_rows(page):
    """Returns the first cells of all table rows of a page."""
    text = (ROOT / page).read_text()
    return set(re.findall(r"^\| `([A-Z_]+)`", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", SETTINGS)
def test_page_documents_exactly_the_settings_that_exist(page):
    module, name = SETTINGS[page]
    settings = getattr(importlib.import_module(module), name)
    assert documented_rows(page) == {spec.variable for spec, _default in setting_specs(settings)}


def test_every_error_reason_is_documented():
    reasons = {kind.reason for kind in error_types() if kind is not SightlineError}
    assert documented_rows("docs/errors.md") == reasons


def test_every_make_target_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    for target in phony.split():
        assert re.search(rf"^{target}:.*## \S", makefile, flags=re.MULTILINE), target


def test_make_help_prints_the_targets():
    output = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "protos", "run", "test", "check", "bench", "eval"):
        assert re.search(rf"^{target} ", output.stdout, flags=re.MULTILINE)
