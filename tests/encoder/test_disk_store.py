from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sys
import tempfile
from pathlib import Path

import pytest
from sightline_common.digest import sha256_digest
from sightline_encoder import disk_index, disk_store, folder_lock
from sightline_encoder.disk_store import DiskStore

from tests.encoder.stored import FINGERPRINT, assert_same, features, key_of

BLOCK = 4096


def open_store(folder, max_bytes=100 * BLOCK, fingerprint=FINGERPRINT):
    return DiskStore(folder, max_bytes, fingerprint)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def quick_folder():
    """A folder in memory where there is one: some disks take milliseconds to unlink."""
    shared_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as folder:
        yield Path(folder)


@pytest.fixture
async def store(folder):
    store = open_store(folder)
    await store.open()
    yield store
    store.index.check_integrity()
    await store.close()


async def write_all(store, names):
    for name in names:
        await store.write(features(name))


def parts(folder):
    return list(folder.glob("*.part"))


async def test_entry_comes_back_after_a_restart(store, folder):
    await store.write(features(num_bytes=300_000))

    restarted = open_store(folder)
    await restarted.open()

    assert_same(await restarted.read(key_of("picture")), features(num_bytes=300_000))
    assert restarted.usage.num_entries == 1
    assert not parts(folder)


async def test_what_was_not_written_is_a_miss(store):
    assert await store.read(key_of("picture")) is None


async def test_every_flipped_byte_is_a_miss_and_removes_the_entry(store):
    await store.write(features())
    path = store.path(key_of("picture"))
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)

        assert await store.read(key_of("picture")) is None, position
        assert not path.exists(), position

    assert store.usage.num_corrupt == len(whole)


async def test_entry_of_any_other_length_is_a_miss_and_removed(store):
    await store.write(features())
    path = store.path(key_of("picture"))
    whole = path.read_bytes()
    for damaged in [*(whole[:length] for length in range(len(whole))), whole + b"\0", 2 * whole]:
        path.write_bytes(damaged)

        assert await store.read(key_of("picture")) is None, len(damaged)
        assert not path.exists(), len(damaged)


async def test_huge_declared_lengths_allocate_nothing(store):
    await store.write(features())
    path = store.path(key_of("picture"))
    whole = bytearray(path.read_bytes())
    whole[12:24] = b"\xff" * 12
    path.write_bytes(whole)

    assert await store.read(key_of("picture")) is None


async def test_entry_under_another_name_is_not_served(store):
    await store.write(features("one"))
    store.path(key_of("one")).rename(store.path(key_of("other")))

    assert await store.read(key_of("other")) is None
    assert await store.read(key_of("one")) is None


async def test_entry_of_another_fingerprint_is_not_served(store, folder):
    await store.write(features())

    other = open_store(folder, fingerprint=sha256_digest(b"other"))

    assert await other.read(key_of("picture")) is None
    store.index.scan()


async def test_least_recently_used_entries_go_first_across_restarts(store, folder):
    await write_all(store, range(3))
    for age, name in enumerate((2, 1, 0)):
        os.utime(store.path(key_of(name)), ns=(0, 10**9 * age))
    await store.read(key_of(2))
    restarted = open_store(folder, max_bytes=3 * BLOCK)
    await restarted.open()
    await restarted.read(key_of(1))

    await restarted.write(features("new"))

    kept = [name for name in (0, 1, 2, "new") if await restarted.read(key_of(name))]
    assert kept == [1, 2, "new"]
    assert restarted.usage.num_evictions == 1
    store.index.scan()


async def test_smaller_bound_after_a_restart_holds_from_the_next_write(store, folder):
    await write_all(store, range(10))
    restarted = open_store(folder, max_bytes=2 * BLOCK)

    await restarted.write(features("new"))

    restarted.index.check_integrity()
    assert restarted.usage.num_entries == 2
    store.index.scan()


async def test_entry_larger_than_the_bound_is_not_written_and_evicts_nobody(folder):
    store = open_store(folder, max_bytes=2 * BLOCK)
    await store.write(features("small"))

    await store.write(features("large", num_bytes=2 * BLOCK))

    assert store.usage.num_entries == 1 and await store.read(key_of("small"))


async def test_ten_thousand_entries_stay_inside_the_bound(quick_folder):
    store = open_store(quick_folder, max_bytes=64 * BLOCK)
    for number in range(10_000):
        store._write(features(number))
        assert store.usage.num_bytes <= 64 * BLOCK

    store.index.check_integrity()
    assert (store.usage.num_entries, store.usage.num_evictions) == (64, 9_936)
    assert sum(path.stat().st_blocks for path in quick_folder.iterdir()) * 512 <= 65 * BLOCK
    assert await store.read(key_of(9_999)) and not await store.read(key_of(0))


