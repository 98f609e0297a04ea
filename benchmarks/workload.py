"""What is asked: how long prompts and answers are, and how many clients ask."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.prompts import Messages, PromptMaker

Contestant = TypeVar("Contestant")

EDGE = 336
PICTURE_PROMPT_TOKENS = 48
"""Tokens of a prompt with a picture, which counts as one of them here."""


@dataclass(frozen=True)
class Workload:
    """Prompts of one kind with answers of one length."""

    name: str
    picture: bool
    answer_tokens: int
    prompt_tokens: int

    def messages(self, maker: PromptMaker, seed: int) -> Messages:
        if self.picture:
            return maker.picture(EDGE, self.prompt_tokens, seed)
        return maker.text(self.prompt_tokens, seed)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("text-128", picture=False, answer_tokens=128, prompt_tokens=128),
        Workload("image-64", picture=True, answer_tokens=64, prompt_tokens=PICTURE_PROMPT_TOKENS),
        Workload("image-128", picture=True, answer_tokens=128, prompt_tokens=PICTURE_PROMPT_TOKENS),
    )
}


@dataclass(frozen=True)
class Case:
    """One line of the experiment: a workload at a number of clients.

    A round has at least `least_requests`, so that it is long enough to time.
    """

    workload: Workload
    num_clients: int
    least_requests: int = 8

    @property
    def label(self) -> str:
        return f"{self.workload.name}, {self.num_clients} clients"

    @property
    def requests_per_client(self) -> int:
        return max(1, self.least_requests // self.num_clients)

    def conversations(self, maker: PromptMaker, round_: int) -> list[list[Messages]]:
        """Returns each client's conversations; equal arguments give equal ones, others never."""
        base = zlib.crc32(f"{self.workload.name} {self.num_clients} {round_}".encode())
        return [
            [
                self.workload.messages(maker, base * 1000 + client * 100 + i)
                for i in range(self.requests_per_client)
            ]
            for client in range(self.num_clients)
        ]


def request_body(
    model: str, messages: Messages, answer_tokens: int, fields: Mapping[str, Any]
) -> bytes:
    """Writes a streaming, greedy chat completion request; `fields` are the server's own."""
    body = {
        "model": model,
        "messages": messages,
        "max_tokens": answer_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **fields,
    }
    return json.dumps({key: value for key, value in body.items() if value is not None}).encode()


def alternation(contestants: Sequence[Contestant], round_: int) -> list[Contestant]:
    """Returns who goes when in a round: every round begins with the next contestant.

    So none always runs on the machine that another has just heated or left.
    """
    shift = round_ % len(contestants) if contestants else 0
    return [*contestants[shift:], *contestants[:shift]]
