from __future__ import annotations

import asyncio
import threading
import weakref

import pytest
import torch
from sightline_common.errors import EngineFailedError, NotReadyError
from sightline_encoder.batcher import Batcher
from sightline_encoder.preprocess import PreparedImage

from tests.encoder.tiny import prepared


class GatedTower:
    """Holds every pass until the gate opens; gives each picture its number of patches."""

    def __init__(self, opened=True):
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.passes = []
        self.poison = ()
        if opened:
            self.gate.set()

    def layers(self, units):
        yield
        return self.encode_units(units)

    def warm_up(self):
        self.encode_units([image(1)])

    def use_threads(self, count):
        torch.set_num_threads(count)

    def encode_units(self, images):
        self.passes.append([image.num_patches for image in images])
        self.entered.set()
        assert self.gate.wait(10)
        if any(image.num_patches in self.poison for image in images):
            raise RuntimeError("poisoned")
        return [torch.full((1, 2), float(image.num_patches)) for image in images]


class NanTower(GatedTower):
    not_finite = 7

    def encode_units(self, images):
        return [
            part * float("nan") if image.num_patches == self.not_finite else part
            for image, part in zip(images, super().encode_units(images), strict=True)
        ]


class ForgetfulTower(GatedTower):
    """Gives too few answers to its first pass."""

    def encode_units(self, images):
        answers = super().encode_units(images)
        return [] if len(self.passes) == 1 else answers


class LayeredTower(GatedTower):
    """Stops before each layer until `steps` lets it go on; `log` has the sizes of each layer."""

    depth = 8

    def __init__(self):
        super().__init__()
        self.steps = threading.Semaphore(0)
        self.log = []

    def layers(self, units):
        sizes = [unit.num_patches for unit in units]
        for _ in range(self.depth):
            self.entered.set()
            assert self.steps.acquire(timeout=10)
            self.log.append(sizes)
            yield
        return self.encode_units(units)


@pytest.fixture
async def batcher_for():
    batchers = []

    def build(tower, max_patches=100, num_threads=1, **limits):
        batchers.append(Batcher(tower, max_patches, num_threads, **limits))
        return batchers[-1]

    num_threads = torch.get_num_threads()
    yield build
    torch.set_num_threads(num_threads)
    for batcher in batchers:
        await batcher.close()


def image(num_patches):
    return prepared(1, num_patches, values=1)


async def submitted(batcher, sizes):
    return [await batcher.submit(image(size)) for size in sizes]


async def occupied(tower, batcher):
    """Puts one picture into a held pass, so that others must wait."""
    future = await batcher.submit(image(1))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    return future


async def test_waiting_pictures_share_a_pass_up_to_the_budget(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher)]
    futures += await submitted(batcher, [40, 50, 20, 90, 30])
    tower.gate.set()

    encoded = await asyncio.gather(*futures)

    assert tower.passes == [[1], [20, 30, 40], [50], [90]]
    assert [result.features[0, 0].item() for result in encoded] == [1, 40, 50, 20, 90, 30]
    assert batcher.num_forwards == 4


async def test_picture_over_the_budget_passes_alone(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [10, 250, 10])]
    tower.gate.set()
    await asyncio.gather(*futures)

    assert tower.passes == [[1], [10, 10], [250]]


async def test_failing_picture_fails_alone(batcher_for):
    tower = GatedTower(opened=False)
    tower.poison = (7,)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [5, 7, 9])]
    tower.gate.set()

    results = await asyncio.gather(*futures, return_exceptions=True)

    assert isinstance(results[2], EngineFailedError)
    assert [result.features[0, 0].item() for result in (results[1], results[3])] == [5, 9]


async def test_features_that_are_not_finite_fail_alone(batcher_for):
    tower = NanTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [5, 7])]
    tower.gate.set()

    results = await asyncio.gather(*futures, return_exceptions=True)

    assert isinstance(results[2], EngineFailedError)
    assert results[1].features[0, 0].item() == 5


async def test_batcher_works_after_a_failure(batcher_for):
    tower = GatedTower()
    tower.poison = (7,)
    batcher = batcher_for(tower)
    with pytest.raises(EngineFailedError):
        await (await batcher.submit(image(7)))

    assert (await (await batcher.submit(image(5)))).features[0, 0].item() == 5


