"""Ports for processes that must be told theirs before they start, such as the nodes of a cluster.

A port that the system hands out for 0 is free only until somebody else asks: another worker of the same run, or any
outgoing connection. These lie below the range that the system takes from, and a lock file keeps other workers away.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST_PORT, LAST_PORT = 10_240, 32_000
LOCK_DIRECTORY = Path(tempfile.gettempdir()) / f"ports-of-tests.{os.getuid()}"

# Open as long as this process lives: the lock goes with it, however it ends.
_locks: dict[int, int] = {}


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, and that no other test gets as long as this process lives."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randint(FIRST_PORT, LAST_PORT)
        if _reserve(port):
            ports.append(port)
    return ports


def free_runs_of_ports(count: int, *, apart: int) -> int:
    """The first of `count` free ports in a row, with as many free ones `apart` above them."""
    while True:
        first = random.randint(FIRST_PORT, LAST_PORT - apart - count)
        if all(_reserve(first + shift + number) for shift in (0, apart) for number in range(count)):
            return first


def _reserve(port: int) -> bool:
    LOCK_DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    if port in _locks:
        return False
    lock = os.open(LOCK_DIRECTORY / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _locks[port] = lock
    return _is_free(port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
