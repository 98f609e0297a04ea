"""Decoding speed at several batch sizes, beside `generate` and the bound of the memory."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.gpu.bounds import DeviceSpeed, decode_bound, measure_speed
from benchmarks.gpu.command import Options, Row, ratio, run
from benchmarks.gpu.contest import Contest
from benchmarks.gpu.ours import Ours, run_to_end, step
from benchmarks.gpu.peer import GeneratePeer
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import seconds

PROMPT_TOKENS = 128


def main(argv: Sequence[str] | None = None) -> None:
    """Measures tokens a second while every sequence of a batch decodes."""
    run("decode", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns a row for each batch size."""
    contest = Contest.prepare(options)
    speed = measure_speed(options.device, options.dtype, options.tiny)
    batches, num_tokens = ((1, 2), 4) if options.tiny else ((1, 8, 64, 256), 128)
    return [_row(contest, speed, batch, num_tokens) for batch in batches]


def _row(contest: Contest, speed: DeviceSpeed, batch: int, num_tokens: int) -> Row:
    options = contest.options
    prompts = random_prompts(options.config, batch, PROMPT_TOKENS)
    mine, theirs = contest.medians(
        lambda: our_decoding(contest.ours, prompts, num_tokens),
        lambda: their_decoding(contest.peer, prompts, num_tokens),
    )
    context = PROMPT_TOKENS + num_tokens / 2
    bound = decode_bound(options.config, options.dtype, speed, batch, context)
    rate = ratio(batch * num_tokens, mine)
    return {
        "batch": batch,
        "Sightline, tokens/s": rate,
        "generate, tokens/s": ratio(batch * num_tokens, theirs),
        "times faster": ratio(theirs, mine),
        "memory bound, tokens/s": bound,
        "of the bound": ratio(rate, bound),
        "attention": contest.ours.attention.name,
    }


def our_decoding(ours: Ours, prompts: list[list[int]], num_tokens: int) -> float:
    """Returns the seconds of `num_tokens` steps behind the first token."""
    engine = ours.engine(len(prompts[0]) + num_tokens + 1, max_num_seqs=len(prompts))
    sequences = [ours.text(prompt, num_tokens + 1) for prompt in prompts]
    for sequence in sequences:
        engine.add(sequence)
    while not all(sequence.num_generated_tokens for sequence in sequences):
        step(engine)
    return seconds(lambda: run_to_end(engine), ours.device)


def their_decoding(peer: GeneratePeer, prompts: list[list[int]], num_tokens: int) -> float:
    """Returns the seconds of `num_tokens` tokens behind the first one."""
    first = seconds(lambda: peer.generate(prompts, 1), peer.device)
    return seconds(lambda: peer.generate(prompts, num_tokens + 1), peer.device) - first


if __name__ == "__main__":
    main()
