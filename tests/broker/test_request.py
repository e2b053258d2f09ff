"""Answers that come later: to whom they go, and what is kept of them."""

from __future__ import annotations

import weakref

from broker.request import Deferred


class Exchange:
    """Holds its answer's wait, as those of connections do."""

    def __init__(self, wait: Deferred) -> None:
        self.deferred = wait
        self.answers: list[object] = []

    def respond(self, answer: object) -> None:
        self.answers.append(answer)


def test_an_answer_goes_to_whom_it_was_promised_also_if_it_is_there_first() -> None:
    early, late = Exchange(Deferred()), Exchange(Deferred())

    early.deferred.resolve("early")
    for exchange in (early, late):
        exchange.deferred.deliver_to(exchange.respond)
    late.deferred.resolve("late")

    assert (early.answers, late.answers) == (["early"], ["late"])


def test_an_answered_exchange_goes_with_its_last_use_and_waits_for_no_collector() -> None:
    """Its frame has the records that a follower fetched: thousands of such cycles are a hundred megabytes."""
    wait = Deferred()
    exchange = Exchange(wait)
    wait.deliver_to(exchange.respond)

    wait.resolve("records")
    gone = weakref.ref(exchange)
    del exchange

    assert gone() is None
