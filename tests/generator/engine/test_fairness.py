"""Long prompts beside answers that are being written, on simulated machines of any speed."""

from dataclasses import dataclass, field
from itertools import count, pairwise
from statistics import median, quantiles

import pytest
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits

from tests.generator.engine.sequences import make_sequence

PROMPT = 6000
_token_ids = count()


@dataclass
class Machine:
    """Takes `decode_s` for each sequence that decodes, and `token_s` for each prompt token."""

    decode_s: float
    token_s: float
    overhead_s: float = 0.001
    now: float = 0.0
    times: dict = field(default_factory=dict)
    """When each sequence got its tokens."""

    def __post_init__(self):
        limits = SchedulerLimits(64, 1024, max_step_s=0.03)
        self.scheduler = Scheduler(limits, BlockManager(20_000, 16))

    def add(self, num_prompt_tokens, max_tokens):
        # Nothing is shared: no two prompts are alike.
        tokens = [next(_token_ids)] * num_prompt_tokens
        sequence = make_sequence(tokens=tokens, max_tokens=max_tokens)
        self.times[sequence] = []
        self.scheduler.add(sequence)
        return sequence

    def step(self):
        schedule = self.scheduler.schedule()
        num_prefill = sum(chunk.num_tokens for chunk in schedule.chunks[schedule.num_decoding :])
        step_s = self.overhead_s + self.decode_s * schedule.num_decoding
        step_s += self.token_s * num_prefill
        self.now += step_s
        self.scheduler.observe(schedule, step_s)
        for chunk in schedule.chunks:
            self._compute(chunk)
        return num_prefill, step_s

    def _compute(self, chunk):
        sequence, completes = chunk.sequence, chunk.completes
        sequence.num_computed_tokens += chunk.num_tokens
        sequence.num_proven_tokens = sequence.num_computed_tokens
        self.scheduler.blocks.commit(sequence)
        if completes:
            sequence.token_ids.append(0)
            self.times[sequence].append(self.now)
            if sequence.is_long_enough:
                self.scheduler.finish(sequence)

    def write(self, num_streams):
        """Brings so many streams to where they only decode."""
        streams = [self.add(20, 10**5) for _ in range(num_streams)]
        while not all(len(self.times[stream]) > 20 for stream in streams):
            self.step()
        return streams

    def wait_s(self, num_prompts, num_tokens=PROMPT):
        """Returns how long prompts wait for their first tokens, the last of them."""
        began = self.now
        prompts = [self.add(num_tokens, 1) for _ in range(num_prompts)]
        while not all(self.times[prompt] for prompt in prompts):
            self.step()
        return self.now - began

    def gaps(self, streams, since):
        return [
            later - earlier
            for stream in streams
            for earlier, later in pairwise(self.times[stream])
            if later > since
        ]


NANO = {"decode_s": 0.0007, "token_s": 0.00003}
SMALL = {"decode_s": 0.0083, "token_s": 0.003}
CARD = {"decode_s": 0.0001, "token_s": 0.00005, "overhead_s": 0.006}
MACHINES = [NANO, SMALL, CARD]
CASES = [
    (machine, streams, prompts)
    for machine in MACHINES
    for streams, prompts in [(8, 1), (8, 8), (31, 1), (1, 3)]
] + [(NANO, 8, 24)]


@pytest.mark.parametrize(("speed", "num_streams", "num_prompts"), CASES)
def test_long_prompts_hold_up_no_stream(speed, num_streams, num_prompts):
    machine = Machine(**speed)
    streams = machine.write(num_streams)
    usual = median(machine.gaps(streams, 0.0))
    began = machine.now
    machine.wait_s(num_prompts)
    p99 = quantiles(machine.gaps(streams, began), n=100)[98]
    assert p99 <= max(0.06, 3 * usual)


@pytest.mark.parametrize(("speed", "num_streams", "num_prompts"), CASES)
def test_streams_slow_long_prompts_down_to_half_at_worst(speed, num_streams, num_prompts):
    alone = Machine(**speed).wait_s(num_prompts)
    machine = Machine(**speed)
    machine.write(num_streams)
    assert machine.wait_s(num_prompts) <= 2.3 * alone


@pytest.mark.parametrize("speed", MACHINES)
def test_step_without_streams_ends_in_time_for_a_cancellation(speed):
    machine = Machine(**speed)
    machine.wait_s(1, 400)
    machine.add(PROMPT, 1)
    steps = []
    while machine.scheduler.has_work:
        steps.append(machine.step())
    assert max(step_s for _tokens, step_s in steps) <= 0.35
    # As much as may be: nobody is held up.
    largest = max(tokens for tokens, _step_s in steps)
    assert largest == 1024 or largest * machine.token_s > 0.25


def test_newcomer_is_not_held_up_by_a_long_prompt_alone():
    machine = Machine(**SMALL)
    machine.wait_s(1, 400)
    machine.add(PROMPT, 1)
    machine.step()
    # A step may have just begun; of the next ones it takes half.
    assert machine.wait_s(1, 40) <= 0.7


def test_dearer_tokens_make_steps_shorter_however_cheap_they_were_before():
    machine = Machine(decode_s=0.0001, token_s=0.000001)
    streams = machine.write(31)
    machine.wait_s(3)
    machine.token_s *= 200
    began = machine.now
    machine.wait_s(3)
    p90 = quantiles(machine.gaps(streams, began), n=10)[8]
    assert p90 <= 0.06
