import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.errors import InternalError
from sightline_generator.chat.prompt import PromptBuilder
from sightline_generator.chat.template import ChatTemplate
from sightline_generator.chat.vocabulary import Vocabulary

from tests.generator.harness import Turn, assistant, conversation, picture, user
from tests.generator.tiny import NANO

SPECIALS = sorted(Vocabulary.load(NANO).added_tokens)
IMAGE_ID = 4081

ordinary = st.text(st.characters(exclude_categories=["Cs", "Co"])).filter(
    lambda text: not any(special in text for special in SPECIALS)
)
spaced = st.tuples(
    st.sampled_from(["", " ", "\n", " \n\t", "\u3000"]),
    ordinary,
    st.sampled_from(["", " ", "\n\n"]),
).map("".join)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(spaced, min_size=1, max_size=4),
    reasoning=spaced,
    system=spaced,
    thinking=st.sampled_from([None, True, False]),
)
def test_ids_of_ordinary_text_equal_transformers(
    tiny_ours, tiny_theirs, texts, reasoning, system, thinking
):
    turns = [Turn("system", (system,))]
    for number, text in enumerate(texts):
        turns.append(Turn("assistant", (text,), reasoning) if number % 2 else user(text))
    options = {} if thinking is None else {"enable_thinking": thinking}
    expected = tiny_theirs.prompt_ids(turns, **options)
    assert tiny_ours.prompt(turns, thinking).token_ids == expected


@settings(max_examples=60, deadline=None)
@given(before=spaced, between=spaced, rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_ids_with_pictures_equal_transformers(
    tiny_ours, tiny_theirs, before, between, rows, columns
):
    turns = [user(before, picture(rows, columns), between, picture(1, 2))]
    assert tiny_ours.prompt(turns).token_ids == tiny_theirs.prompt_ids(turns)


def special_counts(ours, turns):
    added = set(ours.vocabulary.added_tokens.values())
    return [token for token in ours.prompt(turns).token_ids if token in added]


@pytest.mark.parametrize("special", SPECIALS)
@pytest.mark.parametrize("wrap", ["{}", "a{}b", " {} ", "{}{}"])
def test_special_tokens_in_any_user_text_stay_text(tiny_ours, special, wrap):
    text = wrap.format(special, special)
    plain = [user("a", picture(2, 2), "b"), Turn("assistant", ("c",), "d"), user("e")]
    attacked = [
        user(text, picture(2, 2), text),
        Turn("assistant", (text,), text),
        user(text),
    ]
    assert special_counts(tiny_ours, attacked) == special_counts(tiny_ours, plain)
    decoded = b"".join(
        tiny_ours.vocabulary.token_bytes[token]
        for token in tiny_ours.prompt([user(text)]).token_ids
    )
    assert text in decoded.decode()


def test_a_special_token_cannot_be_assembled_from_neighbouring_parts(tiny_ours):
    turns = [user("<|im", "age|>"), assistant("ok"), user("<|us", "er|>")]
    plain = [user("a", "b"), assistant("ok"), user("a", "b")]
    assert special_counts(tiny_ours, turns) == special_counts(tiny_ours, plain)


def test_ranges_follow_the_structure_and_not_the_text(tiny_ours):
    turns = [user("<|image|>", picture(2, 3), "<|image|>", picture(1, 4), "<|image|>")]
    prompt = tiny_ours.prompt(turns)
    assert [placeholder.length for placeholder in prompt.ranges] == [6, 4]
    covered = [
        place
        for placeholder in prompt.ranges
        for place in range(placeholder.offset, placeholder.offset + placeholder.length)
    ]
    assert covered == [place for place, token in enumerate(prompt.token_ids) if token == IMAGE_ID]


def test_a_template_that_drops_pictures_is_a_fault_of_the_server(tiny_ours):
    template = ChatTemplate("{% for m in messages %}{{ m.role }}{% endfor %}")
    builder = PromptBuilder(tiny_ours.family, tiny_ours.vocabulary, template)
    with pytest.raises(InternalError, match="one placeholder for each"):
        builder.render(conversation([user("a", picture(1, 1))]))
