from __future__ import annotations

from typing import Any

import pytest

from training.build import MODEL_FOLDER
from training.processing import Processor

IMAGE = "<|begin_of_image|><|image|><|end_of_image|>"


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


def render(processor: Processor, messages: list[dict[str, Any]], **options: Any) -> str:
    return str(processor.tokenizer.apply_chat_template(messages, tokenize=False, **options))


def test_thinking_is_off_by_default(processor: Processor) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    text = render(processor, messages, add_generation_prompt=True)
    assert text == "[gMASK]<sop><|user|>\nHi<|assistant|>\n<think></think>\n"


def test_thinking_on_leaves_the_thought_to_the_model(processor: Processor) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    text = render(processor, messages, add_generation_prompt=True, enable_thinking=True)
    assert text.endswith("<|assistant|>\n")


def test_pictures_keep_their_place_in_the_content(processor: Processor) -> None:
    content = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    text = render(processor, [{"role": "user", "content": content}])
    assert text == f"[gMASK]<sop><|user|>\na{IMAGE}b"


def test_earlier_reasoning_is_dropped(processor: Processor) -> None:
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1", "reasoning_content": "old"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "2", "reasoning_content": "new"},
    ]
    text = render(processor, messages)
    assert "<think></think>\n1" in text
    assert "<think>new</think>\n2" in text


def test_tool_calls_and_observations_have_glms_syntax(processor: Processor) -> None:
    call = {"function": {"name": "look", "arguments": {"at": "top", "n": 2}}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "red"},
    ]
    text = render(processor, messages, tools=[{"name": "look"}])
    assert "<|system|>\n# Tools" in text
    assert (
        "<|assistant|>\n<think></think>\n<tool_call>look\n<arg_key>at</arg_key>\n"
        "<arg_value>top</arg_value>\n<arg_key>n</arg_key>\n<arg_value>2</arg_value>\n</tool_call>"
        "<|observation|>\n<tool_response>\nred\n</tool_response>"
    ) in text
