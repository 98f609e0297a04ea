"""Conversations to token ids, with every special token of known origin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sightline_common.errors import InternalError

from sightline_generator.chat.conversation import Conversation, MediaPart
from sightline_generator.chat.template import ChatTemplate, UserText
from sightline_generator.chat.vocabulary import Vocabulary
from sightline_generator.families.base import (
    Family,
    FeatureRun,
    LayoutPiece,
    MediaKind,
    MediumShape,
    PlaceholderRange,
    PromptPositions,
    SpecialToken,
)


@dataclass(frozen=True)
class Placeholder:
    """Says that the token at `offset` stands for the conversation's medium `media_index`."""

    offset: int
    media_index: int
    kind: MediaKind


@dataclass(frozen=True)
class RenderedPrompt:
    """Holds a prompt in which every medium still is a single token."""

    token_ids: list[int]
    placeholders: list[Placeholder]


@dataclass(frozen=True)
class Prompt:
    """Holds a prompt with room for every feature.

    `ranges[n]` belongs to medium `media_indices[n]`; both are in the prompt's order. A video
    has as many ranges as frame groups.
    """

    token_ids: list[int]
    ranges: list[PlaceholderRange]
    media_indices: list[int]
    positions: PromptPositions


class PromptBuilder:
    """Turns conversations into prompts, as one checkpoint wants them."""

    def __init__(self, family: Family, vocabulary: Vocabulary, template: ChatTemplate) -> None:
        self._family = family
        self._vocabulary = vocabulary
        self._template = template
        contents = sorted(vocabulary.added_tokens, key=len, reverse=True)
        self._specials = re.compile("(" + "|".join(map(re.escape, contents)) + ")")

    def render(self, conversation: Conversation) -> RenderedPrompt:
        """Renders and tokenises; raises InvalidRequestError when the template refuses.

        Every run of text between special tokens is tokenised as one string, whoever wrote
        its parts, so that ids equal those of the whole.
        """
        token_ids: list[int] = []
        offsets: list[tuple[int, MediaKind]] = []
        for run, special_id in self._runs(self._template.render(conversation)):
            token_ids += self._vocabulary.encode(run)
            if special_id is not None:
                kind = self._family.placeholder_ids.get(special_id)
                if kind is not None:
                    offsets.append((len(token_ids), kind))
                token_ids.append(special_id)
        return RenderedPrompt(token_ids, _placeholders(conversation, offsets))

    def _runs(self, pieces: list[str]) -> Iterator[tuple[str, int | None]]:
        """Yields text and the id of the template's special token behind it; None at the end."""
        run = ""
        for piece in pieces:
            if isinstance(piece, UserText):
                run += piece
                continue
            for place, part in enumerate(self._specials.split(piece)):
                if place % 2:
                    yield run, self._vocabulary.added_tokens[part]
                    run = ""
                else:
                    run += part
        yield run, None

    def expand(self, rendered: RenderedPrompt, shapes: Mapping[int, MediumShape]) -> Prompt:
        """Makes room for the features of every medium; `shapes` is by media index."""
        token_ids: list[int] = []
        ranges: list[PlaceholderRange] = []
        media_indices: list[int] = []
        copied = 0
        for placeholder in rendered.placeholders:
            token_ids += rendered.token_ids[copied : placeholder.offset]
            index = placeholder.media_index
            added = self._lay_out(placeholder.kind, shapes[index], token_ids)
            ranges += added
            media_indices += [index] * len(added)
            copied = placeholder.offset + 1
        token_ids += rendered.token_ids[copied:]
        positions = self._family.positions(len(token_ids), ranges)
        return Prompt(token_ids, ranges, media_indices, positions)

    def num_tokens(self, rendered: RenderedPrompt, shapes: Mapping[int, MediumShape]) -> int:
        """Returns how many tokens the expanded prompt has, without expanding it."""
        return len(rendered.token_ids) + sum(
            sum(map(self._piece_length, self._layout(placeholder, shapes))) - 1
            for placeholder in rendered.placeholders
        )

    def _layout(
        self, placeholder: Placeholder, shapes: Mapping[int, MediumShape]
    ) -> list[LayoutPiece]:
        return self._family.layout(placeholder.kind, shapes[placeholder.media_index])

    def _piece_length(self, piece: LayoutPiece) -> int:
        if isinstance(piece, FeatureRun):
            return self._family.token_count(piece.grid)
        return len(self._written(piece))

    def _lay_out(
        self, kind: MediaKind, shape: MediumShape, token_ids: list[int]
    ) -> list[PlaceholderRange]:
        """Appends what stands for a medium; returns the ranges of its features."""
        ranges = []
        feature_offset = 0
        for piece in self._family.layout(kind, shape):
            if isinstance(piece, FeatureRun):
                length = self._family.token_count(piece.grid)
                ranges.append(PlaceholderRange(len(token_ids), length, piece.grid, feature_offset))
                token_ids += [self._family.feature_token_id] * length
                feature_offset += length
            else:
                token_ids += self._written(piece)
        return ranges

    def _written(self, piece: SpecialToken | str) -> list[int]:
        if isinstance(piece, str):
            return self._vocabulary.encode(piece)
        token_id = self._vocabulary.added_tokens.get(piece.content)
        if token_id is None:
            raise InternalError(f"The tokenizer has no {piece.content}, which videos need.")
        return [token_id]


def _placeholders(
    conversation: Conversation, offsets: Sequence[tuple[int, MediaKind]]
) -> list[Placeholder]:
    """Gives each placeholder that the template wrote to the media part that made it write it."""
    media = [
        part
        for message in conversation.messages
        for part in message.parts
        if isinstance(part, MediaPart)
    ]
    if [kind for _offset, kind in offsets] != [part.kind for part in media]:
        raise InternalError("The chat template did not write one placeholder for each medium.")
    return [
        Placeholder(offset, part.index, kind)
        for (offset, kind), part in zip(offsets, media, strict=True)
    ]
