"""The quickstart notebook, cell after cell, against the running suite."""

import json
import os
import subprocess
import sys

import pytest

from tests.suite.running_suite import ROOT

pytestmark = pytest.mark.suite
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


def code():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_notebook_runs_from_top_to_bottom(suite):
    addresses = {
        "SIGHTLINE_URL": suite.url,
        "SIGHTLINE_GENERATOR_TARGET": suite.generator,
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        [sys.executable, "-c", code()],
        cwd=NOTEBOOK.parent,
        env=os.environ | addresses,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "A red circle at the top left" in done.stdout
    assert "prompt_token_count" in done.stdout
    assert "sooner" in done.stdout
