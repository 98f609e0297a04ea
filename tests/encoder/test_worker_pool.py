from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sightline_common.errors import (
    EngineFailedError,
    MediaDecoderError,
    MediaTooLargeError,
    MediaUnreadableError,
    NotReadyError,
    QueueFullError,
)
from sightline_common.native.library import built
from sightline_encoder import worker_process
from sightline_encoder.config import EncoderSettings
from sightline_encoder.image import MediaLimits
from sightline_encoder.loading import open_worker_pool
from sightline_encoder.picture import picture_options
from sightline_encoder.preprocess import PICTURE_DECODER
from sightline_encoder.resampling_library import SOURCE
from sightline_encoder.resizing import Resizing
from sightline_encoder.worker_pool import AbandonedError, WorkerPool
from sightline_encoder.worker_process import WorkerLimits

from tests.encoder import pictures
from tests.encoder.deadly import DECODER
from tests.encoder.native.resampling import needs_kernels
from tests.encoder.tiny import encoded, noise

MIB = 1024**2
LIMITS = WorkerLimits(memory_bytes=256 * MIB, cpu_s=30, timeout_s=30)


@pytest.fixture
def open_pool():
    pools = []

    def opened(num_workers=1, limits=LIMITS, **options):
        pools.append(WorkerPool(num_workers, limits, **options))
        return pools[-1]

    yield opened
    for pool in pools:
        pids = pool.pids
        pool.close()
        assert not any(is_running(pid) for pid in pids)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run(pool, act, data=b"file", limits=None, **options):
    return pool.decode(DECODER, data, {"act": act, **options}, limits).facts["result"]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_planes_and_facts_arrive_as_they_were_made(open_pool):
    decoded = open_pool().decode(DECODER, b"", {"act": "planes"})

    assert [plane.shape for plane in decoded.planes] == [(2, 4, 3), (0, 3), (2, 3)]
    assert decoded.planes[0].ravel().tolist() == list(range(24))
    assert decoded.planes[2].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not decoded.planes[0].flags.writeable
    assert decoded.facts == {"timestamps": [0.5, 1.0]}


def test_planes_outlive_the_pool():
    pool = WorkerPool(1, LIMITS)
    decoded = pool.decode(DECODER, b"", {"act": "planes"})
    pool.close()

    assert decoded.planes[0].sum() == sum(range(24))


def test_large_files_reach_the_worker(open_pool):
    assert run(open_pool(), "size", bytes(20 * MIB)) == 20 * MIB


def test_one_worker_serves_file_after_file(open_pool):
    pool = open_pool()

    assert {run(pool, "pid", bytes([n])) for n in range(5)} == set(pool.pids)


def test_refusals_of_the_decoder_arrive_and_harm_no_worker(open_pool):
    pool = open_pool()
    with pytest.raises(MediaUnreadableError) as caught:
        run(pool, "refuse")

    assert caught.value.message == "damaged"
    assert caught.value.metadata == {"format": "TEST"}
    assert (pool.num_deaths, run(pool, "echo")) == (0, "file")


@pytest.mark.parametrize("act", ["exit", "segfault", "killed", "raise"])
def test_file_that_kills_its_worker_is_refused_after_two_tries(open_pool, act):
    pool = open_pool()
    with pytest.raises(MediaDecoderError):
        run(pool, act)

    assert pool.num_deaths == 2
    assert run(pool, "echo", b"another") == "another"


def test_worker_that_dies_once_costs_one_more_try(open_pool, tmp_path):
    pool = open_pool()

    assert run(pool, "die_once", mark=str(tmp_path / "mark")) == "survived"
    assert pool.num_deaths == 1
    assert run(pool, "echo") == "file"


def test_file_that_killed_twice_reaches_no_third_worker(open_pool):
    pool = open_pool()
    with pytest.raises(MediaDecoderError):
        run(pool, "exit")
    with pytest.raises(MediaDecoderError):
        run(pool, "echo")

    assert pool.num_deaths == 2


def test_file_that_killed_twice_is_tried_again_after_a_while(open_pool):
    pool = open_pool(quarantine_s=0)
    with pytest.raises(MediaDecoderError):
        run(pool, "exit")

    assert run(pool, "echo") == "file"


def test_neighbours_of_a_deadly_file_are_unharmed(open_pool):
    pool = open_pool(num_workers=2)
    with ThreadPoolExecutor(8) as threads:
        deadly = [threads.submit(run, pool, "exit", bytes([n])) for n in range(4)]
        others = [threads.submit(run, pool, "echo", f"file {n}".encode()) for n in range(40)]

    assert [other.result() for other in others] == [f"file {n}" for n in range(40)]
    assert all(isinstance(each.exception(), MediaDecoderError) for each in deadly)
    assert pool.num_deaths == 8


