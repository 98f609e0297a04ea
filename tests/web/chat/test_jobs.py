"""Answers that belong to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sightline.generator.v1 import generator_pb2
from sightline_web.chat.answer_job import AnswerJob
from sightline_web.chat.jobs import AnswerJobs
from sightline_web.chat.pace import Pace
from sightline_web.chat.partial_answers import PartialAnswers
from sightline_web.chat.watching import watch_answer
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.records import Message, MessageStatus

from tests.web.fakes import FakeGenerator, complete, delta, eventually, says, started

OWNER = "local"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ConversationStore]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await database.migrate()
    yield ConversationStore(database)
    await database.close()


async def running_message(store: ConversationStore) -> Message:
    conversation_id = await store.create(OWNER, "Title", {})
    return (await store.add_question(OWNER, conversation_id, "Hi", []))[1]


async def request() -> generator_pb2.GenerateTextRequest:
    return generator_pb2.GenerateTextRequest()


async def is_forgotten(jobs: AnswerJobs, message: Message) -> bool:
    return jobs.find(message.id) is None


async def saved_text(store: ConversationStore, message: Message) -> str:
    return (await store.message(OWNER, message.id)).text


async def arrived_text(job: AnswerJob) -> str:
    return job.message.text


async def test_finished_job_is_saved_and_forgotten(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A", "B"))
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    jobs.start(OWNER, message, request)
    await eventually(lambda: is_forgotten(jobs, message))
    saved = await store.message(OWNER, message.id)
    assert (saved.text, saved.status) == ("AB", MessageStatus.COMPLETE)


async def test_partial_answers_are_saved_from_time_to_time_and_together(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.chat.partial_answers.SAVE_INTERVAL_S", 0.05)
    save, saved = store.save_answers, []

    async def noted(answers: Sequence[tuple[str, Message]]) -> None:
        saved.append({message.text for _owner_id, message in answers})
        await save(answers)

    monkeypatch.setattr(store, "save_answers", noted)
    jobs = AnswerJobs(generator, store, 60, str)
    running = [await running_message(store) for _ in range(3)]
    for text, message in zip("ABC", running, strict=True):
        generator.enqueue([started(), delta(text), asyncio.Event(), complete()])
        jobs.start(OWNER, message, request)
    for message in running:
        await eventually(lambda message=message: saved_text(store, message))
        assert (await store.message(OWNER, message.id)).status is MessageStatus.RUNNING
    assert saved == [{"A", "B", "C"}]
    await jobs.close()


async def test_saving_a_part_comes_never_after_the_end(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.chat.partial_answers.SAVE_INTERVAL_S", 0.0)
    save, part, ending = store.save_answers, asyncio.Event(), asyncio.Event()

    async def slow(answers: Sequence[tuple[str, Message]]) -> None:
        if answers[0][1].status is MessageStatus.RUNNING:
            part.set()
            await ending.wait()
            await asyncio.sleep(0.05)
        await save(answers)

    monkeypatch.setattr(store, "save_answers", slow)
    gate = asyncio.Event()
    generator.enqueue([started(), delta("A"), gate, delta("B"), complete()])
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    job = jobs.start(OWNER, message, request)
    await part.wait()
    gate.set()
    ending.set()
    await job.finished.wait()
    await asyncio.sleep(0.1)
    saved = await store.message(OWNER, message.id)
    assert (saved.text, saved.status) == ("AB", MessageStatus.COMPLETE)
    await jobs.close()


async def test_answer_that_has_ended_meanwhile_is_not_saved_once_more(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.chat.partial_answers.SAVE_INTERVAL_S", 0.1)
    save, saved = store.save_answers, []

    async def noted(answers: Sequence[tuple[str, Message]]) -> None:
        saved.append([message.text for _owner_id, message in answers])
        await save(answers)

    monkeypatch.setattr(store, "save_answers", noted)
    generator.enqueue(says("A"))
    jobs = AnswerJobs(generator, store, 60, str)
    await jobs.start(OWNER, await running_message(store), request).finished.wait()
    later = jobs._partial_answers._task
    assert later is not None
    await later
    assert saved == [["A"]]


async def test_closing_lets_what_is_being_saved_end(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.chat.partial_answers.SAVE_INTERVAL_S", 0.0)
    partial, go_on, saved = PartialAnswers(store), asyncio.Event(), []

    async def slow(answers: Sequence[tuple[str, Message]]) -> None:
        await go_on.wait()
        saved.extend(answers)

    monkeypatch.setattr(store, "save_answers", slow)
    partial.grew(OWNER, AnswerJob(await running_message(store)))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(partial.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert len(saved) == 1


async def test_closing_keeps_partial_answers(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A"), asyncio.Event()])
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    job = jobs.start(OWNER, message, request)
    await eventually(lambda: arrived_text(job))
    await jobs.close()
    saved = await store.message(OWNER, message.id)
    assert (saved.text, saved.status, saved.reason) == (
        "A",
        MessageStatus.INCOMPLETE,
        "INTERRUPTED",
    )


async def test_answer_at_its_length_limit_says_so(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A"), complete(1, generator_pb2.FINISH_REASON_LENGTH)])
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    job = jobs.start(OWNER, message, request)
    await job.finished.wait()
    assert (job.message.status, job.message.reason) == (MessageStatus.COMPLETE, "LENGTH")


async def test_answer_without_end_has_failed(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A")])
    jobs = AnswerJobs(generator, store, 60, str)
    job = jobs.start(OWNER, await running_message(store), request)
    await job.finished.wait()
    assert (job.message.status, job.message.text) == (MessageStatus.FAILED, "A")


async def test_each_watcher_sees_a_snapshot_first_and_the_end_last(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("A"), gate, delta("B"), complete(2)])
    jobs = AnswerJobs(generator, store, 60, str)
    job = jobs.start(OWNER, await running_message(store), request)
    await eventually(lambda: arrived_text(job))
    first, second = (
        watch_answer(job, lambda message: f"[{message.text}]", Pace()) for _ in range(2)
    )
    assert b"<p>A</p>" in await anext(first)
    assert b"<p>A</p>" in await anext(second)
    gate.set()
    for watcher in (first, second):
        rest = [event async for event in watcher]
        assert rest[-2:] == [b"data: [AB]\n\n", b"event: done\ndata: 1\n\n"]


async def test_job_that_is_stopped_before_it_began_has_ended(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    job = jobs.start(OWNER, message, request)
    await jobs.stop(message.id)
    assert (job.message.status, job.message.reason) == (MessageStatus.INCOMPLETE, "STOPPED")
    assert generator.requests == []


async def test_finished_answer_is_saved_again_when_saving_fails(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, failures, pauses = store.save_answer, [OSError("locked")] * 2, []

    async def flaky(owner_id: str, message: Message) -> None:
        if failures:
            raise failures.pop()
        await save(owner_id, message)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(store, "save_answer", flaky)
    jobs = AnswerJobs(generator, store, 60, str, sleep=sleep)
    message = await running_message(store)
    jobs.start(OWNER, message, request)
    await eventually(lambda: is_forgotten(jobs, message))
    assert (await store.message(OWNER, message.id)).text == "ok"
    assert pauses == [0.5, 1.0]


async def test_answer_that_pages_call_finished_is_saved(
    store: ConversationStore, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A"))
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    await jobs.start(OWNER, message, request).finished.wait()
    assert (await store.message(OWNER, message.id)).status is MessageStatus.COMPLETE


async def test_stop_comes_too_late_for_an_answer_that_is_being_saved(
    store: ConversationStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, go_on = asyncio.Event(), asyncio.Event()
    save_answer = store.save_answer

    async def slow(owner_id: str, message: Message) -> None:
        saving.set()
        await go_on.wait()
        await save_answer(owner_id, message)

    monkeypatch.setattr(store, "save_answer", slow)
    generator.enqueue(says("A"))
    jobs = AnswerJobs(generator, store, 60, str)
    message = await running_message(store)
    job = jobs.start(OWNER, message, request)
    await saving.wait()
    stopping = asyncio.create_task(jobs.stop(message.id))
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert job.message.status is MessageStatus.COMPLETE
    assert (await store.message(OWNER, message.id)).status is MessageStatus.COMPLETE
