"""A partial answer goes on as transformers' `continue_final_message` lets it go on."""

import pytest
from hypothesis import given, settings
from sightline.generator.v1 import generator_pb2 as pb
from sightline_common.errors import InvalidRequestError
from sightline_generator.chat.prompt import PromptBuilder
from sightline_generator.chat.template import ChatTemplate

from tests.generator.chat.test_prompt import spaced
from tests.generator.harness import (
    Turn,
    assistant,
    conversation,
    generated,
    picture,
    pictures_of,
    run_to_end,
    user,
)
from tests.generator.running_generator import running_generator

IN_TEXT = {"add_generation_prompt": False, "continue_final_message": True}
IN_REASONING = {**IN_TEXT, "continue_final_message": "reasoning_content"}
CONTINUED = [
    ([user("Hello"), assistant("Hi, I am")], IN_TEXT),
    ([user("Count."), assistant("1, 2,\n")], IN_TEXT),
    ([user("Hi"), assistant("Hello."), user(picture(3, 4), "What?"), assistant("A red")], IN_TEXT),
    ([user("Hello"), assistant("")], IN_TEXT),
    ([user("为什么？"), Turn("assistant", ("因为",), "让我想想。")], IN_TEXT),
    ([user("Why?"), Turn("assistant", (), "Let me see. First")], IN_REASONING),
    ([user(picture(2, 2), "Why?"), Turn("assistant", ("",), "One\ntwo")], IN_REASONING),
]


def sequence_of(ours, theirs, turns, **fields):
    features = [theirs.features(shown) for shown in pictures_of(turns)]
    return ours.sequence(ours.prompt(turns, continued=True), features, **fields)


@pytest.mark.parametrize(("turns", "options"), CONTINUED, ids=range(len(CONTINUED)))
@pytest.mark.parametrize("checkpoint", ["tiny", "nano"])
def test_continued_ids_equal_transformers(request, checkpoint, turns, options):
    ours = request.getfixturevalue(f"{checkpoint}_ours")
    theirs = request.getfixturevalue(f"{checkpoint}_theirs")
    assert ours.prompt(turns, continued=True).token_ids == theirs.prompt_ids(turns, **options)
    expected, _logits = theirs.generate(turns, 8, **options)
    engine, sequence = ours.engine(), sequence_of(ours, theirs, turns, max_tokens=8)
    engine.add(sequence)
    run_to_end(engine)
    assert generated(sequence) == expected


@settings(max_examples=100, deadline=None)
@given(question=spaced, text=spaced, reasoning=spaced)
def test_prompts_of_any_partial_answer_equal_transformers(
    tiny_ours, tiny_theirs, question, text, reasoning
):
    turns = [user(question), Turn("assistant", (text,), reasoning)]
    options = IN_REASONING if reasoning and not text else IN_TEXT
    expected = tiny_theirs.prompt_ids(turns, **options)
    assert tiny_ours.prompt(turns, continued=True).token_ids == expected


@pytest.mark.parametrize("text", ["<|user|>", "a \ue002 b", "\ue0000\ue001", "</think>"])
def test_whatever_a_partial_answer_says_is_text(tiny_ours, text):
    prompt = tiny_ours.prompt([user("a"), assistant(text)], continued=True).token_ids
    literal = tiny_ours.vocabulary.encode("\n" + text)
    assert prompt[-len(literal) :] == literal
    assert prompt[-len(literal) - 1] == tiny_ours.syntax.think_end_id


def test_a_template_that_drops_the_end_is_told(tiny_ours):
    template = ChatTemplate("{{ messages[0].content }}")
    builder = PromptBuilder(tiny_ours.family, tiny_ours.vocabulary, template)
    with pytest.raises(InvalidRequestError, match="leaves out the end") as caught:
        builder.render(conversation([user("a"), assistant("b c d")], continued=True))
    assert caught.value.field == "continue_final_message"


def question(text):
    return pb.Message(role=pb.ROLE_USER, parts=[pb.Part(text=text)])


def partial(text="", reasoning=""):
    parts = [pb.Part(text=text)] if text else []
    return pb.Message(role=pb.ROLE_ASSISTANT, parts=parts, reasoning=reasoning)


async def answered(generator, *messages, max_tokens):
    request = pb.GenerateTextRequest(
        messages=messages,
        sampling=pb.SamplingOptions(temperature=0),
        stop=pb.StopOptions(max_token_count=max_tokens, end_ignored=True),
        continue_final_message=messages[-1].role == pb.ROLE_ASSISTANT,
    )
    deltas = [response.delta async for response in generator.stub.GenerateText(request)]
    return "".join(each.text for each in deltas), "".join(each.reasoning for each in deltas)


async def test_a_cut_answer_goes_on_as_if_never_cut(tiny_folder):
    async with running_generator(tiny_folder) as generator:
        whole, _ = await answered(generator, question("Hello"), max_tokens=16)
        cut, _ = await answered(generator, question("Hello"), max_tokens=7)
        rest, _ = await answered(generator, question("Hello"), partial(cut), max_tokens=9)
        assert whole.startswith(cut)
        assert cut + rest == whole


async def test_a_cut_thought_goes_on_as_a_thought(tiny_folder):
    async with running_generator(tiny_folder) as generator:
        _text, reasoning = await answered(
            generator, question("Hello"), partial(reasoning="First"), max_tokens=6
        )
        assert reasoning


async def test_tokens_of_a_continued_prompt_are_counted_as_they_are_generated(tiny_folder):
    async with running_generator(tiny_folder) as generator:
        messages = [question("Hello"), partial("Hi, I am")]
        counted = await generator.stub.CountTokens(
            pb.CountTokensRequest(messages=messages, continue_final_message=True)
        )
        request = pb.GenerateTextRequest(
            messages=messages,
            stop=pb.StopOptions(max_token_count=1),
            continue_final_message=True,
        )
        first = await anext(aiter(generator.stub.GenerateText(request)))
        assert first.started.prompt_token_count == counted.prompt_token_count