async def test_cancelled_pictures_are_not_computed(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    first = await occupied(tower, batcher)
    futures = await submitted(batcher, [60, 60, 40])
    futures[1].cancel()
    tower.gate.set()
    await asyncio.gather(first, futures[0], futures[2])

    assert tower.passes == [[1], [40, 60]]


async def test_full_queue_makes_new_pictures_wait(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower, max_patches=10)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [10, 10, 10])]
    late = asyncio.create_task(batcher.submit(image(10)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not late.done()

    tower.gate.set()

    await asyncio.gather(*futures, await late)


async def test_waiting_pictures_are_answered_when_the_batcher_stops(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    running = await occupied(tower, batcher)
    (waiting,) = await submitted(batcher, [5])
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    tower.gate.set()
    await closing

    for future in (running, waiting):
        with pytest.raises(NotReadyError):
            await future


async def test_time_of_a_pass_is_shared_by_patches(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [10, 30])]
    tower.gate.set()
    _, small, large = await asyncio.gather(*futures)

    assert large.tower_s == pytest.approx(3 * small.tower_s)


async def test_real_tower_gives_each_picture_what_it_gives_it_alone(tiny_model, batcher_for):
    images = [
        prepared(*shape, seed) for seed, shape in enumerate([(4, 6), (2, 2), (8, 4), (2, 10)])
    ]
    alone = [tiny_model.tower.encode([each])[0] for each in images]
    batcher = batcher_for(tiny_model.tower, 10_000)
    futures = [await batcher.submit(each) for each in images]

    together = [(await future).features for future in futures]

    assert batcher.num_forwards < len(images)
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


async def test_pass_that_breaks_off_fails_its_pictures_and_not_the_next(batcher_for):
    batcher = batcher_for(ForgetfulTower())
    async with asyncio.timeout(60):
        with pytest.raises(EngineFailedError):
            await (await batcher.submit(image(3)))
        encoded = await (await batcher.submit(image(5)))
    assert encoded.features[0, 0].item() == 5
    assert batcher._held_patches == 0


def video(num_groups, num_patches):
    patches = torch.zeros(num_groups * num_patches, 1)
    return PreparedImage(patches, (num_groups, 1, num_patches), 0, 0)


async def test_thumbnail_passes_before_the_rest_of_a_video(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher), await batcher.submit(video(64, 50))]
    futures += await submitted(batcher, [4])
    tower.gate.set()
    await asyncio.gather(*futures)

    assert tower.passes[1][0] == 4
    assert all(sum(sizes) <= 100 for sizes in tower.passes)
    assert sum(map(sum, tower.passes)) == 1 + 64 * 50 + 4


async def test_thumbnails_are_admitted_beside_videos_larger_than_the_queue(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    futures = [await occupied(tower, batcher)]
    futures += [await batcher.submit(video(64, 50)) for _ in range(4)]
    async with asyncio.timeout(60):
        futures += await submitted(batcher, [4] * 20)
    tower.gate.set()
    await asyncio.gather(*futures)

    assert tower.passes[1] == [4] * 20


async def test_video_gets_its_frame_groups_in_order(batcher_for):
    encoded = await (await batcher_for(GatedTower()).submit(video(7, 30)))

    assert encoded.features[:, 0].tolist() == [30] * 7


async def test_cancelled_video_leaves_after_the_running_pass(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    future = await batcher.submit(video(64, 100))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    future.cancel()
    tower.gate.set()
    await (await batcher.submit(image(3)))

    assert tower.passes == [[100], [3]]
    assert batcher._held_bytes == 0


async def test_video_with_one_bad_frame_group_fails_as_a_whole_and_stops(batcher_for):
    tower = GatedTower()
    tower.poison = (60,)
    batcher = batcher_for(tower)
    with pytest.raises(EngineFailedError):
        await (await batcher.submit(video(40, 60)))
    await (await batcher.submit(image(3)))

    assert len(tower.passes) < 4


async def test_large_picture_is_overtaken_a_bounded_number_of_times(batcher_for):
    """Thumbnails that keep coming, each pass full of them, do not starve it."""
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower)
    first = await occupied(tower, batcher)
    large = await batcher.submit(image(250))
    tower.gate.set()
    await first
    for _ in range(40):
        futures = await submitted(batcher, [25] * 8)
        await asyncio.gather(*futures)

    before = tower.passes[: tower.passes.index([250])]
    assert large.done()
    assert len(before) <= 2 * 16


async def test_thumbnail_waits_for_one_layer_of_the_largest_picture(batcher_for):
    tower = LayeredTower()
    batcher = batcher_for(tower)
    large = await batcher.submit(image(250))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    small = await batcher.submit(image(3))
    tower.steps.release(2 * tower.depth)
    await asyncio.gather(large, small)

    assert tower.log[: 1 + tower.depth] == [[250]] + [[3]] * tower.depth
    assert large.result().features[0, 0].item() == 250


async def test_large_picture_goes_on_while_thumbnails_keep_coming(batcher_for):
    """One pass of others comes between two of its layers, never two."""
    tower = LayeredTower()
    batcher = batcher_for(tower)
    large = await batcher.submit(image(250))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    others = [await batcher.submit(image(60)) for _ in range(4)]
    tower.steps.release(5 * tower.depth)
    await asyncio.gather(large, *others)

    rest = tower.log[1:]
    assert [rest.index([250], at) for at in (0, tower.depth + 1)] == [8, 17]


async def test_pass_that_nobody_wants_ends_after_its_layer(batcher_for):
    tower = LayeredTower()
    batcher = batcher_for(tower)
    large = await batcher.submit(image(90))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    large.cancel()
    tower.steps.release(1 + tower.depth)
    await (await batcher.submit(image(3)))

    assert tower.log == [[90]] + [[3]] * tower.depth


async def test_pass_goes_on_for_those_who_stay(batcher_for):
    tower = LayeredTower()
    batcher = batcher_for(tower)
    running = await batcher.submit(image(90))
    assert await asyncio.to_thread(tower.entered.wait, 10)
    leaving, staying = await submitted(batcher, [30, 40])
    tower.steps.release(tower.depth + 1)
    await running
    leaving.cancel()
    tower.steps.release(tower.depth)

    assert (await staying).features[0, 0].item() == 40


async def test_place_and_patches_of_a_cancelled_video_are_free_at_once(batcher_for):
    """The tower does not move meanwhile."""
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower, large_bytes=1)
    await occupied(tower, batcher)
    patches = weakref.ref(large := video(64, 50))
    leaving = await batcher.submit(large)
    del large
    next_one = asyncio.create_task(batcher.submit(video(64, 50)))
    await asyncio.sleep(0.01)
    assert not next_one.done()
    leaving.cancel()
    async with asyncio.timeout(10):
        await next_one
    del leaving
    assert patches() is None
    assert len(batcher._queue.clear()) == 64
    tower.gate.set()


@pytest.mark.parametrize(("num_bytes", "is_admitted"), [(2 * 64 * 50 * 4, True), (25599, False)])
async def test_waiting_large_media_are_bounded_by_their_bytes(batcher_for, num_bytes, is_admitted):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower, large_bytes=num_bytes)
    await occupied(tower, batcher)
    await batcher.submit(video(64, 50))
    second = asyncio.create_task(batcher.submit(video(64, 50)))
    await asyncio.sleep(0.01)

    assert second.done() == is_admitted
    tower.gate.set()
    async with asyncio.timeout(10):
        await second


