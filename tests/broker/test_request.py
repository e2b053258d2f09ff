"""What an answer that comes later leaves behind: nothing."""

from __future__ import annotations

import gc
import weakref

from broker.request import Deferred


class Asker:
    """Holds what it waits for, as a request's place in the order of its connection does."""

    def __init__(self, deferred: Deferred) -> None:
        self.deferred = deferred
        self.heard: list[object] = []
        deferred.deliver_to(self.hear)

    def hear(self, response: object) -> None:
        self.heard.append(response)


def test_who_was_answered_is_gone_without_the_collector_of_garbage() -> None:
    """Two seconds of small fetches were 50,000 objects in circles, and a look at them stopped the loop for 20 ms."""
    gc.disable()
    try:
        asker = Asker(Deferred())
        asker.deferred.resolve("an answer")
        assert asker.heard == ["an answer"]
        is_there = weakref.ref(asker)
        del asker
        assert is_there() is None
    finally:
        gc.enable()
