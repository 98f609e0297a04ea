"""Decoding speed at several batch sizes, beside `generate` and the bound of the memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sightline_generator.engine.engine import Engine
from sightline_generator.engine.model_runner import KVCache

from benchmarks.gpu.bounds import DeviceSpeed, decode_bound, measure_speed
from benchmarks.gpu.command import Options, Row, middle, ratio, run
from benchmarks.gpu.contest import Contest
from benchmarks.gpu.ours import Mode, Ours, columns, run_to_end, step
from benchmarks.gpu.peer import GeneratePeer
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import alternating, seconds

PROMPT_TOKENS = 128


def main(argv: Sequence[str] | None = None) -> None:
    """Measures tokens a second while every sequence of a batch decodes."""
    run("decode", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns a row for each batch size and each way to compute steps."""
    contest = Contest.prepare(options)
    speed = measure_speed(options.device, options.dtype, options.tiny)
    batches, num_tokens = ((1, 2), 4) if options.tiny else ((1, 8, 64, 256), 128)
    return [row for batch in batches for row in _rows(contest, speed, batch, num_tokens)]


def _rows(contest: Contest, speed: DeviceSpeed, batch: int, num_tokens: int) -> list[Row]:
    options, ours = contest.options, contest.ours
    prompts = random_prompts(options.config, batch, PROMPT_TOKENS)
    lanes = Lanes(ours, prompts, num_tokens)
    modes = [mode for mode in ours.modes() if ours.captures(mode, lanes.length, batch)]
    times = alternating(
        {
            **{mode.name: partial(lanes.seconds, mode) for mode in modes},
            "generate": partial(their_decoding, contest.peer, prompts, num_tokens),
        },
        options.rounds,
    )
    context = PROMPT_TOKENS + num_tokens / 2
    bound = decode_bound(options.config, options.dtype, speed, batch, context)
    theirs = middle(times["generate"])
    return [
        _row(batch, mode, num_tokens, middle(times[mode.name]), theirs, bound) for mode in modes
    ]


def _row(
    batch: int,
    mode: Mode,
    num_tokens: int,
    mine: float | None,
    theirs: float | None,
    bound: float,
) -> Row:
    rate = ratio(batch * num_tokens, mine)
    return {
        "batch": batch,
        **columns(mode),
        "Sightline, tokens/s": rate,
        "generate, tokens/s": ratio(batch * num_tokens, theirs),
        "times faster": ratio(theirs, mine),
        "memory bound, tokens/s": bound,
        "of the bound": ratio(rate, bound),
    }


class Lanes:
    """Engines of all modes for one batch; those of one attention share a cache."""

    def __init__(self, ours: Ours, prompts: list[list[int]], num_tokens: int) -> None:
        self._ours = ours
        self._prompts = prompts
        self._num_tokens = num_tokens
        self._caches: dict[str, KVCache] = {}
        self._engines: dict[str, Engine] = {}

    def seconds(self, mode: Mode) -> float:
        """Returns the seconds of `num_tokens` steps behind the first token."""
        # Made when first measured, so that a lack of memory is that mode's alone.
        engine = self._engines.get(mode.name) or self._engine(mode)
        return our_decoding(self._ours, engine, self._prompts, self._num_tokens)

    def _engine(self, mode: Mode) -> Engine:
        length, count, name = self.length, len(self._prompts), mode.attention.name
        if name not in self._caches:
            self._caches[name] = self._ours.cache(length, count, mode.attention)
        engine = self._ours.engine(length, count, mode, cache=self._caches[name])
        return self._engines.setdefault(mode.name, engine)

    @property
    def length(self) -> int:
        """The tokens of one sequence at its end."""
        return len(self._prompts[0]) + self._num_tokens + 1


def our_decoding(ours: Ours, engine: Engine, prompts: list[list[int]], num_tokens: int) -> float:
    """Returns the seconds of `num_tokens` steps behind the first token."""
    sequences = [ours.text(prompt, num_tokens + 1) for prompt in prompts]
    for sequence in sequences:
        engine.add(sequence)
    while not all(sequence.num_generated_tokens for sequence in sequences):
        step(engine)
    # What is on its way already is waited for before the clock starts.
    left = num_tokens + 1 - sequences[0].num_generated_tokens
    return seconds(lambda: run_to_end(engine), ours.device) * num_tokens / left


def their_decoding(peer: GeneratePeer, prompts: list[list[int]], num_tokens: int) -> float:
    """Returns the seconds of `num_tokens` tokens behind the first one."""
    first = seconds(lambda: peer.generate(prompts, 1), peer.device)
    return seconds(lambda: peer.generate(prompts, num_tokens + 1), peer.device) - first


if __name__ == "__main__":
    main()
