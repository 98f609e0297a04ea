"""What a page is sent while an answer grows: first everything, then what is new."""

from __future__ import annotations

from typing import NamedTuple

from sightline_web.chat.answer_job import AnswerJob
from sightline_web.markdown.boxes import without_marks
from sightline_web.pages import render
from sightline_web.store.records import Message


class _Sent(NamedTuple):
    """How much of an answer a page has."""

    reasoning_length: int
    num_blocks: int
    has_text: bool


class GrowingAnswer:
    """One page's view of a job. Rendering is shared by all pages that watch the same job."""

    def __init__(self, job: AnswerJob) -> None:
        self._job = job
        self._sent: _Sent | None = None

    def update(self) -> str:
        """Returns the HTML that brings the page up to date; empty when nothing can be seen."""
        message, growing = self._job.message, self._job.growing
        growing.update(without_marks(message.text))
        before, self._sent = self._sent, self._now(message)
        if before is None or _is_new_shape(before, self._sent):
            return render("_answer_snapshot.html", message=message, growing=growing)
        reasoning = message.reasoning[before.reasoning_length :]
        blocks = growing.blocks[before.num_blocks :]
        return render(
            "_answer_growth.html",
            message=message,
            reasoning=reasoning,
            blocks=blocks,
            tail=growing.tail,
        )

    def _now(self, message: Message) -> _Sent:
        return _Sent(len(message.reasoning), len(self._job.growing.blocks), bool(message.text))


def _is_new_shape(before: _Sent, now: _Sent) -> bool:
    """Tells whether the page lacks a place for what is new."""
    return (
        before.has_text != now.has_text
        or bool(before.reasoning_length) != bool(now.reasoning_length)
        or now.num_blocks < before.num_blocks
    )
