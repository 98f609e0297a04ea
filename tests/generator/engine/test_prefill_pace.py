import pytest
from sightline_generator.engine.prefill_pace import LEAST_LIMIT, PrefillPace


def settled(token_s, decode_s=0.01, target_s=0.05, steps=30):
    """Returns the pace after steps on a machine of one speed."""
    pace = PrefillPace(target_s)
    pace.observe(0, decode_s)
    for _ in range(steps):
        pace.observe(pace.limit, decode_s + pace.limit * token_s)
    return pace


@pytest.mark.parametrize("token_s", [1e-5, 1e-4, 1e-3])
def test_limit_settles_where_a_step_takes_its_time(token_s):
    pace = settled(token_s)
    assert 0.01 + pace.limit * token_s == pytest.approx(0.05, rel=0.1)


def test_slow_machine_still_gets_on():
    assert settled(1.0).limit == LEAST_LIMIT


def test_decoding_that_takes_all_the_time_leaves_a_tenth():
    pace = settled(1e-4, decode_s=0.2)
    assert pace.limit * 1e-4 == pytest.approx(0.005, rel=0.2)


def test_limit_at_most_doubles_in_a_step():
    pace = PrefillPace(0.05)
    before = pace.limit
    pace.observe(before, 1e-6)
    assert before < pace.limit <= 2 * before


def test_short_prompts_teach_nothing():
    pace = settled(1e-4)
    usual = pace.limit
    pace.observe(5, 0.02)
    assert pace.limit == usual


def test_one_slow_step_is_forgotten():
    pace = settled(1e-4)
    usual = pace.limit
    pace.observe(usual, 1.0)
    assert pace.limit < usual
    for _ in range(8):
        pace.observe(pace.limit, 0.01 + pace.limit * 1e-4)
    assert pace.limit == pytest.approx(usual, rel=0.1)