def test_too_much_memory_is_refused_by_a_real_limit(open_pool):
    pool = open_pool()

    assert run(pool, "fill_memory", num_bytes=100 * MIB) == 100 * MIB
    with pytest.raises(MediaTooLargeError):
        run(pool, "fill_memory", num_bytes=256 * MIB)
    assert pool.num_deaths == 0


def test_shared_memory_is_bounded_too(open_pool):
    pool = open_pool(limits=WorkerLimits(256 * MIB))
    with pytest.raises((MediaDecoderError, MediaTooLargeError)):
        run(pool, "fill_disk", num_bytes=300 * MIB)

    assert run(pool, "echo") == "file"


def test_cpu_time_is_bounded_before_the_clock_is(open_pool):
    pool = open_pool(limits=WorkerLimits(256 * MIB, cpu_s=0.2, timeout_s=100))
    started = time.monotonic()
    with pytest.raises(MediaDecoderError):
        run(pool, "spin")

    assert time.monotonic() - started < 100
    assert pool.num_deaths == 1, "another try would cost as much"
    with pytest.raises(MediaDecoderError):
        run(pool, "echo")
    assert run(pool, "echo", b"another") == "another"


def test_each_file_has_its_own_cpu_time(open_pool):
    pool = open_pool(limits=WorkerLimits(256 * MIB, cpu_s=1))
    for number in range(5):
        assert run(pool, "burn", bytes([number]), cpu_s=0.5) == "burnt"

    assert pool.num_deaths == 0


def test_time_on_the_clock_is_bounded(open_pool, tmp_path):
    pool = open_pool(limits=WorkerLimits(256 * MIB, timeout_s=0.3))
    started = time.monotonic()
    with pytest.raises(QueueFullError):
        run(pool, "wait", mark=str(tmp_path / "mark"))

    assert time.monotonic() - started < 100
    assert pool.num_deaths == 1
    assert run(pool, "echo", limits=LIMITS) == "file", "the clock blames no file"
    assert run(pool, "echo", b"another", LIMITS) == "another"


def test_one_file_may_be_given_other_times(open_pool, tmp_path):
    with pytest.raises(QueueFullError):
        run(open_pool(), "wait", limits=WorkerLimits(timeout_s=0.2), mark=str(tmp_path / "mark"))


def test_death_of_an_idle_worker_is_no_files_fault(open_pool):
    pool = open_pool()
    run(pool, "echo")
    for _ in range(3):
        os.kill(pool.pids[0], signal.SIGKILL)
        os.waitid(os.P_PID, pool.pids[0], os.WEXITED | os.WNOWAIT)
        assert run(pool, "echo") == "file"


def test_workers_that_cannot_start_are_nobodys_picture(monkeypatch):
    monkeypatch.setattr(worker_process, "_command", lambda *_: [sys.executable, "-c", ""])
    pool = WorkerPool(1, LIMITS)
    with pytest.raises(worker_process.WorkerDiedError):
        pool.wait_ready()
    with pytest.raises(EngineFailedError):
        run(pool, "echo")
    pool.close()


def test_abandoned_file_frees_its_worker_and_is_not_guilty(open_pool, tmp_path):
    pool, data, mark = open_pool(), b"a film", tmp_path / "mark"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run, pool, "wait", data, mark=str(mark))
        wait_for(mark.exists)
        pool.abandon(b"another film")
        pool.abandon(data)

        assert isinstance(running.exception(), AbandonedError)
    assert (pool.num_deaths, run(pool, "echo", data)) == (1, "a film")


def test_file_that_waits_for_a_worker_is_given_up_without_one(open_pool, tmp_path):
    pool, data, mark = open_pool(), b"a film", tmp_path / "mark"
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(run, pool, "wait", mark=str(mark))
        wait_for(mark.exists)
        waiting = threads.submit(run, pool, "echo", data)
        wait_for(lambda: len(pool._errands) == 2)
        pool.abandon(data)

        assert isinstance(waiting.exception(timeout=30), AbandonedError)
        assert not running.done()
        pool.close()


def test_file_that_is_given_up_while_a_worker_starts_never_runs(open_pool, tmp_path, monkeypatch):
    pool, data, mark = open_pool(), b"a film", tmp_path / "mark"
    monkeypatch.setattr(pool._seats[0].worker, "wait_ready", lambda: pool.abandon(data))

    with pytest.raises(AbandonedError):
        run(pool, "wait", data, mark=str(mark))

    assert (mark.exists(), pool.num_deaths) == (False, 0)


def test_file_that_has_ended_cannot_be_abandoned(open_pool):
    pool, data = open_pool(), b"a film"
    run(pool, "echo", data)
    pool.abandon(data)

    assert (run(pool, "echo", data), pool.num_deaths) == ("a film", 0)


