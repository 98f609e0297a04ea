from __future__ import annotations

import pytest
from sightline_common.errors import QueueFullError
from sightline_encoder.upload import UploadBudget


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
