"""The thread of a worker begins its work after every wake, and once more when it is stopped."""

from __future__ import annotations

import threading

from broker.machine import WorkerThread


def test_what_is_woken_while_it_works_works_once_more() -> None:
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)

    def work() -> bool:
        begun.release()
        return may_end.acquire(timeout=30)

    worker = WorkerThread("test")
    worker.start(work)
    worker.wake()
    assert begun.acquire(timeout=30)
    worker.wake()
    may_end.release()
    assert begun.acquire(timeout=30)
    may_end.release(2)
    worker.stop()
    assert begun.acquire(timeout=30)


def test_work_that_cannot_go_on_ends_the_thread() -> None:
    runs: list[int] = []
    ended = threading.Event()

    def work() -> bool:
        runs.append(1)
        ended.set()
        return False

    worker = WorkerThread("test")
    worker.start(work)
    worker.wake()
    assert ended.wait(30)
    worker.stop()
    assert len(runs) == 1
