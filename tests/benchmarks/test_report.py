import json

from benchmarks.experiment import Measurement, Turn
from benchmarks.report import as_facts, results_table, speed_ratio, warnings, write_report
from benchmarks.workload import WORKLOADS, Case

CASE = Case(WORKLOADS["text-128"], 8)
TITLES = {"sightline": "Sightline", "vllm": "vLLM"}


def turn(rate, first=(0.1,), prompt=(128,), load_share=0.1, others_share=0.0):
    return Turn(rate, list(first), list(prompt), 0.002, load_share, others_share)


def measurement(contestant, *turns, case=CASE):
    return Measurement(case, contestant, list(turns))


def test_table_has_a_line_for_every_case_and_contestant():
    ours = measurement("sightline", turn(100), turn(300), turn(200))
    theirs = measurement("vllm", turn(50, first=(0.2, 0.4)), turn(100), turn(80))
    lines = results_table([ours, theirs], TITLES).splitlines()
    assert lines[2] == "| text-128 | 8 | Sightline | 200 | 1.00 | 100 | 100 | 2.00 |"
    assert lines[3] == "| text-128 | 8 | vLLM | 80 | 2.50 | 150 | 400 | 2.00 |"


def test_ratio_is_the_median_of_the_rounds_own_ratios():
    ours = measurement("sightline", turn(100), turn(10), turn(100))
    theirs = measurement("vllm", turn(50), turn(10), turn(20))
    assert speed_ratio(ours, theirs) == 2.0


def test_ratio_is_left_out_when_we_did_not_take_part():
    assert "| 50 |  |" in results_table([measurement("vllm", turn(50))], TITLES)


def test_clean_figures_have_no_warnings():
    assert warnings([measurement("sightline", turn(1)), measurement("vllm", turn(1))]) == []


def test_busy_load_generator_is_said():
    (line,) = warnings([measurement("vllm", turn(1), turn(1, load_share=0.8))])
    assert line == "vllm, text-128, 8 clients: the load generator took 80% of a core"


def test_busy_bystanders_are_said():
    (line,) = warnings([measurement("vllm", turn(1, others_share=0.3))])
    assert "not asked took 30% of a core" in line


def test_prompts_of_other_lengths_are_said():
    found = [measurement("sightline", turn(1)), measurement("vllm", turn(1, prompt=(129,)))]
    (line,) = warnings(found)
    assert "prompts differ" in line
    assert "[129]" in line


def test_raw_figures_of_every_turn_are_written(tmp_path):
    facts = {"measurements": as_facts([measurement("vllm", turn(1.5), turn(2.5))])}
    page, raw = write_report(tmp_path / "new", "stem", "text", facts)
    (written,) = json.loads(raw.read_text())["measurements"]
    assert page.read_text() == "text"
    assert [each["tokens_per_s"] for each in written["turns"]] == [1.5, 2.5]
    assert written["case"]["workload"]["name"] == "text-128"
