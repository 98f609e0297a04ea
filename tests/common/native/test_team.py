"""Who computes together: what a library does in a fresh process, whose threads can be counted."""

import subprocess
import sys
import textwrap

import pytest

from tests.common.native.compiled import compiled

pytestmark = compiled
COUNTING = """
    import os, sys, threading, time
    import torch
    from sightline_common.native.packed_weight import PackedWeight
    from tests.common.native.compiled import products

    torch.set_num_threads(1)
    num_callers, num_threads = map(int, sys.argv[1:])
    packed, rows = PackedWeight(products(), torch.ones(256, 256)), torch.ones(2048, 256)
    before, end, most = len(os.listdir("/proc/self/task")), time.monotonic() + 20, 0
    is_over = threading.Event()

    def call():
        while not is_over.is_set():
            packed.multiply(rows, num_threads)

    callers = [threading.Thread(target=call) for _ in range(num_callers)]
    for caller in callers:
        caller.start()
    wanted = num_callers * (num_threads - 1)
    while most < wanted and time.monotonic() < end:
        most = max(most, len(os.listdir("/proc/self/task")) - before - num_callers)
        time.sleep(0.01)
    is_over.set()
    for caller in callers:
        caller.join()
    print(most)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(("num_callers", "num_threads"), [(1, 3), (2, 2)])
def test_callers_at_the_same_time_have_helpers_each(num_callers, num_threads):
    command = [sys.executable, "-c", textwrap.dedent(COUNTING), str(num_callers), str(num_threads)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert int(found.stdout) == num_callers * (num_threads - 1)
