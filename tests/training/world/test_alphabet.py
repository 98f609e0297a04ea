from __future__ import annotations

from random import Random

import pytest

from training.build import MODEL_FOLDER
from training.processing import Processor
from training.world import alphabet, wordlists


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return strings(tuple(value.values()))
    return [text for part in value for text in strings(part)]  # type: ignore[attr-defined]


def test_every_chinese_character_is_one_token() -> None:
    processor = Processor.load(MODEL_FOLDER)
    assert all(len(processor.token_ids(character)) == 1 for character in alphabet.CHINESE)


def test_everything_on_the_word_lists_is_in_the_alphabet() -> None:
    lists = [getattr(wordlists, name) for name in dir(wordlists) if name.isupper()]
    known = set(alphabet.PRINTED) | set(" {}")
    assert [text for text in strings(lists) if not set(text) <= known] == []


@pytest.mark.parametrize("word", ["sox", "SOX", "burn", "Ilex", "lamp", "clay", "IO", "vvt", "ill"])
def test_a_word_that_can_be_misread_is_not_clear(word: str) -> None:
    assert not alphabet.is_clear(word)


@pytest.mark.parametrize("word", ["Sox", "kiwi", "TABLE", "quartz", "Pilot"])
def test_a_word_that_cannot_be_misread_is_clear(word: str) -> None:
    assert alphabet.is_clear(word)


def test_latin_words_keep_their_length_and_show_every_letter() -> None:
    words = [alphabet.draw_latin_word(Random(seed), 2, 8) for seed in range(3000)]
    assert {len(word) for word in words} == set(range(2, 9))
    assert set("".join(words)) == set(alphabet.LOWER + alphabet.UPPER)


def test_words_are_mostly_no_words_of_a_list() -> None:
    known = set(alphabet.WORLD_WORDS + alphabet.COMMON_WORDS)
    words = [alphabet.draw_latin_word(Random(seed), 2, 8).lower() for seed in range(1000)]
    assert 0.3 < sum(word in known for word in words) / 1000 < 0.6


def test_codes_have_no_letter_that_looks_like_a_digit() -> None:
    codes = {alphabet.draw_code(Random(seed)) for seed in range(1000)}
    assert not set("".join(codes)) & set("IOQSZ015")


def test_chinese_words_show_most_characters_and_nothing_else() -> None:
    words = [alphabet.draw_chinese_word(Random(seed), 1, 4) for seed in range(5000)]
    shown = set("".join(words))
    assert shown <= set(alphabet.CHINESE)
    assert len(shown) >= len(alphabet.CHINESE) - len(alphabet.AMBIGUOUS_CHINESE)
    assert not any(len(word) == 1 and word in alphabet.AMBIGUOUS_CHINESE for word in words)
