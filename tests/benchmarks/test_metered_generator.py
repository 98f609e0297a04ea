import threading
import time

import pytest

from benchmarks.metered_generator import Meter, metered


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return "done"


@pytest.fixture
def meter(tmp_path):
    return Meter(tmp_path / "meter")


def test_meter_counts_the_time_of_the_model_alone(meter):
    run = metered(burn, meter)
    assert run(0.05) == "done"
    burn(0.2)
    assert 0.05 <= meter.read().model_s < 0.15


def test_meter_counts_steps_and_names_the_thread(meter):
    run = metered(burn, meter)
    run(0)
    run(0)
    assert meter.read()[1:] == (2, threading.get_native_id())


def test_step_that_fails_is_counted_and_fails(meter):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        metered(fail, meter)()
    assert meter.read().num_steps == 1


def test_another_reader_sees_what_was_written(meter, tmp_path):
    meter.add(1.5)
    assert Meter(tmp_path / "meter").read().model_s == 1.5
