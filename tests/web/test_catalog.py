"""Names of the model, remembered for a while."""

from __future__ import annotations

import pytest
from sightline_common.errors import ModelUnknownError, NotReadyError
from sightline_web.catalog import MAX_AGE_S, ModelCatalog

from tests.web.fakes import MODEL, FakeGenerator


async def test_aliases_mean_the_served_model(generator: FakeGenerator) -> None:
    catalog = ModelCatalog(generator, ["flash"])
    assert await catalog.resolve("flash") == MODEL
    assert await catalog.resolve(MODEL) == MODEL
    with pytest.raises(ModelUnknownError):
        await catalog.resolve("other")


async def test_description_is_asked_again_when_old(generator: FakeGenerator) -> None:
    now = 0.0
    catalog = ModelCatalog(generator, [], clock=lambda: now)
    await catalog.current()
    generator.info_error = NotReadyError("Away.")
    await catalog.current()
    now = MAX_AGE_S
    with pytest.raises(NotReadyError):
        await catalog.current()
    last_known = await catalog.current_or_none()
    assert last_known is not None
