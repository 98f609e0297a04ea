"""Text that wants to be more than text."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from hashlib import sha256
from html import escape
from urllib.parse import quote

import httpx2
import pytest
from sightline_common.digest import sha256_digest
from sightline_web.markdown.growth import GrowingText
from sightline_web.markdown.renderer import render_markdown

from tests.web.chat.talk import HTMX, ask, settled, tags_of, without_style
from tests.web.fakes import FakeGenerator, complete, delta, png, started


async def test_page_has_no_inline_script_and_no_style_but_the_sites_own(
    client: httpx2.AsyncClient,
) -> None:
    await ask(client)
    for path in ("/", "/nothing"):
        page = (await client.get(path)).text
        assert page.count("<style") == 1
        body = without_style(page)
        assert " style=" not in body
        assert "<style" not in body
        assert not re.search(r"<script(?! src=)", body)
        assert not re.search(r"\son[a-z]+=|hx-on|hx-vals=.js:", body)


PROBES = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](vbscript:alert(1)) [y](data:text/html;base64,PHNjcmlwdD4=)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](https://evil.example/p.png)",
    "![x][1]\n\n[1]: https://evil.example/p.png",
    '<img src=x onerror="alert(1)">',
    '"><img src=https://evil.example/p.png>',
    "' onfocus='alert(1)' autofocus='",
    '<div hx-get="/" hx-trigger="load">',
    '<a hx-on:click="alert(1)" hx-post="/c">x</a>',
    '<hx-partial hx-target="body" hx-swap="innerHTML">gone</hx-partial>',
    "<svg><script>alert(1)</script></svg>",
    '<svg/onload="alert(1)"><use href="data:image/svg+xml,x"/></svg>',
    "<style>*{display:none}</style>",
    '<p style="position:fixed;inset:0">x</p>',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    '<base href="https://evil.example/">',
    '<form action="https://evil.example/"><button>x</button></form>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<math><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "$\\href{javascript:alert(1)}{x}$ $\\style{color:red}{x}$ $\\class{x}{y}$",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "</article></main><h1>Sign in again</h1>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "\u202etxt.exe\u2066\u202d",
]
BLOCK = re.compile(r'<(title|textarea|code|bdi|p>|[^>]*dir="auto")')
"""Begins what text cannot reach out of, whatever direction it turns to."""


def is_local(address: str) -> bool:
    return address.startswith(("/", "#")) and not address.startswith(("//", "/\\"))


def assert_inert(body: str) -> None:
    """Says that a page has no tag, attribute or address but those that we write ourselves."""
    for tag, attributes in tags_of(without_style(body)):
        assert tag not in ("iframe", "object", "embed", "base", "style", "mglyph", "use"), tag
        assert tag != "script" or attributes["src"].startswith("/static/vendor/")
        assert tag != "meta" or "evil" not in attributes.get("content", "")
        for name, value in attributes.items():
            assert not name.startswith(("on", "hx-on")) and name not in ("style", "srcdoc")
            if name in ("src", "action", "formaction", "hx-get", "hx-post", "hx-delete"):
                assert is_local(value), value
            if name == "href" and not (tag == "a" and value.startswith("https://evil.example/")):
                assert is_local(value), value
    headings = re.findall(r"<h1[^>]*>", body)
    assert len(headings) <= 1 and "49" not in re.findall(r"<title>(.*?)</title>", body)[0]


def assert_isolated(body: str) -> None:
    """Says that nothing turns the direction of text around it: each place is on its own."""
    for place in re.finditer("\u202e", body):
        before = body[: place.start()]
        opened = before[before.rindex("<") :]
        assert ">" not in opened or BLOCK.match(opened), opened


async def with_named_picture(client: httpx2.AsyncClient, location: str, name: str) -> str:
    """Returns a copy with another picture, whose name no browser would send as it is."""
    text = (await client.get(f"{location}/export.json")).text
    data = png(*sha256(name.encode()).digest()[:3])
    digest = sha256_digest(data)
    document = json.loads(re.sub("sha256:[0-9a-f]{64}", digest, text))
    picture = {"digest": digest, "name": name, "data": b64encode(data).decode()}
    document["pictures"] = [picture]
    files = {"files": ("a.json", json.dumps(document), "application/json")}
    return (await client.post("/import", files=files)).headers["location"]


async def test_hostile_text_is_inert_wherever_it_is_shown(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    for probe in PROBES:
        generator.enqueue([started(), delta(probe, reasoning=probe), complete(2)])
        files = {"files": (probe, png(), "image/png")}
        data = {"text": probe, "system": probe}
        location = (await client.post("/c", data=data, files=files)).headers["location"]
        await settled(client, location)
        await client.post(f"{location}/title", data={"title": probe})
        location = await with_named_picture(client, location, probe)
        link = (await client.post(f"{location}/share")).headers["location"]
        found = [f"{location}?q={quote(probe)}", link, f"/?q={quote(probe)}", "/history"]
        await client.post(f"{location}/delete")
        found.append(f"/?removed={location.removeprefix('/c/')}")
        await client.post(f"{location}/restore")
        for path in found:
            body = (await client.get(path)).text
            assert_isolated(body)
            if path != "/history":
                assert_inert(body)
        saved = await client.get(f"{location}/export.html")
        assert "default-src 'none'" in saved.headers["content-security-policy"]
        assert saved.headers["content-disposition"].startswith("attachment;")
        main = saved.text[saved.text.index("<main") :].replace("data:image/png", "/")
        assert_inert(f"<title></title>{main}")


async def test_hostile_words_are_inert_in_refusals(client: httpx2.AsyncClient) -> None:
    for probe in PROBES:
        for fragment in ({}, HTMX):
            files = {"files": (probe, b"nonsense", "image/png")}
            response = await client.post("/attachments", files=files, headers=fragment)
            assert response.status_code == 422
            assert_inert(f"<title></title>{response.text}")


@pytest.mark.parametrize(
    "bomb",
    [
        "$" + "\\frac{" * 390 + "1" + "}{2}" * 390 + "$",
        "$" + "{" * 1990 + "}" * 1990 + "$",
        "$x" + "^{x" * 990 + "}" * 990 + "$",
        "$\\def\\a{\\a\\a}\\a$",
        "$\\newcommand{\\b}{\\b\\b}\\b$ " * 50,
        "$" + "x^2 " * 100_000 + "$",
        "$x$ " * 20_000,
        "$" * 100_000,
        "*a " * 100_000,
        "[" * 100_000,
        "`" * 50_001,
        ">" * 100_000,
        "<" * 100_000,
        "- " * 100_000,
        "| a " * 20_000 + "|\n" + "| - " * 20_000 + "|\n",
    ],
    ids=lambda bomb: bomb[:12],
)
def test_bomb_costs_little(bomb: str) -> None:
    started_at = time.process_time()
    html = render_markdown(bomb)
    assert time.process_time() - started_at < 5
    assert len(html) < 20 * len(bomb) + 1000


def test_text_that_would_take_long_is_shown_as_it_is_written() -> None:
    text = "*a <b> " * 100_000
    assert render_markdown(text) == f"<pre><code>{escape(text)}</code></pre>\n"
    growing = GrowingText()
    growing.update(text)
    assert "<em>" not in growing.tail and "&lt;b&gt;" in growing.tail
