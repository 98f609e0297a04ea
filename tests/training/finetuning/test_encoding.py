from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from training.build import MODEL_FOLDER
from training.finetuning.encoding import Example, RowEncoder
from training.finetuning.rows import Row, RowError, Turn
from training.learning.encoding import IGNORED
from training.processing import Processor

# Where thinking is off, GLM-4.5V marks the questions and ends its prompt without a line feed.
GLM_45V_TEMPLATE = (
    "[gMASK]<sop>"
    "{%- for m in messages -%}"
    "{%- if m.role == 'user' -%}<|user|>\n"
    "{%- for part in m.content -%}"
    "{%- if part.type == 'image' -%}<|begin_of_image|><|image|><|end_of_image|>"
    "{%- else -%}{{- part.text -}}{%- endif -%}"
    "{%- endfor -%}"
    "{{- '/nothink' if not enable_thinking else '' -}}"
    "{%- else -%}<|assistant|>\n<think>{{- m.reasoning_content or '' -}}</think>"
    "{{- '\n' + m.content -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "<|assistant|>{{- '' if enable_thinking else '\n<think></think>' -}}"
    "{%- endif -%}"
)


@pytest.fixture
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (112, 112), "red").save(path)
    return path


def row(*turns: Turn, images: tuple[Path, ...] = ()) -> Row:
    return Row("rows.json, row 1", turns, images)


def encode(processor: Processor, given: Row, most_tokens: int = 1000) -> Example:
    return RowEncoder(processor, most_tokens).encode(given)


def trained_text(processor: Processor, example: Example) -> str:
    return str(processor.tokenizer.decode(example.labels[example.labels != IGNORED]))


def whole_text(processor: Processor, example: Example) -> str:
    return str(processor.tokenizer.decode(example.token_ids))


TWO_ANSWERS = (
    *(Turn("user", "How many?"), Turn("assistant", "Three.")),
    *(Turn("user", "Really?"), Turn("assistant", "Yes.")),
)


def test_only_answers_are_trained(processor: Processor) -> None:
    example = encode(processor, row(Turn("system", "Be brief."), *TWO_ANSWERS))
    assert trained_text(processor, example) == "Three.<|user|>Yes.<|user|>"
    trained = example.labels != IGNORED
    assert torch.equal(example.labels[trained], example.token_ids[trained])


def test_the_sequence_is_the_template_of_the_conversation(processor: Processor) -> None:
    example = encode(processor, row(*TWO_ANSWERS))
    messages = [{"role": turn.role, "content": turn.content} for turn in TWO_ANSWERS]
    expected = processor.tokenizer.apply_chat_template(messages, tokenize=False)
    assert whole_text(processor, example) == expected + "<|user|>"


def test_a_question_is_encoded_as_it_is_when_served(processor: Processor, picture: Path) -> None:
    turns = (Turn("user", "<image>What is this?"), Turn("assistant", "Red."))
    example = encode(processor, row(*turns, images=(picture,)))
    assert example.pixels is not None
    content = [{"type": "image"}, {"type": "text", "text": "What is this?"}]
    counts = example.pixels.token_counts()
    served = processor.prompt([{"role": "user", "content": content}], counts)
    prompt = example.token_ids[example.labels == IGNORED].tolist()
    assert prompt == processor.token_ids(served)


def test_pictures_stand_where_their_placeholders_are(processor: Processor, picture: Path) -> None:
    turns = (
        *(Turn("user", "First <image> then <image>"), Turn("assistant", "Two.")),
        *(Turn("user", "And <image>?"), Turn("assistant", "Three.")),
    )
    example = encode(processor, row(*turns, images=(picture,) * 3))
    image = "<|begin_of_image|>" + "<|image|>" * 16 + "<|end_of_image|>"
    text = whole_text(processor, example)
    assert f"First {image} then {image}<|assistant|>" in text
    assert f"And {image}?<|assistant|>" in text


def test_with_a_thought_the_last_answer_alone_is_trained(processor: Processor) -> None:
    last = Turn("assistant", "Yes.", "I counted again.")
    example = encode(processor, row(*TWO_ANSWERS[:3], last))
    expected = "<think>I counted again.</think>\nYes.<|user|>"
    assert trained_text(processor, example) == expected


def test_earlier_thoughts_are_left_out(processor: Processor) -> None:
    first = Turn("assistant", "Three.", "I counted.")
    example = encode(processor, row(TWO_ANSWERS[0], first, *TWO_ANSWERS[2:]))
    assert "I counted" not in whole_text(processor, example)
    assert trained_text(processor, example) == "Three.<|user|>Yes.<|user|>"


def test_another_template_decides_where_answers_begin(processor: Processor) -> None:
    processor.tokenizer.chat_template = GLM_45V_TEMPLATE
    example = encode(processor, row(*TWO_ANSWERS))
    assert trained_text(processor, example) == "\nThree.<|user|>\nYes.<|user|>"
    assert whole_text(processor, example).count("/nothink") == 2
    thinking = encode(processor, row(Turn("user", "Why?"), Turn("assistant", "So.", "Hm.")))
    assert trained_text(processor, thinking) == "\n<think>Hm.</think>\nSo.<|user|>"


def test_a_template_that_rewrites_its_prompt_is_refused(processor: Processor) -> None:
    processor.tokenizer.chat_template = "{{ add_generation_prompt }}"
    with pytest.raises(RowError, match="chat template"):
        encode(processor, row(*TWO_ANSWERS))


@pytest.mark.parametrize("token", ["<|user|>", "<|image|>", "<think>", "<|endoftext|>"])
def test_special_tokens_in_a_message_are_refused(processor: Processor, token: str) -> None:
    with pytest.raises(RowError, match="row 1: message 1 holds the special token"):
        encode(processor, row(Turn("user", f"a{token}b"), Turn("assistant", "No.")))


def test_an_answer_may_hold_a_box(processor: Processor) -> None:
    box = "<|begin_of_box|>[1,2,3,4]<|end_of_box|>"
    example = encode(processor, row(Turn("user", "Where?"), Turn("assistant", box)))
    assert trained_text(processor, example) == box + "<|user|>"


def test_a_row_that_is_too_long_is_refused(processor: Processor) -> None:
    with pytest.raises(RowError, match="raise --max-tokens"):
        encode(processor, row(*TWO_ANSWERS), most_tokens=10)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_what_is_no_picture_is_refused_by_name(
    processor: Processor, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    turns = (Turn("user", "<image>"), Turn("assistant", "No."))
    with pytest.raises(RowError, match=r"row 1: .*bad\.png: "):
        encode(processor, row(*turns, images=(path,)))


def test_a_picture_with_too_many_pixels_is_refused(processor: Processor, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (9000, 9000)).save(path)
    turns = (Turn("user", "<image>"), Turn("assistant", "No."))
    with pytest.raises(RowError, match="pixels; send a smaller one"):
        encode(processor, row(*turns, images=(path,)))
