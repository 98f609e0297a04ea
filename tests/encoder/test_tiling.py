from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.positions import PositionTables
from sightline_encoder.tiling import TileRule, blended, cell_slices
from sightline_encoder.units import join, split
from sightline_encoder.window import Window

from tests.encoder import tiny
from tests.encoder.tiny import prepared

RULE = TileRule.of(14, 2)


def test_tiles_are_336_pixels_and_overlap_by_two_cells():
    assert TileRule(merge_size=2, tile=12, overlap=2) == RULE
    assert RULE.overlap * 28 >= 32


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 80), st.integers(1, 80))
def test_tiles_cover_the_grid_and_neighbours_overlap(rows, columns):
    windows = RULE.windows(2 * rows, 2 * columns)
    covered = torch.zeros(rows, columns, dtype=torch.int)
    for window in windows:
        covered[cell_slices(window, 2)] += 1

    assert covered.min() >= 1
    tops = sorted({window.top for window in windows})
    lefts = sorted({window.left for window in windows})
    for starts in (tops, lefts):
        assert all(after - start <= 2 * (12 - 2) for start, after in pairwise(starts))
    assert len({(window.rows, window.columns) for window in windows}) == 1


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40))
def test_features_of_their_own_cells_are_blended_into_the_same_grid(rows, columns):
    grid = torch.arange(rows * columns * 3.0).view(rows, columns, 3)
    windows = RULE.windows(2 * rows, 2 * columns)

    merged = blended(windows, [grid[cell_slices(w, 2)].flatten(0, 1) for w in windows], 2)

    torch.testing.assert_close(merged, grid.flatten(0, 1))


def test_overlap_moves_smoothly_from_one_tile_to_the_next():
    windows = RULE.windows(2, 2 * 22)
    assert [window.left for window in windows] == [0, 20]

    merged = blended(windows, [torch.zeros(12, 1), torch.ones(12, 1)], 2).flatten()

    assert merged[:10].eq(0).all()
    assert merged[12:].eq(1).all()
    assert 0 < merged[10] < merged[11] < 1


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.integers(1, 30))
def test_a_tiles_patches_are_those_of_its_place(rows, columns):
    picture = prepared(2 * rows, 2 * columns, values=1)
    places = torch.arange(rows * columns * 4.0).view(rows, columns, 4)
    picture.patches[:] = places.view(-1, 1)

    for unit in split(picture, RULE):
        expected = places[cell_slices(unit.window, 2)].flatten()
        assert torch.equal(unit.patches()[:, 0], expected)


def test_whole_picture_is_one_unit_and_joins_to_its_features():
    units = split(prepared(4, 6))

    assert [unit.window for unit in units] == [Window.whole(4, 6)]
    features = torch.randn(6, 3)
    assert join(units, [features]) is features


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_positions_of_a_tile_are_those_of_its_place_in_the_picture(rows, columns, data):
    tables = PositionTables(torch.randn(16, 8), torch.tensor([1.0, 0.1]), 2)
    height, width = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    top, left = data.draw(st.integers(0, rows - height)), data.draw(st.integers(0, columns - width))
    window = Window(*(2 * n for n in (rows, columns, height, width, top, left)))

    for table in (tables.embeddings, tables.rotations):
        whole = table(Window.whole(2 * rows, 2 * columns)).unflatten(0, (rows, columns, 4))
        expected = whole[cell_slices(window, 2)].flatten(0, 2)
        torch.testing.assert_close(table(window), expected)


async def test_a_tower_without_tiles_announces_none_and_refuses_them_before_bytes(
    tiny_folder, monkeypatch
):
    monkeypatch.setattr("sightline_encoder.vision.lean_refusal", lambda module: "it is odd")
    model = tiny.load_tiny(Checkpoint(tiny_folder))
    picture = tiny.encoded(tiny.noise(120, 90))
    tiled = media_pb2.MediaOptions(tiling=media_pb2.TILING_TILED)
    async with tiny.running_encoder(model) as served:
        info = await served.stub.GetModelInfo(encoder_pb2.GetModelInfoRequest())
        _, error = await tiny.refusal(tiny.ask(served.stub, picture, options=tiled))
        whole = await tiny.ask(served.stub, picture)

    assert info.max_tiled_pixel_budget == 0 < info.max_pixel_budget
    assert (error.reason, error.field) == ("PARAMETER_UNSUPPORTED", "header.options.tiling")
    assert whole.bytes_wanted, "the refused one left nothing behind"


async def test_a_tower_with_tiles_announces_them(served):
    info = await served.stub.GetModelInfo(encoder_pb2.GetModelInfoRequest())
    assert info.max_tiled_pixel_budget > 0
