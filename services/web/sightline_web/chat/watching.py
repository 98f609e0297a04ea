"""The event stream by which a page watches an answer grow.

Every event holds the whole answer so far, so a page may join or come back at any
time. The last one replaces the message, and `done` closes the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from sightline_web.chat.jobs import AnswerJob
from sightline_web.sse import event
from sightline_web.store.records import Message

TICK_S = 0.08
RENDER_SHARE = 5
"""A tick lasts at least this many times as long as rendering took."""

Render = Callable[[Message], str]


async def watch_answer(
    job: AnswerJob, render_body: Render, render_final: Render
) -> AsyncGenerator[bytes, None]:
    """Yields events until the job has finished."""
    while not job.is_finished:
        changed = job.changed()
        started = time.perf_counter()
        yield event(render_body(job.message), event_id=str(job.version))
        tick_s = max(TICK_S, RENDER_SHARE * (time.perf_counter() - started))
        await changed.wait()
        if not job.is_finished:
            await asyncio.sleep(tick_s)
    async for last in finished_answer(job.message, render_final):
        yield last


async def finished_answer(message: Message, render_final: Render) -> AsyncGenerator[bytes, None]:
    """Yields the events that replace a message by its final form and close the stream."""
    yield event(render_final(message))
    yield event("1", name="done")
