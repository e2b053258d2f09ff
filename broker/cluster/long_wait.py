"""A wait of unknown length, told in few lines: when it begins, ever more rarely while it lasts, and when it is over."""

from __future__ import annotations

from logging import Logger

# The second line comes after so long; each pause is twice the one before it, up to the longest.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class LongWait:
    """For `what`, as it stands in a sentence: "a controller"."""

    def __init__(self, logger: Logger, what: str) -> None:
        self._logger = logger
        self._what = what
        self._since_s: float | None = None
        self._tell_at_s = 0.0
        self._pause_s = 0.0

    def goes_on(self, now_s: float, why: str) -> None:
        """Called at every try in vain; `why` is what came of it."""
        if self._since_s is None:
            self._since_s, self._pause_s = now_s, FIRST_PAUSE_S
            self._logger.info("waiting for %s: %s", self._what, why)
        elif now_s >= self._tell_at_s:
            self._logger.info("waiting for %s, for %.0f s now: %s", self._what, now_s - self._since_s, why)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        else:
            return
        self._tell_at_s = now_s + self._pause_s

    def is_over(self, now_s: float) -> None:
        """Called whenever there is nothing to wait for; says something only after a wait."""
        if self._since_s is not None:
            self._logger.info("%s is there, after %.1f s", self._what, now_s - self._since_s)
            self._since_s = None
