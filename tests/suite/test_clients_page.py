"""What docs/clients.md does without a program, typed by a stranger."""

import json
import os
import re
import subprocess

import pytest

from tests.suite.running_suite import ROOT
from tests.suite.test_truth import TRUTH, shapes_of

pytestmark = pytest.mark.suite
# Whole lines, and those that a backslash or a here-document adds.
COMMAND = re.compile(r"^buf curl (?:.*\\\n)*.*?(?: <<EOF\n(?:.*\n)*?EOF)?$", re.MULTILINE)


def typed(command, suite):
    """Returns what a command of the page prints about a running suite."""
    command = command.replace("127.0.0.1:50052", suite.generator)
    path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    given = os.environ | {"PATH": path}
    return subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=given, capture_output=True, text=True, check=True
    ).stdout


def test_bufs_commands_do_what_the_page_says(suite):
    methods, described, asked = COMMAND.findall((ROOT / "docs/clients.md").read_text("utf-8"))
    assert "sightline.generator.v1.GeneratorService/GenerateText" in typed(methods, suite)
    assert json.loads(typed(described, suite))["maxMessageByteCount"]
    assert shapes_of(answer_of(typed(asked, suite))) == shapes_of(TRUTH["shapes.png"])


def answer_of(printed):
    """Joins the texts of a stream that is printed as JSON objects, one after another."""
    decoder, rest, texts = json.JSONDecoder(), printed.lstrip(), []
    while rest:
        message, end = decoder.raw_decode(rest)
        texts.append(message.get("delta", {}).get("text", ""))
        rest = rest[end:].lstrip()
    return "".join(texts)
