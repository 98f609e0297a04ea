"""The same questions through a running suite's REST interface."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from PIL import Image

from training.examination.answering import MOST_TOKENS, Prompt

AT_ONCE = 4
TIMEOUT = 600  # seconds


class Refused(RuntimeError):
    """The suite answered a request with an error."""


@dataclass(frozen=True)
class Suite:
    """A running suite; `url` is its address, such as http://127.0.0.1:8080."""

    url: str
    model: str
    token: str | None = None

    @classmethod
    def at(cls, url: str, token: str | None = None) -> Suite:
        """Asks which model is served; raises Refused."""
        served = post_or_get(f"{url}/v1/models", token)
        return cls(url, served["data"][0]["id"], token)

    def answer(self, prompts: Sequence[Prompt]) -> list[str]:
        """Greedy answers, in order; raises Refused."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.ask, prompts))

    def ask(self, prompt: Prompt) -> str:
        body = {
            "model": self.model,
            "messages": openai_messages(prompt),
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
            "chat_template_kwargs": {"enable_thinking": prompt.thinking},
        }
        answered = post_or_get(f"{self.url}/v1/chat/completions", self.token, body)
        return written(answered["choices"][0]["message"], prompt.thinking)


def written(message: dict[str, Any], thinking: bool) -> str:
    """The answer as the model writes it, its reasoning in front."""
    content = str(message["content"] or "")
    if not thinking:
        return content
    return f"<think>{message.get('reasoning_content') or ''}</think>\n{content}"


def openai_messages(prompt: Prompt) -> list[dict[str, Any]]:
    images = iter(prompt.images)
    return [
        {**message, "content": list(parts(message["content"], images))}
        if isinstance(message["content"], list)
        else message
        for message in prompt.messages
    ]


def parts(content: list[dict[str, Any]], images: Iterator[Image.Image]) -> Iterator[dict[str, Any]]:
    """The parts of a message, with each picture in its place."""
    for part in content:
        if part["type"] == "image":
            yield {"type": "image_url", "image_url": {"url": data_url(next(images))}}
        else:
            yield part


def data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def post_or_get(url: str, token: str | None, body: dict[str, Any] | None = None) -> Any:
    """The JSON answered to a body, or to none; raises Refused."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise Refused(f"{url} answered {error.code}: {error.read().decode()}") from error
    except urllib.error.URLError as error:
        raise Refused(
            f"Nothing answers at {url} ({error.reason}); start it with make run."
        ) from error
