"""What a rule decides: records to append, answers to give, timers to move. Rules only fill one; the runtime acts.

A rule gets the state, the request and a `Decision` that holds the time. The runtime then
1. appends `records` and replays them at once,
2. moves the timers,
3. gives the `replies`, each after everything appended so far is committed,
4. runs `then`, a rule of its own, on the state that the replay left.
If the append is refused nothing was written, and `then` does not run. Without `refused` the replies become that error.
With it they are given as they are, and `refused` decides for those whose answer depends on the records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

# Names a timer within one partition's coordinator: its kind, then what it is for.
TimerKey: TypeAlias = tuple[str, ...]
# Whoever waits for an answer. Rules keep it and hand it back; what it is only the runtime knows.
Reply: TypeAlias = Any

R = TypeVar("R")


class Decision(Generic[R]):
    __slots__ = ("may_be_split", "now_ms", "records", "refused", "replies", "then", "timers")

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.records: list[R] = []
        # Whether the records mean something one by one, so that they need not fit into one batch.
        self.may_be_split = False
        self.replies: list[tuple[Reply, object]] = []
        self.timers: list[tuple[TimerKey, int | None]] = []
        self.then: Callable[[Decision[R]], None] | None = None
        # Given the code for the client (see `coordinator_error`).
        self.refused: Callable[[Decision[R], Any], None] | None = None

    def reply(self, to: Reply, response: object) -> None:
        """Answer with a response message, or with a KafkaError that the asker then raises."""
        self.replies.append((to, response))

    def schedule(self, key: TimerKey, delay_ms: int) -> None:
        """Let `key` expire once, `delay_ms` from now, in place of whatever was set for it."""
        self.timers.append((key, delay_ms))

    def cancel(self, key: TimerKey) -> None:
        self.timers.append((key, None))
