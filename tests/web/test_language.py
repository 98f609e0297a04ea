"""Pages in the reader's language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import httpx2
import pytest
import sightline_web
from sightline_web.chat.examples import EXAMPLES
from sightline_web.chat.file_checks import UNKNOWN_KIND
from sightline_web.chat.presets import PRESETS
from sightline_web.chat.settings import NUMBERS
from sightline_web.chat.uploads import _FAULTS
from sightline_web.chat.wording import _UNKNOWN, _WORDS
from sightline_web.language import wanted_language
from sightline_web.operators.figures import TIERS
from sightline_web.preference import ENTER_KEY, THEME
from sightline_web.translations.chinese import CHINESE
from starlette.datastructures import Headers

ROOT = Path(sightline_web.__file__).parent


def sentences() -> set[str]:
    """Returns everything that code and templates ask to be translated."""
    found = {_UNKNOWN, *_WORDS.values()}
    found |= (
        {text for each in EXAMPLES for text in (each.alt, each.question)}
        | set(TIERS.values())
        | {"other"}
    )
    found |= {*THEME.names.values(), *ENTER_KEY.names.values(), *_FAULTS.values(), UNKNOWN_KIND}
    found |= {name for name, _ in PRESETS.values()} | {each.label for each in NUMBERS.values()}
    for template in (ROOT / "templates").iterdir():
        found |= set(re.findall(r'_\("([^"]*)"', template.read_text("utf-8")))
    for source in ROOT.rglob("*.py"):
        found |= set(_translated_in(ast.parse(source.read_text("utf-8"))))
    return found


def _translated_in(tree: ast.AST) -> list[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        call.args[0].value
        for call in calls
        if getattr(call.func, "id", "") == "translated" and isinstance(call.args[0], ast.Constant)
    ]


def test_every_sentence_has_a_translation() -> None:
    assert sentences() - CHINESE.keys() == set()


def test_translations_take_the_same_values() -> None:
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"{\w+}", chinese)) == sorted(re.findall(r"{\w+}", english))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de-DE,de;q=0.9,en;q=0.8,zh;q=0.7", "en"),
        ("en;q=0.2, zh-Hans;q=0.9", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense", "en"),
        ("", "en"),
        ("*", "en"),
    ],
)
def test_language_is_what_the_browser_prefers(accepted: str, language: str) -> None:
    assert wanted_language(Headers({"accept-language": accepted})) == language


async def test_page_is_in_the_chosen_language(client: httpx2.AsyncClient) -> None:
    chinese = {"accept-language": "zh-CN"}
    body = (await client.get("/", headers=chinese)).text
    assert '<html lang="zh"' in body and "新对话" in body
    await client.post("/language", data={"language": "en", "path": "/"})
    assert "New conversation" in (await client.get("/", headers=chinese)).text


async def test_refusals_are_in_the_readers_language(client: httpx2.AsyncClient) -> None:
    response = await client.post("/c", data={"text": ""}, headers={"accept-language": "zh"})
    assert "请写下问题或添加图片。" in response.text


async def test_language_form_leads_nowhere_else(client: httpx2.AsyncClient) -> None:
    data = {"language": "zh", "path": "//evil.example/"}
    assert (await client.post("/language", data=data)).headers["location"] == "/"
