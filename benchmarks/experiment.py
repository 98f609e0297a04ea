"""The experiment: every contestant, every case, alternating, round after round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from benchmarks.answer import AnswerError
from benchmarks.batch_peer import answer_batch
from benchmarks.contestant import request_fields
from benchmarks.load import Load, run_load
from benchmarks.prompts import Messages, PromptMaker
from benchmarks.server import Running
from benchmarks.workload import Case, alternation, request_body

WARM_UP = -1
"""The round before the first: its figures are thrown away, and its prompts come only there."""
WARM_UP_CLIENTS = 8
SEQUENTIAL_CLIENTS = 8
"""A server that answers one after the other is not asked by more clients when that is slow."""


@dataclass(frozen=True)
class Turn:
    """One contestant's turn in one round; times in seconds, shares of one core."""

    tokens_per_s: float
    times_to_first_token_s: list[float]
    prompt_token_counts: list[int]
    cpu_s_per_token: float
    load_cpu_share: float
    others_cpu_share: float


@dataclass
class Measurement:
    """All turns of one contestant in one case; `failure` says why it dropped out."""

    case: Case
    contestant: str
    turns: list[Turn] = field(default_factory=list)
    failure: str = ""


Say = Callable[[str], None]


def measure(
    contestants: Sequence[Running],
    cases: Iterable[Case],
    maker: PromptMaker,
    rounds: int,
    say: Say,
    patient: bool = True,
) -> list[Measurement]:
    """Measures all cases; contestants take turns within each round.

    A contestant that refuses, breaks off, or answers shorter than asked is out of that
    case. An impatient experiment asks sequential servers by SEQUENTIAL_CLIENTS at most.
    """
    measurements = []
    for case in cases:
        asked = [each for each in contestants if patient or _bears(each, case)]
        measurements += _measure_case(asked, case, maker, rounds, say)
    return measurements


def _bears(contestant: Running, case: Case) -> bool:
    return not contestant.contestant.sequential or case.num_clients <= SEQUENTIAL_CLIENTS


def _measure_case(
    contestants: Sequence[Running], case: Case, maker: PromptMaker, rounds: int, say: Say
) -> list[Measurement]:
    able = [each for each in contestants if each.contestant.images or not case.workload.picture]
    found = {each.contestant.name: Measurement(case, each.contestant.name) for each in able}
    warm_up = replace(case, num_clients=min(case.num_clients, WARM_UP_CLIENTS), least_requests=1)
    for round_ in range(WARM_UP, rounds):
        asked = warm_up if round_ == WARM_UP else case
        conversations = asked.conversations(maker, round_)
        for contestant in alternation(able, round_):
            measurement = found[contestant.contestant.name]
            if not measurement.failure:
                _take_turn(measurement, contestant, able, asked, conversations)
                say(_progress(measurement, round_))
    return list(found.values())


def _take_turn(
    measurement: Measurement,
    contestant: Running,
    everyone: Sequence[Running],
    case: Case,
    conversations: list[list[Messages]],
) -> None:
    try:
        turn = _turn(contestant, everyone, case, conversations)
    except (AnswerError, OSError) as error:
        measurement.failure = str(error)
    else:
        if case is measurement.case:
            measurement.turns.append(turn)


def _progress(measurement: Measurement, round_: int) -> str:
    where = f"{measurement.case.label}: {measurement.contestant}"
    if measurement.failure:
        return f"{where} is out: {measurement.failure}"
    if round_ == WARM_UP:
        return f"{where} is warm"
    return f"{where} {measurement.turns[-1].tokens_per_s:.0f} tokens/s in round {round_ + 1}"


def _turn(
    contestant: Running,
    everyone: Sequence[Running],
    case: Case,
    conversations: list[list[Messages]],
) -> Turn:
    others = [each for each in everyone if each is not contestant]
    with ExitStack() as pauses:
        for other in others:
            pauses.enter_context(other.paused())
        return _undisturbed_turn(contestant, others, case, conversations)


def _undisturbed_turn(
    contestant: Running,
    others: Sequence[Running],
    case: Case,
    conversations: list[list[Messages]],
) -> Turn:
    before, others_before, start = contestant.cpu_s(), _cpu_s(others), time.perf_counter()
    load = _ask(contestant, case, conversations)
    wall_s = time.perf_counter() - start
    num_tokens = sum(sample.token_count for sample in load.samples)
    return Turn(
        tokens_per_s=load.tokens_per_s,
        times_to_first_token_s=[sample.time_to_first_token_s for sample in load.samples],
        prompt_token_counts=[answer.prompt_token_count for answer in load.answers],
        cpu_s_per_token=(contestant.cpu_s() - before) / num_tokens,
        load_cpu_share=load.own_cpu_share,
        others_cpu_share=(_cpu_s(others) - others_before) / wall_s,
    )


def _cpu_s(contestants: Sequence[Running]) -> float:
    return sum(contestant.cpu_s() for contestant in contestants)


def _ask(contestant: Running, case: Case, conversations: list[list[Messages]]) -> Load:
    answer_tokens = case.workload.answer_tokens
    if contestant.contestant.kind == "batch":
        load = answer_batch(contestant.process, conversations, answer_tokens)
    else:
        fields = request_fields(contestant.contestant, answer_tokens, contestant.values)
        load = run_load(
            contestant.port,
            [
                [request_body(contestant.model_name, each, answer_tokens, fields) for each in talk]
                for talk in conversations
            ],
        )
    _check_lengths(contestant, load, answer_tokens)
    return load


def _check_lengths(contestant: Running, load: Load, answer_tokens: int) -> None:
    lengths = {sample.token_count for sample in load.samples}
    if lengths != {answer_tokens}:
        raise AnswerError(
            f"{contestant.contestant.name} answered with {sorted(lengths)} tokens; "
            f"{answer_tokens} were asked for"
        )
