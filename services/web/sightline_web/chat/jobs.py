"""Answers that are being generated: they belong to the server, pages only watch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sightline.generator.v1 import generator_pb2
from sightline_common.errors import SightlineError
from sightline_common.telemetry import log

from sightline_web.chat.answer_job import AnswerJob
from sightline_web.chat.growth import Growth
from sightline_web.chat.partial_answers import PartialAnswers
from sightline_web.chat.wording import LENGTH, STOPPED
from sightline_web.generator_client import Generator
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.records import Message, MessageStatus

FINAL_SAVE_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How long to wait after each failed attempt to save a finished answer."""

BuildRequest = Callable[[], Awaitable[generator_pb2.GenerateTextRequest]]
_logger = logging.getLogger(__name__)


class AnswerJobs:
    """Starts, finds and stops jobs, and saves what they produce."""

    def __init__(
        self,
        generator: Generator,
        store: ConversationStore,
        lifetime_s: float,
        cache_salt: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._generator = generator
        self._store = store
        self._partial_answers = PartialAnswers(store)
        self._lifetime_s = lifetime_s
        self._cache_salt = cache_salt
        self._clock = clock
        self._sleep = sleep
        self._jobs: dict[str, tuple[AnswerJob, asyncio.Task[None]]] = {}

    def start(self, owner_id: str, message: Message, build_request: BuildRequest) -> AnswerJob:
        """Begins to generate; only stop, an error, or the lifetime ends it."""
        job = AnswerJob(message)
        task = asyncio.create_task(self._run(owner_id, job, build_request))
        self._jobs[message.id] = (job, task)
        task.add_done_callback(lambda _task: self._forget(job))
        return job

    def find(self, message_id: str) -> AnswerJob | None:
        """Returns the job of a message that is generated, or ended but not saved yet."""
        found = self._jobs.get(message_id)
        return None if found is None else found[0]

    def snapshot(self) -> dict[str, AnswerJob]:
        """Returns all jobs by message id; take it before reading the store.

        A message that the store calls running is then either here or `find`s its job,
        unless the process that ran it is gone.
        """
        return {message_id: job for message_id, (job, _task) in self._jobs.items()}

    async def stop(self, message_id: str) -> None:
        """Cancels a job and waits until it has ended."""
        if message_id in self._jobs:
            job, task = self._jobs[message_id]
            if not job.is_ending:
                job.stop_reason = STOPPED
                task.cancel()
            await job.finished.wait()

    async def close(self) -> None:
        """Cancels all jobs; their messages stay, incomplete."""
        tasks = [task for _job, task in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._partial_answers.close()

    def _forget(self, job: AnswerJob) -> None:
        del self._jobs[job.message.id]
        if not job.is_finished:  # cancelled before its first step
            job.end(MessageStatus.INCOMPLETE, job.stop_reason)

    async def _run(self, owner_id: str, job: AnswerJob, build_request: BuildRequest) -> None:
        try:
            status, reason = await self._generate(owner_id, job, build_request)
        except asyncio.CancelledError:
            status, reason = MessageStatus.INCOMPLETE, job.stop_reason
        except SightlineError as error:
            log(_logger, "answer failed", reason=error.reason, field=error.field)
            status, reason = MessageStatus.FAILED, error.reason
        except Exception:
            _logger.exception("answer failed")
            status, reason = MessageStatus.FAILED, "INTERNAL"
        job.is_ending = True
        ended = replace(job.message, status=status, reason=reason)
        await self._partial_answers.forget(ended.id)
        is_saved = await self._save(owner_id, ended)  # first: whoever sees the end can search it
        job.end(status, reason)
        if not is_saved:
            await self._save_again(owner_id, ended)

    async def _generate(
        self, owner_id: str, job: AnswerJob, build_request: BuildRequest
    ) -> tuple[MessageStatus, str]:
        growth = Growth(job.message, self._clock)
        request = await build_request()
        request.cache_salt = self._cache_salt(owner_id)
        async for response in self._generator.generate_text(request, self._lifetime_s):
            growth.add(response)
            job.grew(growth.message)
            self._partial_answers.grew(owner_id, job)
        _ = job.message  # what cannot be put together fails the answer here
        return MessageStatus.COMPLETE, LENGTH if growth.finish_reason() == "length" else ""

    async def _save_again(self, owner_id: str, message: Message) -> None:
        for pause_s in FINAL_SAVE_PAUSES_S:
            await self._sleep(pause_s)
            if await self._save(owner_id, message):
                return

    async def _save(self, owner_id: str, message: Message) -> bool:
        try:
            await self._store.save_answer(owner_id, message)
        except Exception:
            _logger.exception("answer not saved")
            return False
        return True