def test_closing_refuses_what_runs_and_what_waits(tmp_path):
    pool = WorkerPool(1, LIMITS)
    mark = tmp_path / "mark"
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(run, pool, "wait", mark=str(mark))
        wait_for(mark.exists)
        waiting = threads.submit(run, pool, "echo", b"another")
        pool.close()

    assert isinstance(running.exception(), NotReadyError)
    assert isinstance(waiting.exception(), NotReadyError)
    with pytest.raises(NotReadyError):
        run(pool, "echo")


def test_worker_knows_neither_torch_nor_secrets(open_pool, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_ENCODER_REDIS_URL", "redis://:password@host")

    found = run(open_pool(), "surroundings")

    assert "PIL.Image" in found["modules"]
    assert not {"torch", "transformers", "grpc", "google.protobuf"} & set(found["modules"])
    assert "password" not in str(found["environment"])


OWNER = """
import sys, threading, time
from tests.encoder.deadly import DECODER
from sightline_encoder.worker_pool import WorkerPool
pool = WorkerPool(2)
pool.wait_ready()
options = {"act": sys.argv[1], "mark": sys.argv[2]}
threading.Thread(target=pool.decode, args=[DECODER, b"", options], daemon=True).start()
print(*pool.pids, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("act", ["wait", "echo"])
def test_workers_die_with_their_owner(tmp_path, act):
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", OWNER, act, str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        try:
            pids = [int(word) for word in owner.stdout.readline().split()]
            if act == "wait":
                wait_for(mark.exists)
        finally:
            owner.kill()

    assert len(pids) == 2
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def test_picture_of_forty_megapixels_fits_a_worker(open_pool):
    row = bytes(8 * 6250)
    data = pictures.png(6250, 6400, 16, pictures.RGB_ALPHA, [row] * 6400)
    options = picture_options(MediaLimits(), None)

    decoded = open_pool(limits=WorkerLimits()).decode(PICTURE_DECODER, data, options)

    assert decoded.planes[0].shape == (6400, 6250, 3)
    assert decoded.planes[0].min() == 255


def test_worker_decodes_the_same_pixels(open_pool):
    picture = noise(120, 90)
    options = picture_options(MediaLimits(), None)

    decoded = open_pool().decode(PICTURE_DECODER, encoded(picture), options)

    assert np.array_equal(decoded.planes[0], np.asarray(picture))
    assert decoded.facts == {"width": 120, "height": 90}


@needs_kernels
def test_workers_resample_with_the_kernels_they_are_given(open_pool):
    equipped = open_pool(num_workers=2, kernels=built(SOURCE))
    data = encoded(noise(640, 480))
    resizing = Resizing(28, 2, 112 * 112, 2 * 224 * 224, 3)
    options = picture_options(MediaLimits(), resizing)

    decoded = equipped.decode(PICTURE_DECODER, data, options)

    assert run(equipped, "equipped") is True
    expected = open_pool().decode(PICTURE_DECODER, data, options)
    assert decoded.planes[0].shape == (168, 252, 3)
    assert np.array_equal(decoded.planes[0], expected.planes[0])


@needs_kernels
def test_a_worker_in_a_dead_ones_place_has_the_kernels_too(open_pool):
    pool = open_pool(kernels=built(SOURCE))
    with pytest.raises(MediaDecoderError):
        run(pool, "exit", b"deadly")

    assert run(pool, "equipped") is True


@pytest.mark.parametrize("kernels", [None, Path("/no/such/library.so")])
def test_workers_without_kernels_decode_too(open_pool, kernels):
    pool = open_pool(kernels=kernels)

    assert run(pool, "equipped") is False


@needs_kernels
def test_an_opened_pool_has_the_kernels_it_was_given():
    with open_worker_pool(EncoderSettings(intake_workers=1), built(SOURCE)) as pool:
        assert run(pool, "equipped") is True


@needs_kernels
def test_a_reduction_of_forty_megapixels_by_kernels_fits_a_worker(open_pool):
    data = encoded(Image.new("RGB", (6250, 6400), (1, 2, 3)))
    options = picture_options(MediaLimits(), Resizing(28, 2, 112 * 112, 2 * 448 * 448, 3))

    decoded = open_pool(kernels=built(SOURCE)).decode(PICTURE_DECODER, data, options)

    assert decoded.planes[0].shape == (448, 420, 3)
    assert (decoded.planes[0] == [1, 2, 3]).all()


def test_many_threads_share_few_workers(open_pool):
    pool, found, lock = open_pool(num_workers=2), [], threading.Lock()

    def ask(number):
        answer = run(pool, "echo", str(number).encode())
        with lock:
            found.append((number, answer))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(100)))

    assert sorted(found) == [(number, str(number)) for number in range(100)]
