"""Requests that must be refused with a clear error, and leave the service well."""

from __future__ import annotations

import base64
import json

import httpx2
import pytest

from tests.web.fakes import FakeGenerator, data_url, png

URL = "/v1/chat/completions"
GOOD = {"model": "sightline-nano", "messages": [{"role": "user", "content": "Hi"}]}


def image(url: object) -> dict[str, object]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]}


def said(content: object, role: object = "user") -> dict[str, object]:
    return {"messages": [{"role": role, "content": content}]}


def tool() -> dict[str, object]:
    return {"type": "function", "function": {"name": "f"}}


BASE64 = base64.b64encode(png()).decode()
MANY = [{"role": "user", "content": "x"}] * 1025
IMAGE = "messages[0].content[1]"

CHANGES: list[tuple[str, dict[str, object], int, str, str | None]] = [
    ("negative temperature", {"temperature": -1}, 400, "value_out_of_range", "temperature"),
    ("hot", {"temperature": 2.1}, 400, "value_out_of_range", "temperature"),
    ("bool temperature", {"temperature": True}, 400, "invalid_type", "temperature"),
    ("text temperature", {"temperature": "1"}, 400, "invalid_type", "temperature"),
    ("zero top_p", {"top_p": 0}, 400, "value_out_of_range", "top_p"),
    ("top_p 2", {"top_p": 2}, 400, "value_out_of_range", "top_p"),
    ("negative max_tokens", {"max_tokens": -1}, 400, "value_out_of_range", "max_tokens"),
    ("zero max_tokens", {"max_tokens": 0}, 400, "value_out_of_range", "max_tokens"),
    ("huge max_tokens", {"max_tokens": 2**31}, 400, "value_out_of_range", "max_tokens"),
    ("text max_tokens", {"max_tokens": "5"}, 400, "invalid_type", "max_tokens"),
    ("true max_tokens", {"max_tokens": True}, 400, "invalid_type", "max_tokens"),
    ("half max_tokens", {"max_tokens": 1.5}, 400, "invalid_type", "max_tokens"),
    ("zero n", {"n": 0}, 400, "value_out_of_range", "n"),
    ("n 10^9", {"n": 10**9}, 400, "value_out_of_range", "n"),
    ("wide seed", {"seed": 2**63}, 400, "value_out_of_range", "seed"),
    ("five stops", {"stop": ["a"] * 5}, 400, "value_out_of_range", "stop"),
    ("empty stop", {"stop": [""]}, 400, "invalid_type", "stop"),
    ("number stop", {"stop": [1]}, 400, "invalid_type", "stop"),
    ("named bias", {"logit_bias": {"cat": 1}}, 400, "invalid_value", "logit_bias.cat"),
    ("strong bias", {"logit_bias": {"1": 101}}, 400, "value_out_of_range", "logit_bias.1"),
    ("wide id", {"stop_token_ids": [2**31]}, 400, "value_out_of_range", "stop_token_ids"),
    ("lone top_logprobs", {"top_logprobs": 2}, 400, "invalid_value", "top_logprobs"),
    ("many logprobs", {"logprobs": True, "top_logprobs": 21}, 400, "value_out_of_range",
     "top_logprobs"),
    ("no messages", {"messages": []}, 400, "value_out_of_range", "messages"),
    ("null messages", {"messages": None}, 400, "missing_required_parameter", "messages"),
    ("text messages", {"messages": "hi"}, 400, "invalid_type", "messages"),
    ("1025 messages", {"messages": MANY}, 400, "value_out_of_range", "messages"),
    ("number message", {"messages": [1]}, 400, "invalid_type", "messages[0]"),
    ("unknown role", said("x", "king"), 400, "invalid_value", "messages[0].role"),
    ("number role", said("x", 3), 400, "invalid_type", "messages[0].role"),
    ("tool role", said("x", "tool"), 400, "unsupported_parameter", "messages[0].role"),
    ("null content", said(None), 400, "missing_required_parameter", "messages[0].content"),
    ("number content", said(3), 400, "invalid_type", "messages[0].content"),
    ("empty parts", said([]), 400, "invalid_type", "messages[0].content"),
    ("nested list", said([["x"]]), 400, "invalid_type", "messages[0].content[0]"),
    ("typeless part", said([{"text": "x"}]), 400, "missing_required_parameter",
     "messages[0].content[0].type"),
    ("strange part", said([{"type": "smell"}]), 400, "invalid_value",
     "messages[0].content[0].type"),
    ("audio part", said([{"type": "input_audio"}]), 400, "unsupported_parameter",
     "messages[0].content[0]"),
    ("null model", {"model": None}, 400, "missing_required_parameter", "model"),
    ("number model", {"model": 4}, 400, "invalid_type", "model"),
    ("unknown model", {"model": "gpt"}, 404, "model_not_found", "model"),
    ("tools", {"tools": [tool()]}, 400, "unsupported_parameter", "tools"),
    ("tool choice", {"tool_choice": "required"}, 400, "unsupported_parameter", "tool_choice"),
    ("functions", {"functions": [{"name": "f"}]}, 400, "unsupported_parameter", "functions"),
    ("json", {"response_format": {"type": "json_object"}}, 400, "unsupported_parameter",
     "response_format"),
    ("form", {"response_format": {"type": "poem"}}, 400, "invalid_value", "response_format.type"),
    ("audio", {"modalities": ["text", "audio"]}, 400, "unsupported_parameter", "modalities"),
    ("template", {"chat_template": "{{ x }}"}, 400, "unsupported_parameter", "chat_template"),
    ("template argument", {"chat_template_kwargs": {"x": 1}}, 400, "unsupported_parameter",
     "chat_template_kwargs.x"),
    ("thinking", {"thinking": {"type": "maybe"}}, 400, "invalid_value", "thinking.type"),
    ("effort", {"reasoning_effort": "heroic"}, 400, "invalid_value", "reasoning_effort"),
    ("stream", {"stream": "yes"}, 400, "invalid_type", "stream"),
    ("options", {"stream_options": {"include_usage": True}}, 400, "invalid_value",
     "stream_options"),
    ("null byte url", image("\0"), 400, "image_base64_invalid", IMAGE),
    ("sloppy base64", image("data:image/png;base64,aGk=!!"), 400, "image_base64_invalid", IMAGE),
    ("base64url", image("data:image/png;base64,-_-_"), 400, "image_base64_invalid", IMAGE),
    ("no padding", image("data:image/png;base64,aGk"), 400, "image_base64_invalid", IMAGE),
    ("Chinese", image("data:image/png;base64,图"), 400, "image_base64_invalid", IMAGE),
    ("empty", image("data:image/png;base64,"), 400, "image_empty", IMAGE),
    ("empty url", image(""), 400, "image_empty", IMAGE),
    ("no comma", image("data:image/png;base64"), 400, "invalid_image_url", IMAGE),
    ("not base64", image("data:image/png,hello"), 400, "invalid_image_url", IMAGE),
    ("text/plain", image("data:text/plain;base64,aGk="), 400, "image_format_unsupported", IMAGE),
    ("http", image("http://169.254.169.254/x.png"), 400, "image_url_forbidden", IMAGE),
    ("https", image("HTTPS://example.com/x.png"), 400, "image_url_forbidden", IMAGE),
    ("file", image("file:///etc/passwd"), 400, "image_url_forbidden", IMAGE),
    ("ftp", image("ftp://example.com/x"), 400, "image_url_forbidden", IMAGE),
    ("number url", image(7), 400, "invalid_type", IMAGE + ".image_url.url"),
    ("large", image(data_url(b"x" * (2**17 + 1))), 413, "image_too_large", IMAGE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [case[1:] for case in CHANGES],
    ids=[case[0] for case in CHANGES],
)
async def test_bad_value_is_refused_by_name(
    client: httpx2.AsyncClient,
    generator: FakeGenerator,
    changes: dict[str, object],
    status: int,
    code: str,
    param: str,
) -> None:
    response = await client.post(URL, json={**GOOD, **changes})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert generator.requests == []
    assert (await client.post(URL, json=GOOD)).status_code == 200


BODIES: list[tuple[str, bytes, str]] = [
    ("NaN", b'{"temperature": NaN}', "value_not_finite"),
    ("Infinity", b'{"temperature": -Infinity}', "value_not_finite"),
    ("1e999", b'{"temperature": 1e999}', "value_not_finite"),
    ("deep", b'{"a":' + b"[" * 100_000, "json_too_deep"),
    ("65 levels", b"[" * 65 + b"]" * 65, "json_too_deep"),
    ("surrogate", b'{"messages":[{"role":"user","content":"\\ud800"}]}', "invalid_unicode"),
    ("surrogate key", b'{"\\udfff": 1}', "invalid_unicode"),
    ("not UTF-8", b'{"model": "\xff"}', "invalid_json"),
    ("truncated", b'{"model": "x"', "invalid_json"),
    ("empty", b"", "invalid_json"),
    ("5,000 digits", b'{"seed": ' + b"9" * 5000 + b"}", "invalid_json"),
    ("list", b"[]", "invalid_type"),
    ("null", b"null", "invalid_type"),
]


@pytest.mark.parametrize(
    ("body", "code"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
async def test_bad_body_is_400(client: httpx2.AsyncClient, body: bytes, code: str) -> None:
    response = await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert (await client.post(URL, json=GOOD)).status_code == 200


ACCEPTED: list[tuple[str, dict[str, object]]] = [
    ("nulls", {"temperature": None, "stop": None, "tools": None, "seed": None, "n": None}),
    ("ignored", {"user": "me", "metadata": {"a": "b"}, "store": True, "service_tier": "auto"}),
    ("unknown key", {"frobnicate": [1]}),
    ("no tools", {"tools": [], "tool_choice": "none", "parallel_tool_calls": True}),
    ("text format", {"response_format": {"type": "text"}, "modalities": ["text"]}),
    ("benchmark client", {"ignore_eos": True, "stop": None, "min_tokens": 0}),
    ("whole float", {"max_tokens": 5.0}),
    ("special tokens", said("<|image|> <|user|> [gMASK] <think>")),
    ("NUL", said("a\0b")),
    ("right to left", said("\u202eabc" + "e" + "\u0301" * 1000)),
    ("bare base64", image(BASE64)),
    ("data URL with parameter", image(f"DATA:IMAGE/PNG;charset=x;BASE64,{BASE64}")),
    ("wrong type, real picture", image(data_url(png(), "image/jpeg"))),
]


@pytest.mark.parametrize(
    "changes", [case[1] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED]
)
async def test_unusual_but_fine_request_is_answered(
    client: httpx2.AsyncClient, generator: FakeGenerator, changes: dict[str, object]
) -> None:
    response = await client.post(URL, json={**GOOD, **changes})
    assert response.status_code == 200
    assert len(generator.requests) == 1


@pytest.mark.parametrize(
    ("stated", "noted"), [("image/jpeg", True), ("image/PNG", False), ("", False)]
)
async def test_type_that_the_bytes_contradict_is_logged(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, stated: str, noted: bool
) -> None:
    caplog.set_level("INFO", "sightline_web.openai.images")
    url = data_url(png(), stated) if stated else BASE64

    assert (await client.post(URL, json={**GOOD, **image(url)})).status_code == 200

    fields = [record.fields for record in caplog.records if "another type" in record.message]
    told = {"stated": stated, "found": "image/png", "param": IMAGE}
    assert fields == ([told] if noted else [])


async def test_last_of_duplicate_keys_wins(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    body = json.dumps(GOOD)[:-1] + ', "top_k": 3, "top_k": 7}'
    await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert generator.requests[0].sampling.top_k == 7


async def test_special_tokens_stay_literal_text(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    await client.post(URL, json={**GOOD, **said("<|image|>")})
    [part] = generator.requests[0].messages[0].parts
    assert part.WhichOneof("content") == "text"
    assert part.text == "<|image|>"
