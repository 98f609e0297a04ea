from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from training.examination.drawing import Wanted, draw_prompts, drawn_by_world
from training.examination.exam import EXAMS
from training.world.scene import Scene

EXAM = EXAMS["whole"]
CELLS = ["later picture", "words, Latin", "chart", "dialog", "receipt", "no picture", "box"]


def sized(wanted: Sequence[Wanted]) -> list[Image.Image]:
    """Empty pictures of the scenes' sizes."""
    return [Image.new("RGB", (scene.width, scene.height)) for _, scene in wanted]


def test_every_item_gets_the_pictures_of_its_subjects() -> None:
    items = list(EXAM.draw(2, 3, only=CELLS))
    prompts = draw_prompts(items, EXAM.world, sized)
    for item, prompt in zip(items, prompts, strict=True):
        assert prompt.messages == item.messages
        assert len(prompt.images) == len(item.subjects)
        for subject, image in zip(item.subjects, prompt.images, strict=True):
            if isinstance(subject, Scene):
                assert image.size == (subject.width, subject.height)


def test_the_same_items_get_the_same_pictures() -> None:
    items = list(EXAM.draw(2, 1, only=CELLS))
    one, other = (draw_prompts(items, EXAM.world, drawn_by_world(EXAM.world)) for _ in range(2))
    for mine, yours in zip(one, other, strict=True):
        assert [i.tobytes() for i in mine.images] == [i.tobytes() for i in yours.images]
