"""What a load generator process says arrives whole, and what stops it is a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from harness.ports import free_ports

from broker.bench import worker
from broker.bench.options import BenchOptions
from broker.bench.plans import worker_specs
from broker.bench.spec import ConnectionPlan

SAYS_MUCH = """
import signal
from broker.bench.worker import say

signal.signal(signal.SIGTERM, lambda *_: None)
for number in range(20):
    say({"number": number, "latencies": list(range(30_000))})
"""


def test_what_it_says_is_whole_though_it_is_told_to_end_meanwhile() -> None:
    process = subprocess.Popen([sys.executable, "-c", SAYS_MUCH], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = bytearray()
    with process:
        # Each message is larger than a pipe: it waits for room in the middle of one when it is told.
        while data := os.read(process.stdout.fileno(), 4096):
            said += data
            process.terminate()
    assert [json.loads(line)["number"] for line in said.splitlines()] == list(range(20))


def test_a_broker_that_takes_no_connection_is_told_in_a_sentence() -> None:
    (port,) = free_ports(1)
    plans = [ConnectionPlan(connection_id=1, host="127.0.0.1", port=port, partitions=[0])]
    (spec,) = worker_specs(BenchOptions(bootstrap_servers=f"127.0.0.1:{port}"), plans)

    done = subprocess.run(
        [sys.executable, "-m", worker.__name__], input=spec.to_json() + "\n", capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == ["millstream: the load generator cannot go on: [Errno 111] Connection refused"]
