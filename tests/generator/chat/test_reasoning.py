import pytest
from sightline_generator.chat.reasoning import AnswerReader

BOX = "<|begin_of_box|>[1,2,3,4]<|end_of_box|>"


def tokens(ours, *pieces):
    """Returns ids of pieces; pieces that are added tokens become those."""
    added = ours.vocabulary.added_tokens
    return [
        token
        for piece in pieces
        for token in ([added[piece]] if piece in added else ours.vocabulary.encode(piece))
    ]


def read(ours, token_ids, thinking=False):
    reader = AnswerReader(ours.syntax, ours.vocabulary.token_bytes, thinking=thinking)
    pieces = [*map(reader.push, token_ids), reader.flush()]
    text = "".join(piece.text for piece in pieces)
    reasoning = "".join(piece.reasoning for piece in pieces)
    return text, reasoning, reader.num_reasoning_tokens


def test_a_thought_is_reasoning_and_the_rest_is_text(tiny_ours):
    token_ids = tokens(tiny_ours, "<think>", "\nhm 汉", "</think>", "\nYes.\n")
    inner = tokens(tiny_ours, "\nhm 汉", "</think>")
    assert read(tiny_ours, token_ids) == ("Yes.\n", "hm 汉", len(inner))


def test_an_open_thought_of_the_prompt_goes_on(tiny_ours):
    token_ids = tokens(tiny_ours, "hm", "</think>", "Yes.")
    assert read(tiny_ours, token_ids, thinking=True)[:2] == ("Yes.", "hm")


@pytest.mark.parametrize(("continued", "reasoning"), [(False, "hm"), (True, "\nhm")])
def test_a_continued_thought_keeps_its_next_line_break(tiny_ours, continued, reasoning):
    reader = AnswerReader(
        tiny_ours.syntax, tiny_ours.vocabulary.token_bytes, thinking=True, continued=continued
    )
    pieces = [*map(reader.push, tokens(tiny_ours, "\nhm")), reader.flush()]
    assert "".join(piece.reasoning for piece in pieces) == reasoning


def test_without_a_thought_all_is_text_with_its_line_breaks(tiny_ours):
    assert read(tiny_ours, tokens(tiny_ours, "\nYes\n\n.")) == ("\nYes\n\n.", "", 0)


def test_special_tokens_never_become_text(tiny_ours):
    specials = [token for token in tiny_ours.vocabulary.special_ids if token not in (4083, 4084)]
    assert read(tiny_ours, [*tokens(tiny_ours, "a"), *specials, *tokens(tiny_ours, "b")])[0] == "ab"


def test_boxes_stay_in_the_text(tiny_ours):
    token_ids = tokens(tiny_ours, "<|begin_of_box|>", "[1,2,3,4]", "<|end_of_box|>")
    assert read(tiny_ours, token_ids)[0] == BOX


def test_tags_spelled_in_ordinary_tokens_are_text(tiny_ours):
    spelled = tiny_ours.vocabulary.encode("<think>no</think>")
    assert read(tiny_ours, spelled)[:2] == ("<think>no</think>", "")


@pytest.mark.parametrize(
    ("tags", "is_open"),
    [([], False), (["<think>"], True), (["<think>", "</think>"], False)],
)
def test_prompts_last_tag_tells_whether_a_thought_is_open(tiny_ours, tags, is_open):
    prompt = tokens(tiny_ours, "a", *tags, "b")
    assert tiny_ours.syntax.thought_is_open(prompt) is is_open
