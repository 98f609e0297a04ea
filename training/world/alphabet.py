"""What is printed in pictures: characters, and words drawn from them."""

from __future__ import annotations

import re
from random import Random

from training.model.characters import WORLD, known_characters
from training.model.corpus import CHINESE_WORDS, COMMON_WORDS, WORLD_WORDS
from training.world.wordlists import Script

LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
DIGITS = "0123456789"
PUNCTUATION = ".,:;!?'-+/%&#()$¥="
LATIN = LOWER + UPPER + DIGITS + PUNCTUATION
# The stated set of Chinese characters: those of the world's words, receipts, dialogs and charts,
# as far as the tokenizer has them as single tokens.
CHINESE = "".join(
    character
    for character in dict.fromkeys(WORLD + "".join(CHINESE_WORDS) + "或名市山马水金月后日二子")
    if character in known_characters()
)
CHINESE_VOCABULARY = tuple(word for word in CHINESE_WORDS if set(word) <= set(CHINESE))
CHINESE_PUNCTUATION = "，。：！？"
PRINTED = LATIN + CHINESE + CHINESE_PUNCTUATION

CONSONANTS = "bcdfghjklmnpqrstvwxyz"
VOWELS = "aeiou"
# Which are told from their other case by nothing but their size.
SAME_IN_BOTH_CASES = set("cosuvwxz")
# Letters next to each other that look like another, and I or l where only the next word tells.
LOOKALIKES = re.compile(r"rn|vv|cl|^[Il][a-z]|^[ILO]+$|^[il]+$")
# In codes, letters stand beside digits: none may look like one.
CODE_LETTERS = "ABCDEFGHJKLMNPRTUVWXY"
CODE_DIGITS = "2346789"
# Alone, without words around them, these might be something else.
AMBIGUOUS_CHINESE = "一口日已己人入"


def is_chinese(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff" or character in CHINESE_PUNCTUATION


def has_chinese(text: str) -> bool:
    return any(is_chinese(character) for character in text)


def script_of(text: str) -> Script:
    return "chinese" if has_chinese(text) else "latin"


def is_clear(word: str) -> bool:
    """Whether a person reads this word, without knowing it, in one way only."""
    if LOOKALIKES.search(word):
        return False
    mixed = word[:1].isupper() and word[1:].islower() and len(word) > 1
    return mixed or not set(word.lower()) <= SAME_IN_BOTH_CASES


def draw_latin_word(rng: Random, shortest: int, longest: int) -> str:
    """Letters: half of them words, half sounding like words or like nothing."""
    while True:
        kind = rng.random()
        if kind < 0.4:
            word = rng.choice(rng.choice((WORLD_WORDS, COMMON_WORDS)))
        elif kind < 0.7:
            word = sounding(rng, rng.randint(shortest, longest))
        else:
            word = "".join(rng.choices(LOWER, k=rng.randint(shortest, longest)))
        word = cased(rng, word)
        if shortest <= len(word) <= longest and (kind < 0.4 or is_clear(word)):
            return word


def cased(rng: Random, word: str) -> str:
    case = rng.random()
    if case < 0.4:
        return word.lower()
    return word.capitalize() if case < 0.7 else word.upper()


def sounding(rng: Random, length: int) -> str:
    """Consonants and vowels in turn."""
    turn = rng.randrange(2)
    return "".join(rng.choice((CONSONANTS, VOWELS)[(turn + i) % 2]) for i in range(length))


def draw_number(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.5:
        return str(rng.randrange(10 ** rng.randint(1, 5)))
    if kind < 0.6:
        return f"{rng.randrange(100)}.{rng.randrange(100):02}"
    if kind < 0.7:
        return f"{rng.choice('$¥')}{rng.randrange(1, 1000)}"
    if kind < 0.8:
        return f"{rng.randrange(1, 101)}%"
    if kind < 0.9:
        return f"{rng.randrange(24)}:{rng.randrange(60):02}"
    return draw_code(rng)


def draw_code(rng: Random) -> str:
    letters = "".join(rng.choices(CODE_LETTERS, k=rng.randint(1, 3)))
    return letters + "".join(rng.choices(CODE_DIGITS, k=rng.randint(1, 4)))


def draw_chinese_word(rng: Random, shortest: int, longest: int) -> str:
    """Half of them words, half any characters of the set."""
    while True:
        if rng.random() < 0.5:
            word = rng.choice(CHINESE_VOCABULARY)
        else:
            word = "".join(rng.choices(CHINESE, k=rng.randint(shortest, longest)))
            if any(character in AMBIGUOUS_CHINESE for character in word):
                continue
        if shortest <= len(word) <= longest:
            return word
