"""The face of a contestant without a server: a program that answers one static batch.

It reads one JSON line a batch and writes one: no HTTP, no arrival one by one, and a batch
that starts and ends together. That flatters it.
"""

from __future__ import annotations

import json
import subprocess
import time

from benchmarks.answer import Answer, AnswerError
from benchmarks.load import Load
from benchmarks.measure import Sample
from benchmarks.prompts import Messages


def answer_batch(
    process: subprocess.Popen[bytes], conversations: list[list[Messages]], answer_tokens: int
) -> Load:
    """Has every client's first conversation answered as one batch, then the second, ...

    Raises AnswerError when the program ends.
    """
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    answers: list[Answer] = []
    for batch in zip(*conversations, strict=True):
        answers += _answer_one(process, list(batch), answer_tokens)
    wall_s, own_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return Load(tuple(answers), wall_s, own_cpu_s)


def _answer_one(
    process: subprocess.Popen[bytes], conversations: list[Messages], answer_tokens: int
) -> list[Answer]:
    assert process.stdin is not None and process.stdout is not None, "started with pipes"
    job = {"conversations": conversations, "answer_tokens": answer_tokens}
    process.stdin.write(json.dumps(job).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise AnswerError("the program ended; its log says why")
    told = json.loads(line)
    sample = Sample(told["first_s"], told["total_s"], told["answer_token_count"])
    return [Answer(sample, count) for count in told["prompt_token_counts"]]
