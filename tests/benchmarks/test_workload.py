import json
from pathlib import Path

import pytest

from benchmarks.prompts import PromptMaker
from benchmarks.workload import WORKLOADS, Case, alternation, request_body

MODEL = Path(__file__).parents[2] / "models" / "sightline-nano"


@pytest.fixture(scope="module")
def maker():
    return PromptMaker(MODEL)


def flat(clients):
    return [json.dumps(messages) for client in clients for messages in client]


@pytest.mark.parametrize("num_tokens", [16, 128, 1000])
def test_text_prompts_have_exactly_the_tokens_asked_for(maker, num_tokens):
    assert maker.count(maker.text(num_tokens, seed=1)) == num_tokens


def test_picture_prompts_have_exactly_the_tokens_asked_for(maker):
    messages = maker.picture(56, 48, seed=1)
    assert maker.count(messages) == 48
    assert messages[0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_prompt_that_cannot_be_so_short_is_refused(maker):
    with pytest.raises(ValueError, match="ask for more"):
        maker.text(2, seed=1)


def test_all_contestants_get_the_same_prompts(maker):
    case = Case(WORKLOADS["text-128"], 3)
    assert case.conversations(maker, 1) == case.conversations(maker, 1)


def test_no_prompt_comes_twice(maker):
    cases = [Case(WORKLOADS["text-128"], n) for n in (1, 8)]
    asked = [
        text for case in cases for r in (-1, 0, 1) for text in flat(case.conversations(maker, r))
    ]
    assert len(asked) == len(set(asked)) == 6 * 8


@pytest.mark.parametrize(("num_clients", "expected"), [(1, 8), (8, 1), (32, 1)])
def test_few_clients_ask_more_often(num_clients, expected):
    assert Case(WORKLOADS["text-128"], num_clients).requests_per_client == expected


def test_request_carries_the_servers_own_fields_and_drops_null():
    body = json.loads(request_body("m", [], 5, {"ignore_eos": True, "stream_options": None}))
    assert body["ignore_eos"] is True
    assert body["max_tokens"] == 5
    assert "stream_options" not in body


def test_every_contestant_goes_first_in_turn():
    names = ["a", "b", "c"]
    orders = [alternation(names, round_) for round_ in range(3)]
    assert [order[0] for order in orders] == names
    assert all(sorted(order) == names for order in orders)
