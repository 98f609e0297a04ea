"""Features in memory: a byte-bounded LRU whose entries can be pinned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2, tensor_pb2

from sightline_encoder.payload import Payload


@dataclass(frozen=True, eq=False)
class FeatureEntry:
    """Features ready to stream.

    `payload` holds the bytes of all tensors in the order of `specs`. `grid` is (frame groups,
    rows, columns) in patches, `width` and `height` are pixels before resizing, `compute_s` the
    seconds of preprocessing and tower, `timestamps` the seconds at which a video's frame groups
    begin.
    """

    key: str
    specs: tuple[tensor_pb2.TensorSpec, ...]
    payload: Payload
    grid: tuple[int, int, int]
    num_tokens: int
    width: int
    height: int
    compute_s: float
    timestamps: tuple[float, ...] = ()

    @property
    def num_bytes(self) -> int:
        return self.payload.num_bytes

    @cached_property
    def description(self) -> encoder_pb2.FeatureHeader:
        """Describes the features, for reading only; what belongs to one answer is left unset."""
        time_count, rows, columns = self.grid
        return encoder_pb2.FeatureHeader(
            feature_key=self.key,
            tensors=self.specs,
            payload_byte_count=self.num_bytes,
            payload_digest=self.payload.digest,
            payload_checksum=self.payload.checksum,
            grid=media_pb2.Grid(time_count=time_count, height_count=rows, width_count=columns),
            token_count=self.num_tokens,
            frame_timestamps=self.timestamps,
            width=self.width,
            height=self.height,
        )


@dataclass(eq=False)
class _Slot:
    entry: FeatureEntry
    num_pins: int = 0


class Pin:
    """Keeps an entry from being evicted from when it is entered until it is left or released."""

    def __init__(self, cache: FeatureCache, entry: FeatureEntry) -> None:
        self._cache = cache
        self._entry = entry
        self._slot: _Slot | None = None

    def __enter__(self) -> Pin:
        self._slot = self._cache._pin(self._entry)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Lets the entry go; a second time nothing happens."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self._cache._unpin(slot)


@dataclass(frozen=True)
class CacheUsage:
    """What the cache holds now, and how many entries went so far."""

    num_entries: int
    num_bytes: int
    max_bytes: int
    num_evictions: int


@dataclass
class FeatureCache:
    """Features by key, at most `max_bytes` of payload.

    `put` evicts the least recently used entries that nobody has pinned; when that is
    not enough the new entry is not kept. An evicted entry that is pinned can no longer
    be found, but counts until its last pin is released. For one event loop, not for
    several threads.
    """

    max_bytes: int
    _slots: OrderedDict[str, _Slot] = field(default_factory=OrderedDict)
    _leaving: set[_Slot] = field(default_factory=set)
    _num_bytes: int = 0
    _pinned_bytes: int = 0
    _num_evictions: int = 0

    def get(self, key: str) -> FeatureEntry | None:
        """Returns an entry and makes it the most recently used one."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        self._slots.move_to_end(key)
        return slot.entry

    def put(self, entry: FeatureEntry) -> bool:
        """Keeps an entry in place of any earlier one of its key; False if there is no room."""
        if entry.key in self._slots:
            self._remove(entry.key)
        if not self._can_hold(entry.num_bytes):
            return False
        self._make_room(entry.num_bytes)
        self._slots[entry.key] = _Slot(entry)
        self._num_bytes += entry.num_bytes
        return True

    def pinned(self, entry: FeatureEntry) -> Pin:
        """Returns what keeps an entry from being evicted; nothing does if it is not held."""
        return Pin(self, entry)

    def evict(self, keys: Iterable[str] | None = None) -> int:
        """Drops entries, all of them by default; returns how many there were."""
        wanted = [key for key in (self._slots if keys is None else keys) if key in self._slots]
        wanted = list(dict.fromkeys(wanted))
        for key in wanted:
            self._remove(key)
        return len(wanted)

    @property
    def usage(self) -> CacheUsage:
        num_entries = len(self._slots) + len(self._leaving)
        return CacheUsage(num_entries, self._num_bytes, self.max_bytes, self._num_evictions)

    @property
    def num_pinned(self) -> int:
        """Counts entries that are pinned."""
        return len(self._leaving) + sum(slot.num_pins > 0 for slot in self._slots.values())

    def check_integrity(self) -> None:
        """Recounts everything; raises AssertionError with the sum that is wrong."""
        slots = [*self._slots.values(), *self._leaving]
        num_bytes = sum(slot.entry.num_bytes for slot in slots)
        assert num_bytes == self._num_bytes, f"{num_bytes} bytes held, {self._num_bytes} counted"
        assert num_bytes <= self.max_bytes, f"{num_bytes} bytes held, {self.max_bytes} allowed"
        pinned_bytes = sum(slot.entry.num_bytes for slot in slots if slot.num_pins)
        assert pinned_bytes == self._pinned_bytes, f"{self._pinned_bytes} pinned bytes counted"
        assert all(slot.num_pins >= 0 for slot in slots), "an entry was released too often"
        assert all(slot.num_pins > 0 for slot in self._leaving), "an evicted entry stayed unpinned"
        keys = [(key, slot.entry.key) for key, slot in self._slots.items()]
        assert all(key == own for key, own in keys), "an entry lies under another's key"

    def _can_hold(self, num_bytes: int) -> bool:
        return self._pinned_bytes + num_bytes <= self.max_bytes

    def _make_room(self, num_bytes: int) -> None:
        excess = self._num_bytes + num_bytes - self.max_bytes
        leaving = []
        for key, slot in self._slots.items():
            if excess <= 0:
                break
            if not slot.num_pins:
                leaving.append(key)
                excess -= slot.entry.num_bytes
        for key in leaving:
            self._remove(key)

    def _remove(self, key: str) -> None:
        slot = self._slots.pop(key)
        self._num_evictions += 1
        if slot.num_pins:
            self._leaving.add(slot)
        else:
            self._num_bytes -= slot.entry.num_bytes

    def _pin(self, entry: FeatureEntry) -> _Slot | None:
        slot = self._slots.get(entry.key)
        if slot is None or slot.entry is not entry:
            return None
        self._pinned_bytes += 0 if slot.num_pins else entry.num_bytes
        slot.num_pins += 1
        return slot

    def _unpin(self, slot: _Slot) -> None:
        slot.num_pins -= 1
        self._pinned_bytes -= 0 if slot.num_pins else slot.entry.num_bytes
        if slot in self._leaving and not slot.num_pins:
            self._leaving.remove(slot)
            self._num_bytes -= slot.entry.num_bytes
