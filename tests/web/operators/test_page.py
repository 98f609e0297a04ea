"""The operators' page."""

from __future__ import annotations

from pathlib import Path

from sightline_common.errors import NotReadyError
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.operators import figures
from sightline_web.pages import render

from tests.web.accounts.people import visitor
from tests.web.chat.talk import tags_of, without_style
from tests.web.fakes import FakeGenerator
from tests.web.migrated import migrated_database
from tests.web.operators.test_sample import sample
from tests.web.servers import lifespan


async def test_page_shows_what_the_services_say_and_asks_again(
    generator: FakeGenerator, tmp_path: Path
) -> None:
    now = sample(0, tokens=12345, queries=10, hits=5)
    assert now.load is not None and now.statistics is not None
    generator.current_load, generator.current_statistics = now.load, now.statistics
    settings = WebSettings(data_dir=tmp_path, port=0)
    app = create_app(generator, migrated_database(settings), settings)
    async with lifespan(app), visitor(app) as client:
        body = (await client.get("/operator")).text
        fragment = (await client.get("/operator/figures")).text
    for text in (body, fragment):
        assert "12,345" in text and "5 / 10 (50%)" in text and "a:1" in text
        assert "sightline-nano" in text
    assert "<html" in body and "<html" not in fragment
    attributes = [given for _tag, given in tags_of(body) if "hx-trigger" in given]
    assert {"hx-get": "/operator/figures", "hx-trigger": "every 5s"}.items() <= attributes[
        -1
    ].items()
    images = [given for tag, given in tags_of(body) if tag == "svg" and given.get("role") == "img"]
    assert len(images) == 7 and all(given["aria-label"] for given in images)
    assert " style=" not in without_style(body) and "<style" not in without_style(body)


async def test_page_says_that_the_generator_is_away(
    generator: FakeGenerator, tmp_path: Path
) -> None:
    generator.info_error = NotReadyError("away")
    settings = WebSettings(data_dir=tmp_path, port=0)
    app = create_app(generator, migrated_database(settings), settings)
    async with lifespan(app), visitor(app) as client:
        for language, words in (("en", "cannot be reached"), ("zh", "无法连接生成服务")):
            response = await client.get("/operator", headers={"accept-language": language})
            assert response.status_code == 200 and words in response.text


def test_table_is_short_and_begins_with_the_newest() -> None:
    samples = [sample(5.0 * number, tokens=10 * number) for number in range(121)]
    table = figures.Figures(samples, None).table
    assert len(table) == figures.NUM_TABLE_ROWS
    assert table[0][0] == "00:10:00" and table[0][1][0] == "2.0"


def test_page_says_that_generators_take_turns() -> None:
    in_turn = [sample(5.0 * index, tokens=(100, 900)[index % 2]) for index in range(6)]
    shown = render("_figures.html", figures=figures.Figures(in_turn, None))
    assert "Several generators answer in turn," in shown
    assert "Several" not in render("_figures.html", figures=figures.Figures(in_turn[:1], None))
