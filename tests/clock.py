"""Time that passes when a test says so."""


class Clock:
    """Gives seconds, as time.monotonic does."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
