"""Documentation that a change can forget."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest
from sightline_common.config import setting_specs
from sightline_common.errors import SightlineError, error_types
from sightline_common.service_settings import ServiceSettings
from sightline_web.openai.errors import api_error
from sightline_web.openai.refusal_codes import OWN_CODES

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "docs/settings.md": ("sightline_common.launcher", "LauncherSettings"),
    "services/encoder/README.md": ("sightline_encoder.config", "EncoderSettings"),
    "services/generator/README.md": ("sightline_generator.config", "GeneratorSettings"),
    "services/web/README.md": ("sightline_web.config", "WebSettings"),
}


def documented_rows(page, name="[A-Z_]+"):
    """Returns the first cells of all table rows of a page that are names of a form."""
    text = (ROOT / page).read_text()
    return set(re.findall(rf"^\| `({name})`", text, flags=re.MULTILINE))


def variables(settings):
    return {spec.variable for spec, _default in setting_specs(settings)}


@pytest.mark.parametrize("page", SETTINGS)
def test_page_documents_exactly_the_settings_that_exist(page):
    module, name = SETTINGS[page]
    settings = getattr(importlib.import_module(module), name)
    shared = set() if page == "docs/settings.md" else variables(ServiceSettings)
    assert documented_rows(page) == variables(settings) - shared


def test_every_error_reason_is_documented():
    reasons = {kind.reason for kind in error_types() if kind is not SightlineError}
    assert documented_rows("docs/errors.md") == reasons


def test_every_reason_says_what_it_is_over_rest():
    page = (ROOT / "docs/errors.md").read_text()
    for kind in error_types():
        if kind is not SightlineError:
            rest = api_error(kind("What is wrong."))
            row = f"| `{kind.reason}` | `{kind.status}` | {rest.http_status} | `{rest.code}` |"
            assert row in page


def test_every_code_that_web_gives_itself_is_documented():
    sources = (ROOT / "services/web/sightline_web").rglob("*.py")
    given = {
        code for path in sources for code in re.findall(r'\bcode="(\w+)"', path.read_text("utf-8"))
    }
    assert documented_rows("docs/errors.md", "[a-z0-9_]+") == given | {"invalid_value"}
    assert given | {"invalid_value"} == OWN_CODES


def test_links_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
            path, _, anchor = target.partition("#")
            found = page.parent / path if path else page
            assert found.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_make_target_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    for target in phony.split():
        assert re.search(rf"^{target}:.*## \S", makefile, flags=re.MULTILINE), target


def test_make_help_prints_the_targets():
    output = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "protos", "run", "test", "check", "bench", "eval"):
        assert re.search(rf"^{target} ", output.stdout, flags=re.MULTILINE)
