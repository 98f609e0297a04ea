"""What is opened together."""

from contextlib import contextmanager

from sightline_common.native.library import built
from sightline_encoder import loading
from sightline_encoder.config import EncoderSettings
from sightline_encoder.resampling_library import SOURCE

from tests.encoder.native.resampling import needs_kernels


@needs_kernels
async def test_the_service_gives_its_workers_the_kernels(tiny_folder, monkeypatch):
    given, open_worker_pool = [], loading.open_worker_pool

    @contextmanager
    def watched(settings, kernels=None):
        given.append(kernels)
        with open_worker_pool(settings, kernels) as pool:
            yield pool

    monkeypatch.setattr(loading, "open_worker_pool", watched)
    async with loading.open_servicer(EncoderSettings(model=str(tiny_folder), intake_workers=1)):
        assert given == [built(SOURCE)]
