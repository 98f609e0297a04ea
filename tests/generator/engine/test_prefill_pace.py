import pytest
from sightline_generator.engine.prefill_pace import (
    LEAST_LIMIT,
    MAX_STEPS_UNMEASURED,
    PrefillPace,
)

TARGET_S = 0.05
NUM_DECODING = 8


def settled(token_s, decode_s=0.01, num_prompts=1, steps=30):
    """Returns the pace after steps on a machine of one speed."""
    pace = PrefillPace(TARGET_S, 100_000)
    pace.observe(0, NUM_DECODING, decode_s)
    for _ in range(steps):
        num_tokens = pace.limit(num_prompts, NUM_DECODING)
        pace.observe(num_tokens, NUM_DECODING, decode_s + num_tokens * token_s)
    return pace


def step_s(pace, token_s, decode_s=0.01, num_prompts=1):
    return decode_s + pace.limit(num_prompts, NUM_DECODING) * token_s


@pytest.mark.parametrize("token_s", [1e-5, 1e-4, 1e-3])
def test_limit_settles_where_a_step_takes_its_time(token_s):
    assert step_s(settled(token_s), token_s) == pytest.approx(TARGET_S, rel=0.1)


def test_slow_machine_still_gets_on():
    assert settled(1.0).limit(1, NUM_DECODING) == LEAST_LIMIT


@pytest.mark.parametrize("decode_s", [0.05, 0.1, 0.3])
def test_prompts_get_half_of_a_machine_whose_decoding_takes_all_the_time(decode_s):
    pace = settled(1e-4, decode_s)
    assert step_s(pace, 1e-4, decode_s) == pytest.approx(2 * decode_s, rel=0.1)


@pytest.mark.parametrize("decode_s", [0.01, 0.1])
@pytest.mark.parametrize("num_prompts", [2, 8, 100])
def test_more_prompts_make_a_step_longer_but_never_one_and_a_half_times(decode_s, num_prompts):
    one = step_s(settled(1e-4, decode_s), 1e-4, decode_s)
    many = step_s(settled(1e-4, decode_s, num_prompts), 1e-4, decode_s, num_prompts)
    assert 1.15 * one < many < 1.5 * one


def test_step_without_decoding_is_bounded_too():
    pace = PrefillPace(TARGET_S, 100_000)
    for _ in range(10):
        num_tokens = pace.limit(1, 0)
        pace.observe(num_tokens, 0, 0.02 + num_tokens * 0.003)
    assert 0.02 + pace.limit(1, 0) * 0.003 == pytest.approx(10 * TARGET_S, rel=0.1)


def test_limit_at_most_doubles_in_a_step():
    pace = settled(1e-4)
    before = pace.limit(1, NUM_DECODING)
    pace.observe(before, NUM_DECODING, 1e-6)
    assert before < pace.limit(1, NUM_DECODING) <= 2 * before + 1


def test_short_prompts_teach_little():
    pace = settled(1e-4)
    usual = pace.limit(1, NUM_DECODING)
    pace.observe(5, NUM_DECODING, 0.02)
    assert pace.limit(1, NUM_DECODING) == pytest.approx(usual, rel=0.01)


def test_pace_learns_although_the_budget_never_lets_it_reach_its_limit():
    pace = PrefillPace(TARGET_S, 1024)
    for token_s in [1e-6, 1e-3]:
        for _ in range(30):
            num_tokens = min(1024 - 600, pace.limit(1, NUM_DECODING))
            pace.observe(num_tokens, NUM_DECODING, 0.01 + num_tokens * token_s)
            if pace.limit(1, NUM_DECODING) == 0:
                pace.observe(0, NUM_DECODING, 0.01)
    assert step_s(pace, 1e-3) == pytest.approx(TARGET_S, rel=0.1)


def test_one_slow_step_is_forgotten():
    pace = settled(1e-4)
    usual = pace.limit(1, NUM_DECODING)
    pace.observe(usual, NUM_DECODING, 1.0)
    assert pace.limit(1, NUM_DECODING) < usual
    for _ in range(8):
        num_tokens = pace.limit(1, NUM_DECODING)
        pace.observe(num_tokens, NUM_DECODING, 0.01 + num_tokens * 1e-4)
    assert pace.limit(1, NUM_DECODING) == pytest.approx(usual, rel=0.1)


def test_one_slow_decoding_step_does_not_make_the_next_one_slow():
    pace = settled(1e-4, decode_s=0.03)
    pace.observe(0, NUM_DECODING, 3.0)
    assert step_s(pace, 1e-4, decode_s=0.03) < 3 * 0.03


def test_decoding_is_measured_again_from_time_to_time():
    pace = PrefillPace(TARGET_S, 1024)
    pace.observe(0, NUM_DECODING, 0.01)
    steps = 0
    while num_tokens := pace.limit(1, NUM_DECODING):
        pace.observe(num_tokens, NUM_DECODING, 0.05)
        steps += 1
    assert steps == MAX_STEPS_UNMEASURED
    pace.observe(0, NUM_DECODING, 0.02)
    assert pace.limit(1, NUM_DECODING) > 0


@pytest.mark.parametrize("num_decoding", [2, 5, 20])
def test_decoding_is_measured_again_when_far_more_or_fewer_decode(num_decoding):
    pace = settled(1e-4)
    assert pace.limit(1, 9) > 0
    assert pace.limit(1, num_decoding) == 0
    pace.observe(0, num_decoding, 0.02)
    # Prompts get on in between, however the number changes.
    assert pace.limit(1, 100) > 0
