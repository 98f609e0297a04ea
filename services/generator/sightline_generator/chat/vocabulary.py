"""A checkpoint's tokenizer, taken apart into plain text and special tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline_common.checkpoint import CheckpointError
from tokenizers import Tokenizer


class Vocabulary:
    """Maps text to token ids and token ids to bytes.

    `encode` never yields an added token, whatever the text says: the tokenizer that it
    uses has none. `added_tokens` maps the content of every added token to its id;
    `special_ids` are those that are marked special and so are no part of any text.
    """

    def __init__(self, tokenizer_json: Mapping[str, Any]) -> None:
        added = tokenizer_json["added_tokens"]
        self.added_tokens: dict[str, int] = {token["content"]: token["id"] for token in added}
        self.special_ids = frozenset(token["id"] for token in added if token["special"])
        bare = {**tokenizer_json, "added_tokens": [], "post_processor": None}
        self._tokenizer = Tokenizer.from_str(json.dumps(bare))
        self.token_bytes = self._token_bytes()

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Reads tokenizer.json; raises CheckpointError."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{folder} has no tokenizer.json.")
        contents = json.loads(path.read_text("utf-8"))
        if not _is_byte_level(contents.get("decoder") or {}):
            raise CheckpointError(f"{path} is not of the byte-level kind that is supported.")
        return cls(contents)

    def encode(self, text: str) -> list[int]:
        """Returns the token ids of literal text."""
        token_ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return token_ids

    def _token_bytes(self) -> list[bytes]:
        alphabet = {character: byte for byte, character in _byte_characters()}
        pieces = {
            token_id: bytes(alphabet[character] for character in token)
            for token, token_id in self._tokenizer.get_vocab().items()
            if token not in self.added_tokens
        }
        pieces |= {token_id: text.encode() for text, token_id in self.added_tokens.items()}
        return [pieces.get(token_id, b"") for token_id in range(max(pieces) + 1)]


def _is_byte_level(decoder: Mapping[str, Any]) -> bool:
    kinds = [decoder, *decoder.get("decoders", [])]
    return any(kind.get("type") == "ByteLevel" for kind in kinds)


def _byte_characters() -> Iterator[tuple[int, str]]:
    """Yields each byte with the character that stands for it, as GPT-2's tokenizer chose them.

    Printable Latin-1 stands for itself; the other bytes follow from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    substitute = 0x100
    for byte in range(0x100):
        if byte in printable:
            yield byte, chr(byte)
        else:
            yield byte, chr(substitute)
            substitute += 1
