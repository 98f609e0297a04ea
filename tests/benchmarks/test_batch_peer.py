import subprocess
import sys

import pytest

from benchmarks.answer import AnswerError
from benchmarks.batch_peer import answer_batch

ECHO = """
import json, sys
for line in sys.stdin:
    job = json.loads(line)
    count = len(job["conversations"])
    told = {"first_s": 0.1, "total_s": 0.5, "answer_token_count": job["answer_tokens"]}
    print(json.dumps({**told, "prompt_token_counts": [count] * count}), flush=True)
"""
TALK = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def program(request):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", request.param], **pipes) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("program", [ECHO], indirect=True)
def test_clients_first_requests_are_one_batch_and_their_second_the_next(program):
    load = answer_batch(program, [[TALK, TALK], [TALK, TALK], [TALK, TALK]], 9)
    assert [answer.prompt_token_count for answer in load.answers] == [3] * 6
    assert {sample.token_count for sample in load.samples} == {9}


@pytest.mark.parametrize("program", ["input()"], indirect=True)
def test_program_that_ends_is_an_error(program):
    with pytest.raises(AnswerError, match="its log says why"):
        answer_batch(program, [[TALK]], 9)