async def test_tower_that_hangs_is_told_and_one_that_goes_on_is_not(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower, layer_limit_s=0.05)
    await batcher.check()
    running = await occupied(tower, batcher)
    await asyncio.sleep(0.06)
    with pytest.raises(NotReadyError):
        await batcher.check()
    tower.gate.set()
    await running
    await batcher.check()


async def test_tower_that_fails_on_everything_is_told_until_it_recovers(batcher_for):
    tower = GatedTower()
    tower.poison = (1, 5)
    batcher = batcher_for(tower)
    with pytest.raises(EngineFailedError):
        await (await batcher.submit(image(5)))
    with pytest.raises(NotReadyError):
        await batcher.check()
    tower.poison = ()
    await batcher.check()


async def test_poisonous_picture_makes_no_tower_sick(batcher_for):
    tower = GatedTower()
    tower.poison = (5,)
    batcher = batcher_for(tower)
    with pytest.raises(EngineFailedError):
        await (await batcher.submit(image(5)))
    await batcher.check()


class ThreadCountingTower(GatedTower):
    """Notes how many threads each pass has."""

    def __init__(self, opened=True):
        super().__init__(opened)
        self.num_threads = {}

    def encode_units(self, images):
        self.num_threads[images[0].num_patches] = torch.get_num_threads()
        return super().encode_units(images)


async def reached(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_passes_of_several_lanes_run_side_by_side_with_their_share_of_the_threads(
    batcher_for,
):
    tower = ThreadCountingTower(opened=False)
    batcher = batcher_for(tower, num_threads=2)
    futures = [await occupied(tower, batcher)]
    futures += await submitted(batcher, [2])
    await reached(lambda: len(tower.passes) == 2)
    tower.gate.set()
    await asyncio.gather(*futures)
    futures = await submitted(batcher, [3])
    await asyncio.gather(*futures)

    assert tower.passes == [[1], [2], [3]]
    assert tower.num_threads == {1: 2, 2: 1, 3: 2}


async def test_a_lane_leaves_work_to_the_others(batcher_for):
    tower = GatedTower(opened=False)
    batcher = batcher_for(tower, num_threads=2)
    futures = [await occupied(tower, batcher), *await submitted(batcher, [2])]
    await reached(lambda: len(tower.passes) == 2)
    futures += await submitted(batcher, [10] * 6)
    tower.gate.set()
    await asyncio.gather(*futures)

    assert tower.passes == [[1], [2], [10, 10], [10, 10], [10, 10]]


@pytest.mark.parametrize("num_threads", [2, 4])
async def test_frame_groups_of_one_video_may_pass_in_several_lanes(batcher_for, num_threads):
    batcher = batcher_for(GatedTower(), num_threads=num_threads)
    async with asyncio.timeout(60):
        videos = [await batcher.submit(video(50, 20)) for _ in range(4)]
        encoded = await asyncio.gather(*videos)

    assert all(each.features[:, 0].tolist() == [20] * 50 for each in encoded)
    assert batcher._held_bytes == 0


async def test_features_are_the_same_to_the_bit_in_any_lane(tiny_model, batcher_for):
    images = [prepared(8, 8, seed) for seed in range(6)]
    alone = [tiny_model.tower.encode([each])[0] for each in images]
    batcher = batcher_for(tiny_model.tower, 4 * 64, num_threads=2)
    futures = [await batcher.submit(each) for each in images]

    together = [(await future).features for future in futures]

    assert all(torch.equal(one, other) for one, other in zip(together, alone, strict=True))
