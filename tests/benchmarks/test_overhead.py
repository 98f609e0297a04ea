import pytest

from benchmarks.answer import Answer
from benchmarks.load import Load
from benchmarks.measure import Sample
from benchmarks.overhead import Cost, Counters, cost, results_table, service, suite_variables

NOTHING = Counters(0, 0, 0, 0, 0, 0, 0)


def load_of(num_tokens):
    answers = tuple(Answer(Sample(0.1, 1.0, 10), 5) for _ in range(num_tokens // 10))
    return Load(answers, wall_s=1.0, own_cpu_s=0.001)


def test_cost_is_microseconds_a_token_outside_the_model():
    after = Counters(
        model=0.5,
        engine_thread=0.6,
        event_loop=0.2,
        generator=0.85,
        web=0.1,
        encoder=0.0,
        num_steps=100,
    )
    found = cost(NOTHING, after, load_of(1000))
    assert found.model == pytest.approx(500)
    assert found.engine_thread == pytest.approx(100)
    assert found.event_loop == pytest.approx(200)
    assert found.other_threads == pytest.approx(50)
    assert found.generator == pytest.approx(350)
    assert found.web == pytest.approx(100)
    assert found.tokens_per_step == 10


def test_cost_counts_only_what_was_used_since_the_first_reading():
    before = Counters(1, 2, 3, 7, 5, 6, 7)
    after = Counters(2, 4, 3, 9, 5, 6, 8)
    found = cost(before, after, load_of(10))
    assert (found.web, found.encoder, found.event_loop, found.other_threads) == (0, 0, 0, 0)


def test_table_shows_medians_and_promises():
    costs = [Cost(1, middle, 0, 0, 2 * middle, 0, 0, 32) for middle in (90.0, 100.0, 700.0)]
    lines = results_table(costs).splitlines()
    assert lines[2] == "| generator outside the model | 100 | at most 150 |"
    assert "| web: gRPC, JSON, event stream | 200 | at most 150 |" in lines


def test_suite_runs_as_in_the_comparison_but_on_one_thread():
    values = {"model": "/m", "name": "m", "work": "/w", "port": 1, "port_1": 2, "port_2": 3}
    variables = suite_variables(values)
    assert variables["SIGHTLINE_GENERATOR_THREADS"] == "1"
    assert variables["SIGHTLINE_GENERATOR_TARGET"].endswith(variables["SIGHTLINE_GENERATOR_PORT"])
    assert variables["SIGHTLINE_ENCODER_TARGET"].endswith(variables["SIGHTLINE_ENCODER_PORT"])


def test_only_web_is_waited_for():
    assert service("sightline_web", {}).ready == "/ready"
    assert service("sightline_encoder", {}).ready == ""
