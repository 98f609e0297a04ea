import pytest
from sightline_generator.free_memory import available_bytes

GIB = 1024**3
MEMINFO = "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n"


@pytest.fixture
def machine(tmp_path):
    """Returns a function that writes the kernel's files below a root."""

    def write(cgroup="0::/\n", **files):
        written = {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, **files}
        for name, text in written.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def limits(folder, limit, usage, names=("memory.max", "memory.current")):
    return {f"{folder}/{names[0]}": f"{limit}\n", f"{folder}/{names[1]}": f"{usage}\n"}


def test_without_limits_the_machine_decides(machine):
    assert available_bytes(machine()) == 8 * GIB


def test_container_limit_counts_what_is_used_already(machine):
    root = machine("0::/\n", **limits("sys/fs/cgroup", 4 * GIB, GIB))
    assert available_bytes(root) == 3 * GIB


def test_limit_of_any_level_above_counts(machine):
    files = limits("sys/fs/cgroup/pod", 2 * GIB, GIB)
    files |= limits("sys/fs/cgroup/pod/inner", "max", GIB)
    assert available_bytes(machine("0::/pod/inner\n", **files)) == GIB


def test_limit_of_the_first_version_counts(machine):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    files = limits("sys/fs/cgroup/memory/box", 2 * GIB, GIB // 2, names)
    root = machine("5:cpu:/box\n4:memory:/box\n", **files)
    assert available_bytes(root) == 2 * GIB - GIB // 2


def test_no_limit_as_either_version_writes_it_is_none(machine):
    files = limits("sys/fs/cgroup", "max", GIB)
    assert available_bytes(machine(**files)) == 8 * GIB


def test_limit_that_is_exceeded_leaves_nothing(machine):
    files = limits("sys/fs/cgroup", GIB, 2 * GIB)
    assert available_bytes(machine(**files)) == 0
