"""The README's own words, typed by a stranger."""

import json
import re
import subprocess

import pytest

from tests.suite.running_suite import ROOT
from tests.suite.test_truth import TRUTH, shapes_of

pytestmark = pytest.mark.suite


def readmes_curl(url):
    """Returns the README's command, sent to a suite at `url`."""
    (command,) = re.findall(r"^curl .*?^EOF$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    return command.replace("http://127.0.0.1:8080", url)


def test_readmes_curl_describes_the_picture(suite):
    typed = readmes_curl(suite.url)
    reply = subprocess.run(["sh", "-c", typed], cwd=ROOT, capture_output=True, check=True)
    said = json.loads(reply.stdout)["choices"][0]["message"]["content"]
    assert shapes_of(said) == shapes_of(TRUTH["shapes.png"])
