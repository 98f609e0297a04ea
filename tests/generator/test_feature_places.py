"""Who gets a place for features next."""

import asyncio

from sightline_generator.feature_places import FeaturePlaces

URGENT = 9


async def order_of(priorities, cancelled=()):
    """Fills the one place, lets others wait, and returns in which order they come."""
    places, came = FeaturePlaces(1), []
    await places.acquire(URGENT)

    async def wait(index, priority):
        await places.acquire(priority)
        came.append(index)
        places.release(priority)

    tasks = [asyncio.create_task(wait(*each)) for each in enumerate(priorities)]
    await asyncio.sleep(0)
    for index in cancelled:
        tasks[index].cancel()
    places.release(URGENT)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert places._is_free(min(priorities))
    return came


async def test_urgent_request_waits_for_none_that_is_less_urgent():
    places = FeaturePlaces(1)
    async with asyncio.timeout(1):
        await places.acquire(0)
        await places.acquire(1)  # those of 0 may not run as long as there are such
    waiting = asyncio.create_task(places.acquire(1))
    await asyncio.sleep(0)
    places.release(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    places.release(1)
    await waiting


async def test_urgent_request_overtakes_those_that_wait():
    assert await order_of([0, 0, 5, 0, 1]) == [2, 4, 0, 1, 3]


async def test_who_went_away_takes_no_place():
    assert await order_of([0, 5, 1], cancelled=[1]) == [2, 0]


async def test_place_given_to_who_is_cancelled_meanwhile_comes_back():
    places = FeaturePlaces(1)
    await places.acquire(0)
    waiting = asyncio.create_task(places.acquire(0))
    await asyncio.sleep(0)
    places.release(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1):
        await places.acquire(0)
