"""What a load generator process says arrives whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SAYS_MUCH = """
import signal
from broker.bench.worker import say

signal.signal(signal.SIGTERM, lambda *_: None)
for number in range(20):
    say({"number": number, "latencies": list(range(30_000))})
"""


def test_what_it_says_is_whole_though_it_is_told_to_end_meanwhile() -> None:
    worker = subprocess.Popen([sys.executable, "-c", SAYS_MUCH], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    said = bytearray()
    with worker:
        # Each message is larger than a pipe: it waits for room in the middle of one when it is told.
        while data := os.read(worker.stdout.fileno(), 4096):
            said += data
            worker.terminate()
    assert [json.loads(line)["number"] for line in said.splitlines()] == list(range(20))
