"""What a turn of the loop brings is done at its end, in order, once, and without the loop looking elsewhere between."""

from __future__ import annotations

import asyncio

from broker.end_of_turn import EndOfTurn


def told_in_turns(began: list[str], end_of_turn: EndOfTurn, name: str, then: int) -> None:
    """Tell that `name` was done, and add another one `then` times over."""
    began.append(name)
    if then:
        end_of_turn.add(lambda: told_in_turns(began, end_of_turn, name + "'", then - 1))


def test_what_the_end_of_a_turn_brings_is_done_in_the_same_and_the_rest_in_the_next() -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        end_of_turn = EndOfTurn(asyncio.get_running_loop())
        end_of_turn.add(lambda: told_in_turns(told, end_of_turn, "a", 2))
        end_of_turn.add(lambda: told_in_turns(told, end_of_turn, "b", 0))
        asyncio.get_running_loop().call_soon(told.append, "another's turn")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return told

    assert asyncio.run(scenario()) == ["a", "b", "a'", "another's turn", "a''"]


def test_what_the_loop_was_called_for_is_followed_by_what_it_brought() -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        end_of_turn = EndOfTurn(asyncio.get_running_loop())
        end_of_turn.run(lambda name: told_in_turns(told, end_of_turn, name, 1), "resumed")
        return told

    assert asyncio.run(scenario()) == ["resumed", "resumed'"]


def test_one_that_fails_takes_none_of_the_others_along() -> None:
    async def scenario() -> tuple[list[str], list[object]]:
        told: list[str] = []
        failures: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        end_of_turn = EndOfTurn(loop)
        end_of_turn.add(lambda: told.append("first"))
        end_of_turn.add(lambda: told.remove("never told"))
        end_of_turn.add(lambda: told.append("last"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return told, failures

    told, failures = asyncio.run(scenario())
    assert told == ["first", "last"]
    assert len(failures) == 1
