"""The OpenAI client against the real suite."""

import httpx2
import openai
import pytest

from tests.suite.pictures import fresh_picture, huge_header_png, user_message

pytestmark = pytest.mark.suite
MODEL = "sightline-nano"
QUESTION = "Describe the image."


def ask(client, *messages, **options):
    options = {"max_tokens": 40, **options}
    return client.chat.completions.create(model=MODEL, messages=list(messages), **options)


def streamed(client, *messages, **options):
    chunks = list(ask(client, *messages, stream=True, **options))
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices
    ), chunks


def test_streaming_and_not_give_the_same_text(client):
    message = user_message(QUESTION, fresh_picture())
    whole = ask(client, message, temperature=0)
    text, chunks = streamed(client, message, temperature=0)
    assert whole.choices[0].message.content
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_usage_counts_prompt_image_and_completion(client):
    message = user_message(QUESTION, fresh_picture((224, 168)))
    usage = ask(client, message, temperature=0).usage
    assert usage.prompt_tokens_details.image_tokens == (224 // 28) * (168 // 28)
    assert usage.prompt_tokens > usage.prompt_tokens_details.image_tokens
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_stream_reports_usage_when_asked(client):
    message = user_message(QUESTION, fresh_picture())
    _text, chunks = streamed(client, message, stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_several_pictures_and_turns(client):
    first = user_message(QUESTION, fresh_picture(), fresh_picture((112, 224)))
    answer = ask(client, first, temperature=0).choices[0].message.content
    turn = {"role": "assistant", "content": answer}
    second = ask(client, first, turn, {"role": "user", "content": "How many shapes?"})
    assert second.choices[0].finish_reason in ("stop", "length")


def test_same_seed_gives_the_same_sample(client):
    message = user_message(QUESTION, fresh_picture())
    answers = {
        ask(client, message, temperature=1.5, seed=7, max_tokens=20).choices[0].message.content
        for _ in range(3)
    }
    assert len(answers) == 1


def test_max_tokens_ends_with_length(client):
    choice = ask(client, user_message(QUESTION, fresh_picture()), max_tokens=2).choices[0]
    assert choice.finish_reason == "length"


def test_models_lists_the_served_name_and_the_promised_alias(client):
    assert [model.id for model in client.models.list()] == [MODEL, "glm-4.6v-flash"]


BAD_REQUESTS = {
    "truncated picture": {"messages": [user_message("x", fresh_picture()[:60])]},
    "900 megapixels": {"messages": [user_message("x", huge_header_png())]},
    "svg": {"messages": [user_message("x", b"<svg xmlns='http://www.w3.org/2000/svg'/>")]},
    "empty picture": {"messages": [user_message("x", b"")]},
    "bad base64": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}
                ],
            }
        ]
    },
    "negative max_tokens": {"max_tokens": -1},
    "negative temperature": {"temperature": -1},
    "top_p of two": {"top_p": 2},
    "no messages": {"messages": []},
    "unknown role": {"messages": [{"role": "king", "content": "x"}]},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "too long": {"messages": [{"role": "user", "content": "word " * 9000}]},
}


@pytest.mark.parametrize("bad", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_is_refused_and_the_next_good_one_works(client, bad):
    request = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **bad}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, **request)
    assert set(caught.value.body) == {"message", "type", "param", "code"}
    assert ask(client, {"role": "user", "content": "Hello"}, max_tokens=4).choices


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_values_that_are_no_numbers_are_refused(suite, value):
    body = (
        f'{{"model": "{MODEL}", "temperature": {value},'
        ' "messages": [{"role": "user", "content": "x"}]}'
    )
    reply = httpx2.post(
        f"{suite.url}/v1/chat/completions",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "temperature"


def test_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-9", messages=[user_message("x")])


def test_picture_at_fault_is_named(client):
    messages = [user_message("x", fresh_picture(), b"GIF89a")]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=messages)
    assert caught.value.param == "messages[0].content[1]"
