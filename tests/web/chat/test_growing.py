"""What a page is sent while an answer grows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sightline_web.chat.answer_job import AnswerJob
from sightline_web.chat.growing import GrowingAnswer
from sightline_web.chat.pace import RENDERING_SHARE, SHORTEST_TICK_S, Pace
from sightline_web.chat.watching import watch_answer
from sightline_web.store.records import Message, MessageStatus, Role


@pytest.fixture
def job() -> AnswerJob:
    return AnswerJob(Message("m1", "c1", None, Role.ASSISTANT, "", status=MessageStatus.RUNNING))


def say(job: AnswerJob, text: str, reasoning: str = "") -> None:
    message = replace(job.message, text=text, reasoning=reasoning)
    job.grew(lambda: message)


def test_first_update_is_everything_whenever_a_page_comes(job: AnswerJob) -> None:
    say(job, "alpha\n\ntwo\n\nthr", "because")
    GrowingAnswer(job).update()
    late = GrowingAnswer(job).update()
    assert '<hx-partial hx-target="#m-m1 .answer" hx-swap="innerMorph">' in late
    assert all(word in late for word in ("alpha", "two", "thr", "because"))


def test_later_updates_hold_new_blocks_once_and_the_tail(job: AnswerJob) -> None:
    growing = GrowingAnswer(job)
    say(job, "alpha\n\ntwo\n")
    growing.update()
    say(job, "alpha\n\ntwo\n\nthree\n\nfo")
    second = growing.update()
    assert 'hx-target="#m-m1 .done" hx-swap="beforeend"><p>two</p>' in second
    assert "alpha" not in second
    say(job, "alpha\n\ntwo\n\nthree\n\nfour\n\nfi")
    growing.update()
    say(job, "alpha\n\ntwo\n\nthree\n\nfour\n\nfive")
    third = growing.update()
    assert "four" in third and "five" in third and ".done" not in third
    assert not any(word in third for word in ("alpha", "two", "three"))


def test_reasoning_grows_by_what_is_new_and_text_makes_a_new_shape(job: AnswerJob) -> None:
    growing = GrowingAnswer(job)
    say(job, "", "first <b>")
    assert "first &lt;b&gt;" in growing.update()
    say(job, "", "first <b> second")
    update = growing.update()
    assert "second" in update and "first" not in update
    say(job, "text", "first <b> second")
    assert ".answer" in growing.update()


def test_updates_of_one_page_do_not_depend_on_those_of_another(job: AnswerJob) -> None:
    fast, slow = GrowingAnswer(job), GrowingAnswer(job)
    say(job, "alpha\n\ntwo\n")
    fast.update()
    slow.update()
    for text in ("alpha\n\ntwo\n\nthree\n", "alpha\n\ntwo\n\nthree\n\nfour\n"):
        say(job, text)
        fast.update()
    update = slow.update()
    assert "two" in update and "three" in update and "alpha" not in update


def test_message_is_put_together_when_somebody_looks(job: AnswerJob) -> None:
    built = []
    for text in ("a", "ab", "abc"):
        job.grew(lambda text=text: built.append(text) or replace(job._message, text=text))
    assert (job.message.text, job.message.text, job.version) == ("abc", "abc", 3)
    assert built == ["abc"]


async def test_whoever_has_seen_an_earlier_version_does_not_wait(job: AnswerJob) -> None:
    waiting = asyncio.create_task(job.changed_since(job.version))
    await asyncio.sleep(0)
    assert not waiting.done()
    say(job, "a")
    await waiting
    await job.changed_since(0)


class _Pace(Pace):
    rests = 0

    @property
    def tick_s(self) -> float:
        self.rests += 1
        return 0.0


async def test_what_comes_after_a_rest_is_shown_without_another(job: AnswerJob) -> None:
    pace = _Pace()
    watching = watch_answer(job, lambda message: "", pace)
    await anext(watching)
    second = asyncio.ensure_future(anext(watching))
    for _ in range(5):
        await asyncio.sleep(0)
    assert pace.rests == 1 and not second.done()
    say(job, "late")
    assert b"late" in await second
    assert pace.rests == 1
    await watching.aclose()


def test_ticks_lengthen_with_watchers_and_cost() -> None:
    pace = Pace()
    for _ in range(200):
        pace.took(0.001)
    assert pace.tick_s == SHORTEST_TICK_S
    with pace.watching():
        assert pace.tick_s == SHORTEST_TICK_S
        watchers = [pace.watching() for _ in range(199)]
        for watcher in watchers:
            watcher.__enter__()
        assert pace.tick_s * RENDERING_SHARE == pytest.approx(200 * 0.001, rel=0.01)
        for watcher in watchers:
            watcher.__exit__(None, None, None)
    assert pace.tick_s == SHORTEST_TICK_S


def test_what_cannot_be_put_together_is_tried_once_and_leaves_what_was_there(
    job: AnswerJob,
) -> None:
    before = job.message

    def broken() -> Message:
        raise ValueError("statistics that do not add up")

    job.grew(broken)
    with pytest.raises(ValueError, match="do not add up"):
        _ = job.message
    assert job.message == before
