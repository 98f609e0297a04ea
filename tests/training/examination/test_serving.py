from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from training.examination.answering import Prompt, user
from training.examination.serving import Refused, Suite, openai_messages


class Echo(BaseHTTPRequestHandler):
    """Answers each request with its own last question, or with 400 to a bad token."""

    def do_GET(self) -> None:
        self.reply(200, {"data": [{"id": "sightline-nano"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") == "Bearer wrong":
            self.reply(401, {"error": {"message": "unknown token"}})
            return
        text = body["messages"][-1]["content"][-1]["text"]
        thinking = body["chat_template_kwargs"]["enable_thinking"]
        message = {"content": text, "reasoning_content": "A thought." if thinking else None}
        assert body["temperature"] == 0
        self.reply(200, {"choices": [{"message": message}]})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_answers_come_in_the_order_of_the_questions(url: str) -> None:
    questions = [f"question {index}" for index in range(9)]
    prompts = [Prompt([user(question)]) for question in questions]
    assert Suite.at(url).answer(prompts) == questions


def test_reasoning_is_put_before_the_answer_as_the_model_writes_it(url: str) -> None:
    prompt = Prompt([user("Where?")], thinking=True)
    assert Suite.at(url).ask(prompt) == "<think>A thought.</think>\nWhere?"


def test_a_refusal_is_told_with_what_the_suite_says(url: str) -> None:
    with pytest.raises(Refused, match=r"401: .*unknown token"):
        Suite(url, "sightline-nano", "wrong").ask(Prompt([user("Where?")]))


def test_a_suite_that_does_not_run_is_told(unused_url: str) -> None:
    with pytest.raises(Refused, match="make run"):
        Suite.at(unused_url)


@pytest.fixture
def unused_url() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        return f"http://127.0.0.1:{server.server_port}"


def test_pictures_travel_without_loss_and_in_their_places() -> None:
    images = [Image.new("RGB", (30, 20), color) for color in ("red", "blue")]
    answer = {"role": "assistant", "content": "Red."}
    talk = [user("first", 1), answer, user("second", 1, picture_last=True)]
    first, middle, last = openai_messages(Prompt(talk, tuple(images)))
    assert middle == answer
    assert [part["type"] for part in first["content"]] == ["image_url", "text"]
    assert [part["type"] for part in last["content"]] == ["text", "image_url"]
    for image, part in zip(images, (first["content"][0], last["content"][1]), strict=True):
        data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
        assert Image.open(io.BytesIO(data)).tobytes() == image.tobytes()
