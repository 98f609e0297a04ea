"""What the openai package makes of our answers."""

from __future__ import annotations

import httpx2
import openai
import pytest
from sightline_common.errors import InternalError, PromptTooLongError, QueueFullError

from tests.web.fakes import FakeGenerator, complete, data_url, delta, png, says, started
from tests.web.servers import RunningServer

QUESTION: list[object] = [
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": data_url(png())}},
            {"type": "text", "text": "What is this?"},
        ],
    }
]


@pytest.fixture
async def ai(server: RunningServer):
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


async def test_stream_and_whole_answer_have_the_same_text_and_usage(
    ai: openai.AsyncOpenAI, generator: FakeGenerator
) -> None:
    for _ in range(2):
        generator.enqueue([started(images=9), delta("一只"), delta("猫。"), complete(2, images=9)])
    whole = await ai.chat.completions.create(model="glm-4.6v-flash", messages=QUESTION)
    text, usage = "", None
    stream = await ai.chat.completions.create(
        model="glm-4.6v-flash",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content == "一只猫。"
    assert usage == whole.usage
    assert usage.prompt_tokens_details.image_tokens == 9


async def test_pydantic_models_accept_every_field(ai: openai.AsyncOpenAI) -> None:
    response = await ai.chat.completions.with_raw_response.create(
        model="sightline-nano", messages=[{"role": "user", "content": "Hi"}]
    )
    completion = response.parse()
    type(completion).model_validate(completion.model_dump(), strict=True)
    assert response.request_id


async def test_models_can_be_listed(ai: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in ai.models.list()] == ["sightline-nano", "glm-4.6v-flash"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PromptTooLongError("Too long."), openai.BadRequestError),
        (QueueFullError("Full."), openai.InternalServerError),
        (InternalError("Broken."), openai.InternalServerError),
    ],
)
async def test_errors_arrive_as_the_clients_own(
    ai: openai.AsyncOpenAI, generator: FakeGenerator, error: Exception, kind: type[Exception]
) -> None:
    generator.enqueue([error])
    with pytest.raises(kind):
        await ai.chat.completions.create(model="sightline-nano", messages=QUESTION)


async def test_unknown_model_is_not_found(ai: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await ai.chat.completions.create(model="gpt", messages=QUESTION)
    assert caught.value.code == "model_not_found"


async def test_error_in_a_stream_raises(ai: openai.AsyncOpenAI, generator: FakeGenerator) -> None:
    generator.enqueue([started(), delta("A"), InternalError("Broken.")])
    stream = await ai.chat.completions.create(
        model="sightline-nano", messages=QUESTION, stream=True
    )
    with pytest.raises(openai.APIError):
        async for _chunk in stream:
            pass


async def test_overload_is_retried_after_the_stated_time(
    server: RunningServer, generator: FakeGenerator
) -> None:
    generator.enqueue([QueueFullError("Full.", retry_after_s=0.0)])
    generator.enqueue(says("ok"))
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=1) as ai:
        answer = await ai.chat.completions.create(model="sightline-nano", messages=QUESTION)
    assert answer.choices[0].message.content == "ok"


async def test_health_does_not_ask_the_generator(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.ready = False
    assert (await web.get("/health")).status_code == 200
    assert (await web.get("/ready")).status_code == 503
    generator.ready = True
    assert (await web.get("/ready")).status_code == 200
