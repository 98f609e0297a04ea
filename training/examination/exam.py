"""Which cells each world is examined in, and the bars to be reached."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from training.examination import cells, reading_cells
from training.examination.cells import CellMaker, Draw, about_scene
from training.examination.item import Item
from training.examination.world import SCENES, SMALL, WHOLE, World
from training.talk import scenetalk as talk
from training.talk.language import Language

ITEMS = 200  # of each cell and language


@dataclass(frozen=True)
class Cell:
    """target: the share of right answers to be reached, if there is one."""

    make: CellMaker
    target: float | None = None


Cells = dict[str, Cell]

SCENE_CELLS: Cells = {
    "color": Cell(about_scene(talk.color_of), 0.97),
    "shape": Cell(about_scene(talk.kind_of), 0.97),
    "where": Cell(about_scene(talk.where_is), 0.97),
    "what is at": Cell(about_scene(talk.at_place), 0.97),
    "yes or no": Cell(cells.yes_or_no, 0.97),
    "count": Cell(about_scene(talk.count_all, talk.count_kind, talk.count_color), 0.95),
    "description": Cell(cells.description, 0.90),
    "JSON": Cell(cells.as_json, 0.90),
    "box": Cell(cells.box, 0.90),
    "follow-up": Cell(cells.follow_up, 0.95),
    "later picture": Cell(cells.later_picture, 0.95),
    "two pictures": Cell(cells.two_pictures, 0.95),
    "no picture": Cell(cells.no_picture, 0.95),
    "outside": Cell(cells.outside, 0.95),
    "no text, no chart": Cell(about_scene(talk.no_text)),
    "thinking, all exact": Cell(cells.thinking),
}
WHOLE_CELLS: Cells = SCENE_CELLS | {
    "words, Latin": Cell(reading_cells.words("latin"), 0.85),
    "words, Chinese": Cell(reading_cells.words("chinese")),
    "receipt": Cell(reading_cells.receipt),
    "dialog": Cell(reading_cells.dialog),
    "chart": Cell(reading_cells.chart, 0.85),
}
# What is not known must be declined.
SCENES_CELLS: Cells = SCENE_CELLS | {
    "text or chart, declined": Cell(reading_cells.unread, 0.95),
}
SMALL_CELLS: Cells = {
    "color": Cell(about_scene(talk.color_of), 0.90),
    "shape": Cell(about_scene(talk.kind_of), 0.90),
    "place": Cell(about_scene(talk.where_is, talk.at_place), 0.90),
    "count": Cell(about_scene(talk.count_all, talk.count_kind, talk.count_color), 0.80),
    "yes or no": Cell(cells.yes_or_no),
    "description": Cell(cells.description, 0.60),
    "follow-up": Cell(cells.first_follow_up),
    "two pictures": Cell(cells.two_pictures),
    "no picture": Cell(cells.no_picture),
    "thinking, all exact": Cell(cells.thinking),
}


@dataclass(frozen=True)
class Exam:
    """A world and what is asked in it."""

    world: World
    cells: Cells

    @property
    def targets(self) -> dict[str, float | None]:
        return {name: cell.target for name, cell in self.cells.items()}

    def draw(
        self,
        seed: int,
        items: int = ITEMS,
        only: Collection[str] = (),
        languages: Collection[Language] = (),
    ) -> Iterator[Item]:
        """So many items of each cell and language, or of these alone.

        Seeds begin with another word than training's, so no picture was ever trained on.
        """
        for name, cell in self.cells.items():
            for tongue in self.world.tongues:
                if (only and name not in only) or (languages and tongue.language not in languages):
                    continue
                for index in range(items):
                    item_seed = f"exam {seed} {name} {tongue.language} {index}"
                    yield cell.make(Draw(name, item_seed, self.world, tongue))


EXAMS = {
    "whole": Exam(WHOLE, WHOLE_CELLS),
    "scenes": Exam(SCENES, SCENES_CELLS),
    "small": Exam(SMALL, SMALL_CELLS),
}
