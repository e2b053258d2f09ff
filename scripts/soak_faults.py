#!/usr/bin/env python3
"""Kill a broker under load many more times than the tests do, and hold the log against every acknowledgement.

    scripts/soak_faults.py --kills 300               a new broker and directory every 20 kills
    scripts/soak_faults.py --kills 20 --seed 7       the same moments again, as far as threads and disks repeat
    scripts/soak_faults.py --kills 100 --busy-disk   segments roll and the journal is trimmed all the time

Producers of confluent-kafka, kafka-python and aiokafka, idempotent and not, with acks=1 and all, and a committer of
group offsets go on while the broker is killed and started again on its port. What fails ends the run (exit code 1)
and leaves the broker's directory for whoever looks into it.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from faults_harness.kill_scenario import BUSY_DISK, kill_in_a_loop  # noqa: E402
from harness.broker_process import BrokerProcess  # noqa: E402


def main() -> None:
    arguments = parse_arguments()
    # The clients tell of every refused connection, and there are thousands.
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    kills = acknowledged = commits = 0
    seed = arguments.seed
    while kills < arguments.kills:
        directory = Path(tempfile.mkdtemp(prefix="millstream-soak-", dir=arguments.directory))
        settings = {"flush": arguments.flush, **(BUSY_DISK if arguments.busy_disk else {})}
        print(f"seed {seed} in {directory}", flush=True)
        with BrokerProcess(directory, settings) as broker:
            outcome = kill_in_a_loop(
                broker,
                kills=min(arguments.kills_per_broker, arguments.kills - kills),
                chance=random.Random(seed),
                padding_bytes=20_000 if arguments.busy_disk else 60,
            )
        shutil.rmtree(directory)
        seed += 1
        kills, acknowledged = kills + outcome.kills, acknowledged + outcome.acknowledged
        commits += outcome.commits
        seconds = time.monotonic() - started
        print(f"{kills} kills, {acknowledged} records and {commits} offset commits kept, {seconds:.0f} s", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--kills-per-broker", type=int, default=20, help="then everything is read back")
    parser.add_argument("--seed", type=int, default=0, help="of the first broker; each next one counts on")
    parser.add_argument("--flush", choices=["commit", "interval", "os"], default="commit")
    parser.add_argument("--busy-disk", action="store_true")
    parser.add_argument("--directory", type=Path, default=None, help="where to keep the brokers' data")
    return parser.parse_args()


if __name__ == "__main__":
    main()
