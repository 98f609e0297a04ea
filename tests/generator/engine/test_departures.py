from sightline_generator.engine.departures import Departures


def after(*moments):
    departures = Departures()
    for moment in moments:
        departures.observe(moment)
    return departures


def test_before_anything_left_a_guess_is_made():
    assert after().retry_after_s(100) == after(5.0).retry_after_s(100) > 0


def test_hint_is_the_time_in_which_half_leave():
    assert after(0.0, 0.2, 0.4, 0.6).retry_after_s(100) == 10.0


def test_faster_departures_shorten_the_hint():
    slow, fast = after(0.0, 1.0), after(0.0, 1.0, 1.1)
    assert fast.retry_after_s(10) < slow.retry_after_s(10)


def test_hint_is_bounded_and_idleness_does_not_spoil_it():
    assert after(0.0, 1e9).retry_after_s(1000) == 60.0
    assert after(0.0, 1e9).retry_after_s(2) == 10.0
    assert after(0.0, 1e-9).retry_after_s(1) == 0.5
