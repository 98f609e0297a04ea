from __future__ import annotations

import asyncio

import pytest
from sightline_common.errors import DeadlineError, QueueFullError
from sightline_encoder.upload import UploadBudget, upload_time


def test_uploads_share_the_budget_exactly():
    uploads = UploadBudget(100)
    with uploads.reserved(60), uploads.reserved(40):
        with pytest.raises(QueueFullError), uploads.reserved(1):
            pass
        assert uploads.num_bytes == 100

    assert uploads.num_bytes == 0


def test_single_upload_over_the_budget_is_let_in():
    uploads = UploadBudget(10)

    with uploads.reserved(100):
        assert uploads.num_bytes == 100


def test_an_upload_of_unknown_size_takes_room_as_it_comes():
    uploads = UploadBudget(100)
    with uploads.reserved(60), uploads.reserved(0) as growing:
        assert uploads.num_bytes == 60
        growing.grow(40)
        growing.grow(30)
        assert uploads.num_bytes == 100
        with pytest.raises(QueueFullError):
            growing.grow(41)
        assert uploads.num_bytes == 100

    assert uploads.num_bytes == 0


def test_what_comes_after_the_end_takes_no_room():
    uploads = UploadBudget(100)
    with uploads.reserved(10) as room:
        pass

    room.grow(20)

    assert uploads.num_bytes == 0


async def test_an_upload_that_takes_too_long_is_told_what_to_change():
    with pytest.raises(DeadlineError, match="SIGHTLINE_ENCODER_UPLOAD_TIMEOUT_S"):
        async with upload_time(0.01):
            await asyncio.Event().wait()
