"""Prefill speed at several prompt lengths, beside `generate` and the bound of the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.gpu.bounds import DeviceSpeed, measure_speed, prefill_bound
from benchmarks.gpu.command import Options, Row, ratio, run
from benchmarks.gpu.contest import Contest
from benchmarks.gpu.ours import Mode, Ours, run_to_end
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Measures prompt tokens a second up to the first token."""
    run("prefill", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns a row for each prompt length."""
    contest = Contest.prepare(options)
    speed = measure_speed(options.device, options.dtype, options.tiny)
    lengths = (32, 64) if options.tiny else (512, 2048, 8192)
    return [_row(contest, speed, length) for length in lengths]


def _row(contest: Contest, speed: DeviceSpeed, length: int) -> Row:
    prompts = random_prompts(contest.options.config, 1, length)
    mine, theirs = contest.medians(
        lambda: our_prefill(contest.ours, prompts),
        lambda: seconds(lambda: contest.peer.generate(prompts, 1), contest.peer.device),
    )
    bound = prefill_bound(contest.options.config, speed, length)
    rate = ratio(length, mine)
    return {
        "prompt tokens": length,
        "Sightline, tokens/s": rate,
        "generate, tokens/s": ratio(length, theirs),
        "times faster": ratio(theirs, mine),
        "arithmetic bound, tokens/s": bound,
        "of the bound": ratio(rate, bound),
        "attention": contest.ours.attention.name,
    }


def our_prefill(ours: Ours, prompts: list[list[int]]) -> float:
    """Returns the seconds to the first token of all prompts, computed in one step."""
    mode = Mode(ours.attention, graphs=False, overlap=ours.served.overlap)
    engine = ours.engine(len(prompts[0]) + 1, len(prompts), mode)
    for prompt in prompts:
        engine.add(ours.text(prompt, 1))
    return seconds(lambda: run_to_end(engine), ours.device)


if __name__ == "__main__":
    main()
