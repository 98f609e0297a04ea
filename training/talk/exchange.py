"""One question and its true answer."""

from __future__ import annotations

from dataclasses import dataclass

from training.world.scene import Shape


@dataclass(frozen=True)
class Exchange:
    """What is asked about pictures that are known, and what is true.

    topic: what it is about, in one word or two; an examination counts by it.
    about: the shape that question and answer were about, if it was one: a follow-up calls it "it".
    pictures: how many pictures come with this question, if it is not the first of its conversation;
    all others come with the first.
    spelt: the parts of the answer that are trained character by character. What is read letter by
    letter need not also be cut into the tokenizer's pieces; the decoded text is the same.
    """

    topic: str
    question: str
    answer: str
    about: Shape | None = None
    pictures: int = 0
    spelt: tuple[str, ...] = ()
