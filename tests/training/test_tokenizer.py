from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from training.build import MODEL_FOLDER
from training.model.characters import known_characters
from training.model.corpus import CHINESE_WORDS, WORLD_WORDS
from training.model.tokenizer import MARKUP_TOKENS, SPECIAL_TOKENS
from training.processing import Processor

TEXTS = (
    "A red circle at the top left.",
    "HELLO World 12,345.67 €",
    "图中有红色圆形，左上角。稀有字：龘靐",
    "emoji 🙂👩‍👩‍👧 and\ttabs\r\nand  spaces   ",
    '{"shape": "circle", "box": [12, 34, 560, 999]}',
    "naïve café Привет שלום العربية\x00\x7f",
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return Processor.load(MODEL_FOLDER).tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_round_trips(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_every_special_token_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    for token in SPECIAL_TOKENS + MARKUP_TOKENS:
        assert tokenizer.encode(token) == [tokenizer.convert_tokens_to_ids(token)]


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_user_text_never_becomes_special(tokenizer: PreTrainedTokenizerFast, token: str) -> None:
    token_ids = tokenizer.encode(f"a {token}b", split_special_tokens=True)
    assert not set(token_ids) & set(tokenizer.all_special_ids)


def test_known_characters_and_words_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(known_characters()) >= 500
    known = [*known_characters(), *CHINESE_WORDS]
    known += [f" {word}" for word in WORLD_WORDS] + [word.capitalize() for word in WORLD_WORDS]
    assert [word for word in known if len(tokenizer.encode(word)) != 1] == []


def test_digits_and_capitals_are_spelled(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer.encode("2048")) == 4
    assert len(tokenizer.encode("RECEIPT")) >= 5


def test_vocabulary_is_small(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer) == 4096
