"""The event stream by which a page watches an answer grow.

The first event of a connection holds the whole answer so far, so a page may join or come
back at any time; those that follow hold what is new. The last one replaces the message, and
`done` closes the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from sightline_web.chat.answer_job import AnswerJob
from sightline_web.chat.growing import GrowingAnswer
from sightline_web.chat.pace import Pace
from sightline_web.sse import event
from sightline_web.store.records import Message

Render = Callable[[Message], str]


async def watch_answer(
    job: AnswerJob, render_final: Render, pace: Pace
) -> AsyncGenerator[bytes, None]:
    """Yields events until the job has finished."""
    growing = GrowingAnswer(job)
    with pace.watching():
        while not job.is_finished:
            version, started = job.version, time.thread_time()
            update = growing.update()
            pace.took(time.thread_time() - started)
            if update:
                yield event(update, event_id=str(version))
            await asyncio.sleep(pace.tick_s)
            await job.changed_since(version)
    async for last in finished_answer(job.message, render_final):
        yield last


async def finished_answer(message: Message, render_final: Render) -> AsyncGenerator[bytes, None]:
    """Yields the events that replace a message by its final form and close the stream."""
    yield event(render_final(message))
    yield event("1", name="done")
