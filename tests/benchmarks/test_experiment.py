import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.contestant import Contestant
from benchmarks.experiment import measure
from benchmarks.prompts import PromptMaker
from benchmarks.server import Running
from benchmarks.workload import WORKLOADS, Case

MODEL = Path(__file__).parents[2] / "models" / "sightline-nano"
PROGRAM = """
import json, sys
seen = 0
for line in sys.stdin:
    job = json.loads(line)
    seen += 1
    with open({diary!r}, "a") as diary:
        diary.write({name!r})
    count = job["answer_tokens"] if seen < {lazy_from} else 1
    told = {{"first_s": 0.1, "total_s": 0.5, "answer_token_count": count}}
    prompts = [128] * len(job["conversations"])
    print(json.dumps({{**told, "prompt_token_counts": prompts}}), flush=True)
"""
TEXT = WORKLOADS["text-128"]


@pytest.fixture(scope="module")
def maker():
    return PromptMaker(MODEL)


class Stage:
    """Contestants that answer at once and write their letter into one diary."""

    def __init__(self, folder):
        self._diary = folder / "diary"
        self._stack = ExitStack()
        self.contestants = []

    @property
    def diary(self):
        return self._diary.read_text()

    def add(self, name, lazy_from=99, **kwargs):
        program = PROGRAM.format(diary=str(self._diary), name=name, lazy_from=lazy_from)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = self._stack.enter_context(
            subprocess.Popen([sys.executable, "-c", program], **pipes)
        )
        self._stack.callback(process.stdin.close)
        contestant = Contestant(name, name, "", "", (), kind="batch", **kwargs)
        self.contestants.append(Running(contestant, {}, process, 0.0))

    def close(self):
        self._stack.close()


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def test_contestants_alternate_and_the_warm_up_is_thrown_away(stage, maker):
    stage.add("a")
    stage.add("b")
    cases = [Case(TEXT, 2, least_requests=2)]
    found = measure(stage.contestants, cases, maker, rounds=2, say=lambda _: None)
    assert stage.diary == "ba" + "ab" + "ba"
    assert [len(each.turns) for each in found] == [2, 2]


def test_turn_holds_what_every_client_saw(stage, maker):
    stage.add("a")
    cases = [Case(TEXT, 3, least_requests=6)]
    (found,) = measure(stage.contestants, cases, maker, rounds=1, say=lambda _: None)
    (turn,) = found.turns
    assert turn.prompt_token_counts == [128] * 6
    assert turn.times_to_first_token_s == [0.1] * 6


def test_contestant_that_answers_shorter_is_out_and_the_others_go_on(stage, maker):
    stage.add("a", lazy_from=2)
    stage.add("b")
    said = []
    cases = [Case(TEXT, 1, least_requests=1)]
    lazy, honest = measure(stage.contestants, cases, maker, rounds=2, say=said.append)
    assert "answered with [1] tokens; 128 were asked for" in lazy.failure
    assert (len(lazy.turns), len(honest.turns)) == (0, 2)
    assert any("a is out" in line for line in said)


def test_impatient_experiment_spares_servers_that_do_not_batch(stage, maker):
    stage.add("a", sequential=True)
    stage.add("b")
    cases = [Case(TEXT, n, least_requests=1) for n in (1, 9)]
    found = measure(stage.contestants, cases, maker, rounds=1, say=lambda _: None, patient=False)
    asked = [(each.contestant, each.case.num_clients) for each in found]
    assert asked == [("a", 1), ("b", 1), ("b", 9)]


def test_contestant_without_pictures_is_not_asked_about_one(stage, maker):
    stage.add("a", images=False)
    stage.add("b")
    cases = [Case(WORKLOADS["image-64"], 1, least_requests=1)]
    found = measure(stage.contestants, cases, maker, rounds=1, say=lambda _: None)
    assert [each.contestant for each in found] == ["b"]


def test_the_others_stand_still_while_one_is_asked(stage, maker):
    stage.add("a")
    stage.add("b")
    states = []

    def say(_line):
        states.append([state_of(each.process.pid) for each in stage.contestants])

    asked, other = stage.contestants
    with other.paused():
        wait_for(lambda: state_of(other.process.pid) == "T")
        say("")
    measure([asked, other], [Case(TEXT, 1, least_requests=1)], maker, rounds=1, say=say)
    assert states[0][1] == "T"
    assert all("T" not in state for state in states[1:])


def wait_for(reached):
    ends = time.monotonic() + 5
    while not reached() and time.monotonic() < ends:
        time.sleep(0.001)


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
