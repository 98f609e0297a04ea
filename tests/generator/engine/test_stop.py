import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_generator.engine.stop import (
    Finish,
    FinishReason,
    StopChecker,
    StopParams,
    TextPiece,
)


class PieceReader:
    """Reads token n as piece n."""

    num_reasoning_tokens = 0

    def __init__(self, pieces, rest=""):
        self._pieces = pieces
        self._rest = rest

    def push(self, token_id):
        return TextPiece(self._pieces[token_id])

    def flush(self):
        return TextPiece(self._rest)


def read(pieces, rest="", **params):
    """Returns the shown pieces and the finish."""
    params.setdefault("max_tokens", 10_000)
    checker = StopChecker(StopParams(**params), PieceReader(pieces, rest))
    shown = []
    for token_id in range(len(pieces)):
        progress = checker.push(token_id)
        shown.append(progress.piece.text)
        if progress.finish:
            return shown, progress.finish
    return shown, None


def test_stop_string_over_three_tokens_is_never_shown():
    shown, finish = read(["ab", "EN", "D", "!"], strings=("END!",))
    assert (shown, finish) == (["ab", "", "", ""], Finish(FinishReason.STOP, "END!"))


def test_text_that_only_began_like_a_stop_string_is_shown():
    shown, finish = read(["aE", "N", "x"], strings=("END",))
    assert (shown, finish) == (["a", "", "ENx"], None)


def test_earliest_stop_string_wins():
    shown, finish = read(["one two"], strings=("two", "one"))
    assert (shown, finish) == ([""], Finish(FinishReason.STOP, "one"))


def test_stop_token_brings_no_text():
    shown, finish = read(["a", "b"], token_ids=frozenset({1}))
    assert (shown, finish) == (["a", ""], Finish(FinishReason.STOP))


def test_held_text_is_shown_when_a_stop_token_ends_the_answer():
    shown, _finish = read(["aE", "b"], strings=("END",), token_ids=frozenset({1}))
    assert "".join(shown) == "aE"


def test_bound_on_tokens_shows_everything_left():
    shown, finish = read(["aE", "N"], rest="�", strings=("END",), max_tokens=2)
    assert ("".join(shown), finish) == ("aEN�", Finish(FinishReason.LENGTH))


def test_stop_string_on_the_last_token_is_a_stop():
    _shown, finish = read(["a", "END"], strings=("END",), max_tokens=2)
    assert finish == Finish(FinishReason.STOP, "END")


@pytest.mark.parametrize("rule", [{"token_ids": frozenset({0, 2})}, {"strings": ("x",)}])
def test_nothing_stops_before_min_tokens(rule):
    _shown, finish = read(["x", "y", "x"], min_tokens=3, max_tokens=3, **rule)
    assert finish == Finish(FinishReason.LENGTH)
    _shown, finish = read(["x", "y", "x"], min_tokens=2, **rule)
    assert finish is not None and finish.reason is FinishReason.STOP


@given(
    pieces=st.lists(st.text("abc", max_size=3), min_size=1, max_size=15),
    strings=st.lists(st.text("abc", min_size=1, max_size=4), max_size=4),
)
def test_pieces_show_what_the_whole_text_would(pieces, strings):
    shown, finish = read(pieces, strings=tuple(strings), max_tokens=len(pieces))
    whole = "".join(pieces)
    cuts = [whole.index(string) for string in strings if string in whole]
    if finish.reason is FinishReason.STOP:
        assert not any(string in "".join(shown) for string in strings)
        assert whole.startswith("".join(shown) + finish.stop_string)
    else:
        assert cuts == []
        assert "".join(shown) == whole
