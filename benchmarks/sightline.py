"""The suite under measurement, over HTTP as its users call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from benchmarks.measure import Sample

START_TIMEOUT_S = 120.0
PORTS = {
    "SIGHTLINE_WEB_PORT": "18080",
    "SIGHTLINE_GENERATOR_PORT": "18052",
    "SIGHTLINE_ENCODER_PORT": "18051",
}


@dataclass(frozen=True)
class Suite:
    """A running suite."""

    url: str
    model: str

    def ask(self, messages: list[dict[str, Any]], token_count: int) -> Sample:
        """Streams one greedy answer of exactly `token_count` tokens."""
        body = {
            "model": self.model,
            "messages": messages,
            "max_tokens": token_count,
            "ignore_eos": True,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        start = time.perf_counter()
        first, tokens = 0.0, 0
        with httpx2.stream(
            "POST", f"{self.url}/v1/chat/completions", json=body, timeout=300
        ) as reply:
            for event in _events(reply):
                if not first and _has_content(event):
                    first = time.perf_counter() - start
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        return Sample(first, time.perf_counter() - start, tokens)

    def ask_together(
        self, conversations: list[list[dict[str, Any]]], token_count: int
    ) -> list[Sample]:
        """Streams one answer to each conversation, all at once."""
        with ThreadPoolExecutor(len(conversations)) as pool:
            return list(pool.map(lambda messages: self.ask(messages, token_count), conversations))


def _events(reply: httpx2.Response) -> Iterator[dict[str, Any]]:
    reply.raise_for_status()
    for line in reply.iter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _has_content(event: dict[str, Any]) -> bool:
    return any(choice["delta"].get("content") for choice in event["choices"])


@contextmanager
def running_suite(model: Path) -> Iterator[Suite]:
    """Starts the suite as `make run` does, and stops it."""
    data = TemporaryDirectory(prefix="sightline-bench-")
    process = subprocess.Popen(
        [sys.executable, "-m", "sightline_common.launcher"],
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            **PORTS,
            "SIGHTLINE_MODEL": str(model),
            "SIGHTLINE_DATA_DIR": data.name,
        },
    )
    url = f"http://127.0.0.1:{PORTS['SIGHTLINE_WEB_PORT']}"
    try:
        _wait_ready(url, process)
        yield Suite(url, model.name)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        data.cleanup()


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the suite did not become ready; run `make run` to see why")
