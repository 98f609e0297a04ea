"""What a browser loads, and when something is seen."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from benchmarks.measure import median

_SETTLING_S = 2.5
"""Until a new window has loaded its address bar: half a second of a core for none of ours."""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_LOADED = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


@dataclass(frozen=True)
class Visit:
    """One opening of a page in a window that knows nothing yet; times since it was asked for."""

    num_bytes: int
    hosts: frozenset[str]
    first_paint_s: float
    loaded_s: float
    cpu_s: float
    """CPU time of the page's main thread until nothing more is asked for."""


def visits(url: str, num_rounds: int) -> list[Visit]:
    """Opens an address again and again, each time with an empty cache."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        _visit(browser, url)  # the browser itself is slower the first time
        found = [_visit(browser, url) for _ in range(num_rounds)]
        browser.close()
    return found


def _visit(browser: Browser, url: str) -> Visit:
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    sizes: list[float] = []
    hosts: set[str] = set()
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.wait_for_timeout(_SETTLING_S * 1e3)
    page.goto(url, wait_until="networkidle")
    while not (paint := page.evaluate(_PAINT)):  # the page's policy allows no other way to wait
        page.wait_for_timeout(20)
    loaded = page.evaluate(_LOADED)
    metrics = session.send("Performance.getMetrics")["metrics"]
    cpu_s = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
    context.close()
    return Visit(round(sum(sizes)), frozenset(hosts - {""}), paint / 1e3, loaded / 1e3, cpu_s)


def long_conversation(num_messages: int) -> bytes:
    """Returns a document of a conversation with so many messages, to be read in."""
    messages: list[dict[str, Any]] = []
    for index in range(num_messages):
        is_answer = index % 2 == 1
        text = _ANSWER.format(n=index) if is_answer else f"Question {index}: what is to be seen?"
        messages.append(
            {
                "id": str(index),
                "parent": str(index - 1) if index else None,
                "role": "assistant" if is_answer else "user",
                "text": text,
                "reasoning": "",
                "status": "complete",
                "reason": "",
                "stats": {},
                "pictures": [],
            }
        )
    document = {
        "format": "sightline-conversation",
        "version": 1,
        "title": "Long",
        "settings": {},
        "head": messages[-1]["id"],
        "messages": messages,
        "pictures": [],
    }
    return json.dumps(document).encode()


_ANSWER = """Answer {n} is of **usual** length: it says what is seen, where, and of which colour.

- a red circle at the top left, rather large
- a blue square in the middle, with `sharp` corners
- a green triangle at the bottom right

All three stand apart, and $a^2 + b^2 = c^2$ holds for the last one.
"""


def read_in(port: int, document: bytes) -> str:
    """Sends a document to the page; returns the address of its conversation."""
    boundary = "sightline-benchmark"
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="files"; filename="long.json"\r\n'
        "Content-Type: application/json\r\n\r\n"
    )
    body = head.encode() + document + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/import",
        body,
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.urlopen(request) as reply:
        return str(reply.url)


def response_s(url: str, num_rounds: int) -> float:
    """Returns the median seconds until a page has come whole, without a browser."""
    found = []
    for _ in range(num_rounds + 1):
        begin = time.perf_counter()
        with urllib.request.urlopen(url) as reply:
            reply.read()
        found.append(time.perf_counter() - begin)
    return median(found[1:])
