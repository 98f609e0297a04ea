"""Runs the suite beside transformers' generate, alternating, and prints ratios."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.measure import Sample, median, table
from benchmarks.peer_generate import GeneratePeer
from benchmarks.pictures import data_url, fresh_png
from benchmarks.sightline import Suite, running_suite

QUESTIONS = ("Describe the image.", "How many shapes are there?")
TOKENS = 64


def main() -> None:
    """Prints hardware, versions, and one table for each question asked."""
    arguments = parse_arguments()
    print(describe_machine())
    with running_suite(arguments.model) as suite:
        print("\n## A repeated picture, another question\n")
        print(repeated_picture(suite, arguments.edge, arguments.rounds))
        print("\n## Throughput beside transformers' generate\n")
        print(throughput(suite, GeneratePeer(arguments.model), arguments))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement")
    parser.add_argument("--edge", type=int, default=672, help="edge of pictures in pixels")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    return parser.parse_args()


def describe_machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )


def conversation(question: str, png: bytes) -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": data_url(png)}}
    return [{"role": "user", "content": [image, {"type": "text", "text": question}]}]


def repeated_picture(suite: Suite, edge: int, rounds: int) -> str:
    """Compares the time to first token of a new picture with that of a known one."""
    pairs = []
    for seed in range(rounds):
        png = fresh_png(edge, seed)
        pairs.append([suite.ask(conversation(question, png), 1) for question in QUESTIONS])
    first = median([pair[0].time_to_first_token_s for pair in pairs])
    second = median([pair[1].time_to_first_token_s for pair in pairs])
    row = [f"{edge}x{edge}", f"{first * 1e3:.0f}", f"{second * 1e3:.0f}", f"{second / first:.2f}"]
    return table(["picture", "first, ms", "second, ms", "second / first"], [row])


def throughput(suite: Suite, peer: GeneratePeer, arguments: argparse.Namespace) -> str:
    """Compares output tokens per second, alternating suite and peer in every round."""
    rows = []
    for clients in arguments.clients:
        ours, theirs = [], []
        for round_ in range(arguments.rounds):
            pngs = [fresh_png(arguments.edge // 2, 1000 * round_ + i) for i in range(clients)]
            talks = [conversation(QUESTIONS[0], png) for png in pngs]
            ours.append(rate(suite.ask_together(talks, TOKENS)))
            prompts = [(QUESTIONS[0], png) for png in pngs]
            theirs.append(rate([peer.ask_together(prompts, TOKENS)]))
        a, b = median(ours), median(theirs)
        rows.append([str(clients), f"{a:.0f}", f"{b:.0f}", f"{a / b:.2f}"])
    return table(["requests at once", "Sightline, tokens/s", "generate, tokens/s", "ratio"], rows)


def rate(samples: Sequence[Sample]) -> float:
    """Returns tokens per second of answers that ran at once."""
    return sum(s.token_count for s in samples) / max(s.total_s for s in samples)


if __name__ == "__main__":
    main()
