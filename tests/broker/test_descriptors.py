"""Open files are shared out so that storage always has what it needs."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource

import pytest

from broker.descriptors import (
    OPEN_FILES_MAX,
    OTHER_DESCRIPTORS,
    DescriptorWatch,
    pass_over_failed_accepts,
    shares_of,
)


@pytest.mark.parametrize("limit", [8, 64, 120, 256, 1024, 4096, 20_000, 1_048_576])
def test_files_and_connections_fit_the_limit_together(limit: int) -> None:
    shares = shares_of(limit)
    assert shares.files_max >= 1
    assert shares.connections_max >= 1
    assert shares.files_max + shares.connections_max < limit
    assert shares.files_max <= OPEN_FILES_MAX


def test_a_usual_limit_keeps_enough_for_the_journals() -> None:
    shares = shares_of(1024)
    assert 1024 - shares.files_max - shares.connections_max >= OTHER_DESCRIPTORS


def test_without_a_limit_connections_have_none() -> None:
    shares = shares_of(resource.RLIM_INFINITY)
    assert (shares.files_max, shares.connections_max) == (OPEN_FILES_MAX, 2**31 - 1)


def test_that_none_is_left_is_told_once_and_that_there_are_some_again_too(caplog: pytest.LogCaptureFixture) -> None:
    watch = DescriptorWatch()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with caplog.at_level(logging.INFO):
        watch.look()
        # Below the numbers that are in use already.
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            watch.look()
            watch.look()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        watch.look()
        watch.look()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_only_accepts_that_found_no_descriptor_are_passed_over() -> None:
    told: list[dict[str, object]] = []

    class Loop(asyncio.SelectorEventLoop):
        def default_exception_handler(self, context: dict[str, object]) -> None:
            told.append(context)

    loop = Loop()
    message = "socket.accept() out of system resource"
    pass_over_failed_accepts(loop, {"message": message, "exception": OSError(errno.EMFILE, "too many")})
    other = {"message": "Task exception was never retrieved", "exception": OSError(errno.EMFILE, "too many")}
    pass_over_failed_accepts(loop, other)
    loop.close()
    assert told == [other]
