from __future__ import annotations

from random import Random

import torch

from training.learning.glyphs import CLASS_OF, IGNORED, SLOTS, GlyphHead, glyph_labels
from training.world.alphabet import PRINTED
from training.world.picture import Glyph
from training.world.words import draw_words, draw_words_picture

SIZE = (112, 56)  # two rows of four tokens


def glyph(character: str, x: float, y: float) -> Glyph:
    return Glyph(character, (x, y), (x - 4, y - 6, x + 4, y + 6))


def labels(*glyphs: Glyph) -> list[list[int]]:
    found: list[list[int]] = glyph_labels(glyphs, SIZE, 2, 4).tolist()
    return found


def row(*characters: str) -> list[int]:
    return [CLASS_OF[character] for character in characters] + [0] * (SLOTS - len(characters))


def test_characters_fill_the_slots_of_their_token_in_order() -> None:
    found = labels(glyph("c", 6, 14), glyph("a", 14, 14), glyph("t", 22, 14), glyph("x", 70, 42))
    assert found[0] == row("c", "a", "t")
    assert found[6] == row("x")
    assert all(found[token] == row() for token in (1, 2, 3, 4, 5, 7))


def test_a_character_on_a_border_makes_the_slots_from_it_on_disputable() -> None:
    found = labels(glyph("a", 20, 14), glyph("b", 28.5, 14), glyph("c", 40, 14))
    assert found[0] == [CLASS_OF["a"], *[IGNORED] * (SLOTS - 1)]
    assert found[1] == [IGNORED] * SLOTS
    assert found[2] == row()


def test_a_character_on_a_corner_concerns_four_tokens() -> None:
    found = labels(glyph("a", 28, 28))
    assert [token for token in range(8) if IGNORED in found[token]] == [0, 1, 4, 5]


def test_what_finds_no_slot_is_left_out() -> None:
    found = labels(*(glyph(character, 3 + 5 * i, 14) for i, character in enumerate("illid")))
    assert found[0] == row("i", "l", "l", "i")


def test_unknown_characters_and_unknown_glyphs_are_ignored() -> None:
    assert labels(glyph("a", 8, 14), glyph("Ж", 16, 14))[0][1:] == [IGNORED] * (SLOTS - 1)
    assert (glyph_labels(None, SIZE, 2, 4) == IGNORED).all()


def test_a_resized_picture_keeps_the_characters_in_their_tokens() -> None:
    # A picture of 200 by 100 pixels, seen as two rows of four tokens: 50 pixels a token.
    found = glyph_labels((glyph("a", 120, 10),), (200, 100), 2, 4)
    assert found[2].tolist() == row("a")
    assert (found != 0).sum() == 1


def test_tokens_one_after_the_other_spell_a_line_of_text() -> None:
    spelt = 0
    for seed in range(40):
        words = draw_words(Random(seed), 0.0)
        picture = draw_words_picture(Random(seed), words, 0.0)
        columns, rows = (round(side / 28) for side in picture.image.size)
        found = glyph_labels(picture.glyphs, picture.image.size, rows, columns).flatten()
        if not (found == IGNORED).any():
            assert "".join(PRINTED[label - 1] for label in found if label > 0) == words.text
            spelt += 1
    assert spelt >= 15


def test_head_learns_where_characters_are() -> None:
    torch.manual_seed(0)
    features, targets = torch.randn(32, 16), torch.randint(0, 5, (32, SLOTS))
    head = GlyphHead(16)
    first = head(features, targets)
    loss = first
    for _ in range(150):
        gradients = torch.autograd.grad(loss, tuple(head.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(head.parameters(), gradients, strict=True):
                parameter -= 0.5 * gradient
        loss = head(features, targets)
    assert loss.item() < first.item() / 3


def test_ignored_labels_cost_nothing() -> None:
    head = GlyphHead(16)
    features = torch.randn(4, 16, requires_grad=True)
    loss = head(features, torch.full((4, SLOTS), IGNORED))
    loss.backward()
    assert loss.item() == 0.0
    partly = torch.full((4, SLOTS), IGNORED)
    partly[0, 0] = 3
    head(features, partly).backward()
    assert features.grad is not None
    assert features.grad[0].abs().sum() > 0
    assert features.grad[1:].abs().sum() == 0
