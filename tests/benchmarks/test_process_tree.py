import os
import subprocess
import sys
import threading
import time

from benchmarks.process_tree import (
    ProcessTimes,
    all_processes,
    descendants,
    parse_stat,
    resident_bytes,
    thread_cpu_s,
    tree_cpu_s,
)

TICKS = os.sysconf("SC_CLK_TCK")


def stat_line(command="python", utime=0, stime=0, cutime=0, cstime=0):
    before = "S 7 1 1 0 -1 4194560 10 0 0 0"
    return f"42 ({command}) {before} {utime} {stime} {cutime} {cstime} 20 0 1 0 99"


def test_stat_gives_parent_and_seconds_and_those_of_reaped_children():
    line = stat_line(utime=TICKS, stime=2 * TICKS, cutime=4 * TICKS, cstime=8 * TICKS)
    assert parse_stat(line) == ProcessTimes(42, 7, 3.0, 12.0)


def test_command_may_contain_anything():
    assert parse_stat(stat_line("a) b (c 1 2", utime=TICKS)) == ProcessTimes(42, 7, 1.0, 0.0)


def test_descendants_are_the_whole_tree_and_nothing_else():
    family = [(1, 0), (2, 1), (3, 2), (4, 1), (5, 0), (6, 5)]
    processes = [ProcessTimes(pid, parent, 0.0, 0.0) for pid, parent in reversed(family)]
    assert {each.pid for each in descendants(processes, 1)} == {1, 2, 3, 4}


def test_process_that_is_gone_has_no_descendants():
    assert descendants([ProcessTimes(2, 1, 0.0, 0.0)], 9) == []


def test_tree_counts_what_a_child_used():
    burn = "import time\nwhile time.process_time() < 0.3: pass\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", f"print('on', flush=True)\n{burn}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        assert child.pid in {each.pid for each in descendants(all_processes(), os.getpid())}
        before = tree_cpu_s(os.getpid())
        child.communicate(b"\n")
    assert tree_cpu_s(os.getpid()) - before >= 0.2


def test_thread_counts_its_own_time_only():
    seen = {}

    def burn():
        while time.thread_time() < 0.2:
            pass
        seen["own"] = thread_cpu_s(os.getpid(), threading.get_native_id())

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert 0.15 <= seen["own"] <= 0.25


def test_thread_that_is_not_there_has_used_nothing():
    assert thread_cpu_s(os.getpid(), 0) == 0


def test_memory_of_a_child_is_its_parents_too():
    before = resident_bytes(os.getpid())
    child = "import sys; held = b'x' * 50_000_000; print(flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", child]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert resident_bytes(os.getpid()) - before > 50_000_000
        process.communicate()


def test_process_that_is_gone_has_no_memory():
    assert resident_bytes(2**22 + 1) == 0
