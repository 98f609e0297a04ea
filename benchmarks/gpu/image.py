"""Latency of one question about one picture, beside `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sightline_generator.engine.engine import Engine

from benchmarks.gpu.command import Options, Row, ratio, run
from benchmarks.gpu.contest import Contest
from benchmarks.gpu.ours import Picture, columns, random_picture, run_to_end, vision_tower
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import seconds

PROMPT_TOKENS = 128
Answer = Callable[[int], float]
"""Answers with so many tokens; returns the seconds."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measures one 336x336 picture, 128 prompt tokens and 128 answer tokens."""
    run("image", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns a row for the first token and one for the whole answer."""
    contest = Contest.prepare(options)
    picture = random_picture(options.config, 56 if options.tiny else 336)
    (prompt,) = random_prompts(options.config, 1, PROMPT_TOKENS)
    ours = our_answer(contest, picture, prompt)
    theirs = their_answer(contest, picture, prompt)
    lengths = (1, 4) if options.tiny else (1, 128)
    return [_row(contest, ours, theirs, num_tokens) for num_tokens in lengths]


def _row(contest: Contest, ours: Answer, theirs: Answer, num_tokens: int) -> Row:
    mine, others = contest.medians(lambda: ours(num_tokens), lambda: theirs(num_tokens))
    return {
        "answer tokens": num_tokens,
        "Sightline, ms": ratio(mine, 1e-3),
        "generate, ms": ratio(others, 1e-3),
        "times faster": ratio(others, mine),
        **columns(contest.ours.served),
    }


def our_answer(contest: Contest, picture: Picture, prompt: list[int]) -> Answer:
    """Returns what times tower, prefill and decoding; services and sockets are not counted."""
    options, ours = contest.options, contest.ours
    tower = vision_tower(options.config, contest.weights, options.device, options.dtype)
    num_prompt_tokens = ours.family.token_count(picture.grid) + len(prompt)
    image_token_id = options.config["image_token_id"]

    @cache
    def engine_for(num_tokens: int) -> Engine:
        return ours.engine(num_prompt_tokens + num_tokens)

    def answer(num_tokens: int) -> float:
        engine = engine_for(num_tokens)

        def work() -> None:
            (features,) = tower.encode([picture.image])
            engine.add(ours.about_picture(prompt, num_tokens, picture, image_token_id, features))
            run_to_end(engine)

        return seconds(work, ours.device)

    return answer


def their_answer(contest: Contest, picture: Picture, prompt: list[int]) -> Answer:
    """Returns what times `generate` over the same prompt and patches."""
    length = contest.ours.family.token_count(picture.grid)
    prompts = [[contest.options.config["image_token_id"]] * length + prompt]
    peer = contest.peer
    return lambda num_tokens: seconds(
        lambda: peer.generate(prompts, num_tokens, picture), peer.device
    )


if __name__ == "__main__":
    main()