async def test_removal_of_some_and_of_all(store):
    await write_all(store, range(4))

    assert await store.remove([key_of(0), key_of(0), key_of("unknown"), "../../etc/passwd"]) == 1
    assert await store.read(key_of(0)) is None
    assert await store.remove(None) == 3
    assert store.usage.num_entries == 0


async def test_foreign_files_stay_and_do_not_count(store, folder):
    foreign = folder / "notes.txt"
    foreign.write_bytes(bytes(1000 * BLOCK))
    (folder / "sub.features").mkdir()

    await open_store(folder).open()
    await store.remove(None)
    await write_all(store, range(150))

    assert foreign.exists() and (folder / "sub.features").is_dir()
    assert store.usage.num_entries == 100


async def test_part_of_a_dead_writer_is_removed_and_of_a_living_one_not(store, folder):
    orphan, living = folder / "a.part", folder / "b.part"
    orphan.write_bytes(b"half")
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        await open_store(folder).open()

        assert [path.name for path in parts(folder)] == ["b.part"]
    living.unlink()


async def test_entry_deleted_by_hand_is_a_miss_and_can_be_written_again(store):
    await store.write(features())
    store.path(key_of("picture")).unlink()

    assert await store.read(key_of("picture")) is None
    await store.write(features())

    assert await store.read(key_of("picture"))


async def test_folder_is_for_its_owner_alone(store, folder):
    await store.write(features())

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_full_disk_is_an_error_that_leaves_nothing_behind(full_folder):
    store = open_store(full_folder)
    await store.open()

    with pytest.raises(OSError, match="No space left"):
        await store.write(features(num_bytes=8 * BLOCK))

    assert not parts(full_folder)
    assert await store.read(key_of("picture")) is None
    store.index.check_integrity()


async def test_two_stores_keep_one_bound_and_read_what_the_other_wrote(store, folder):
    other = open_store(folder)
    for number in range(150):
        await (store if number % 3 else other).write(features(number))
        assert len(list(folder.glob("*.features"))) <= 100

    assert_same(await store.read(key_of(147)), features(147))
    assert_same(await other.read(key_of(149)), features(149))
    store.index.scan()


async def write_and_read(store, first):
    for number in range(first, first + 200):
        await store.write(features(number % 150))
        found = await store.read(key_of(number % 149))
        assert found is None or found.payload == features(number % 149).payload
    assert store.usage.num_corrupt == 0


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.encoder.test_disk_store import open_store, write_and_read

asyncio.run(write_and_read(open_store(Path(sys.argv[1]), 40 * 4096), 75))
"""


async def test_two_processes_at_once_do_no_harm(quick_folder):
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(quick_folder), cwd=Path(__file__).parents[2]
    )
    ended = asyncio.create_task(other.wait())
    store = open_store(quick_folder, 40 * BLOCK)
    while not ended.done():
        await write_and_read(store, 0)

    assert await ended == 0
    await store.open()
    store.index.check_integrity()
    assert store.usage.num_entries == 40
    assert not parts(quick_folder)


async def test_stopped_process_that_holds_the_lock_stops_nobody(folder, monkeypatch):
    monkeypatch.setattr(folder_lock, "WAIT_LIMIT_S", 0.02)
    store = open_store(folder)
    await store.write(features("before"))
    with folder_lock.FolderLock(folder).held():
        with pytest.raises(BlockingIOError):
            await store.write(features("meanwhile"))

        assert await store.read(key_of("before"))
    await store.write(features("after"))
    assert await store.read(key_of("after"))


async def test_folder_that_may_not_be_touched_still_answers(store, monkeypatch):
    await store.write(features())

    def refuse(path):
        raise PermissionError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(disk_index.os, "utime", refuse)

    assert_same(await store.read(key_of("picture")), features())


async def test_integrity_check_notices_a_file_that_is_not_counted(store):
    await store.write(features())
    path = store.path(key_of("picture"))
    store.index.forget(path.name)

    with pytest.raises(AssertionError, match="1 files, 0 counted"):
        store.index.check_integrity()
    store.index.scan()


async def test_file_that_comes_while_a_reader_misses_it_stays_counted(store, monkeypatch):
    def miss(path, key, fingerprint):
        store._write(features())
        raise FileNotFoundError(path)

    monkeypatch.setattr(disk_store, "read_entry", miss)
    assert await store.read(key_of("picture")) is None

    store.index.check_integrity()
    assert store.usage.num_entries == 1


async def test_file_that_is_gone_is_counted_no_more(store):
    await store.write(features())
    store.path(key_of("picture")).unlink()
    assert await store.read(key_of("picture")) is None

    store.index.check_integrity()
