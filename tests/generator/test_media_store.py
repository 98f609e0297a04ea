import pytest
from sightline_common.errors import MediaTooLargeError, QueueFullError
from sightline_generator.media_store import MediaStore

from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return MediaStore(max_bytes=10, ttl_s=60.0, clock=clock)


def test_stored_file_comes_back(store):
    store.put("a", b"123")
    assert store.get("a") == b"123"
    assert store.get("b") is None


def test_least_recently_used_leaves_first(store):
    store.put("a", b"1234")
    store.put("b", b"1234")
    store.get("a")
    store.put("c", b"1234")
    assert (store.get("a"), store.get("b"), store.get("c")) == (b"1234", None, b"1234")
    assert store.num_bytes == 8


def test_file_expires_unless_it_is_used(store, clock):
    store.put("a", b"1")
    store.put("b", b"2")
    clock.now = 59.0
    store.get("a")
    clock.now = 60.0
    assert (store.get("a"), store.get("b")) == (b"1", None)
    assert store.num_bytes == 1


def test_same_file_again_takes_no_more_room(store):
    store.put("a", b"12345678")
    store.put("a", b"12345678")
    assert store.num_bytes == 8


def test_a_file_larger_than_the_store_is_refused(store):
    with pytest.raises(MediaTooLargeError), store.reserved(11):
        pass


def test_uploads_together_are_bounded_and_give_back(store):
    with store.reserved(6):
        with pytest.raises(QueueFullError), store.reserved(5):
            pass
        with store.reserved(4):
            pass
    with store.reserved(10):
        pass
