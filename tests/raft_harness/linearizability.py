"""Whether what clients saw of one register could have happened one operation at a time.

The search of Wing and Gong with Lowe's memory of visited states: pick any operation that no other one had
finished before it began, apply it, go on. Operations whose outcome is unknown may take effect at any later
time, or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Operation:
    """`value` was written, or was what a read returned; `ended` is infinite where no answer came."""

    is_write: bool
    value: str
    began: float
    ended: float = inf


def is_linearizable(history: list[Operation], initial: str = "") -> bool:
    """Values written are distinct."""
    operations = sorted(history, key=lambda operation: operation.began)
    certain = sum(1 << place for place, each in enumerate(operations) if each.ended != inf)
    seen: set[tuple[int, str]] = set()
    stack = [(0, initial)]
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        done, value = state
        if done & certain == certain:
            return True
        # Nothing may go first that began after some other pending operation ended.
        earliest_end = inf
        for place, operation in enumerate(operations):
            if done >> place & 1:
                continue
            if operation.began > earliest_end:
                break
            earliest_end = min(earliest_end, operation.ended)
        for place, operation in enumerate(operations):
            if done >> place & 1:
                continue
            if operation.began > earliest_end:
                break
            if operation.is_write:
                stack.append((done | 1 << place, operation.value))
            elif operation.value == value:
                stack.append((done | 1 << place, value))
    return False
