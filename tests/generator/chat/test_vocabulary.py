import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_common.checkpoint import CheckpointError
from sightline_generator.chat.vocabulary import Vocabulary

from tests.generator.tiny import NANO

VOCABULARY = Vocabulary.load(NANO)
SPECIALS = sorted(VOCABULARY.added_tokens)


@given(st.lists(st.one_of(st.text(), st.sampled_from(SPECIALS)), max_size=6).map("".join))
def test_no_text_becomes_an_added_token(text):
    token_ids = VOCABULARY.encode(text)
    assert not set(token_ids) & set(VOCABULARY.added_tokens.values())
    assert b"".join(VOCABULARY.token_bytes[token_id] for token_id in token_ids).decode() == text


def test_think_tags_are_added_but_not_special():
    assert VOCABULARY.added_tokens["<think>"] not in VOCABULARY.special_ids
    assert VOCABULARY.added_tokens["<|user|>"] in VOCABULARY.special_ids


def test_every_byte_has_a_token():
    single = {piece for piece in VOCABULARY.token_bytes if len(piece) == 1}
    assert single == {bytes([byte]) for byte in range(256)}


def test_another_kind_of_tokenizer_is_refused(tmp_path):
    contents = json.loads((NANO / "tokenizer.json").read_text())
    contents["decoder"] = {"type": "Metaspace"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(contents))
    with pytest.raises(CheckpointError, match="byte-level"):
        Vocabulary.load(tmp_path)


def test_a_missing_tokenizer_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        Vocabulary.load(tmp_path)
