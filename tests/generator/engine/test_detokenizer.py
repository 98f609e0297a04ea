from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sightline_generator.engine.detokenizer import Detokenizer

WORDS = ["你好", "🎉", "é", "a", "🇩🇪", "汉", "👩‍👩‍👧", "\n"]


def split_anywhere(data, cuts):
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(words=st.lists(st.sampled_from(WORDS)), cuts=st.lists(st.integers(0, 1000)))
def test_no_split_of_the_bytes_shows_part_of_a_character(words, cuts):
    whole = "".join(words)
    tokens = split_anywhere(whole.encode(), cuts)
    detokenizer = Detokenizer(tokens)
    pieces = [detokenizer.push(token_id) for token_id in range(len(tokens))]
    assert "�" not in "".join(pieces)
    assert "".join(pieces) + detokenizer.flush() == whole


@given(data=st.binary(max_size=40), cuts=st.lists(st.integers(0, 1000)))
def test_pieces_of_any_bytes_equal_the_whole(data, cuts):
    tokens = split_anywhere(data, cuts)
    detokenizer = Detokenizer(tokens)
    text = "".join(map(detokenizer.push, range(len(tokens)))) + detokenizer.flush()
    assert text == data.decode("utf-8", "replace")


def test_flush_shows_an_unfinished_character_once():
    detokenizer = Detokenizer(["汉".encode()[:2], b"a"])
    assert detokenizer.push(0) == ""
    assert detokenizer.flush() == "�"
    assert detokenizer.flush() == ""
    assert detokenizer.push(1) == "a"
