"""What lies in the log at the end, held against what was acknowledged: nothing lost, nothing twice, in order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.confluent import read_partition

from faults_harness.accounted_load import Account


@dataclass(slots=True)
class Stored:
    """One partition as a consumer reads it: (producer, number) by offset."""

    by_offset: dict[int, tuple[str, int]]
    offsets_of: dict[tuple[str, int], list[int]]


def read_back(bootstrap: str, topic: str, partition: int) -> Stored:
    stored = Stored({}, defaultdict(list))
    for record in read_partition(bootstrap, topic, partition):
        value, offset = record.value(), record.offset()
        assert value is not None and offset is not None
        name, told_partition, number, _ = value.split(b"/", 3)
        assert int(told_partition) == partition, f"a record of partition {int(told_partition)} lies in {partition}"
        key = (name.decode(), int(number))
        stored.by_offset[offset] = key
        stored.offsets_of[key].append(offset)
    return stored


def check(bootstrap: str, topic: str, partitions: int, accounts: list[Account]) -> int:
    """Assert that every acknowledgement was true; returns how many there were."""
    for partition in range(partitions):
        stored = read_back(bootstrap, topic, partition)
        assert sorted(stored.by_offset) == list(range(len(stored.by_offset))), f"{topic}-{partition} has a hole"
        for account in accounts:
            _check_account(account, partition, stored)
    return sum(len(account.acknowledged) for account in accounts)


def _check_account(account: Account, partition: int, stored: Stored) -> None:
    told = {number: offset for at, number, offset in account.acknowledged if at == partition}
    lost = [number for number in told if (account.name, number) not in stored.offsets_of]
    assert not lost, f"{account.name}: acknowledged and gone from partition {partition}: {lost[:20]}"
    wrong = [
        (number, offset) for number, offset in told.items() if stored.by_offset.get(offset) != (account.name, number)
    ]
    assert not wrong, f"{account.name}: not at the offset that was told, in partition {partition}: {wrong[:20]}"
    mine = {number: offsets for (name, number), offsets in stored.offsets_of.items() if name == account.name}
    if account.idempotent:
        twice = [number for number, offsets in mine.items() if len(offsets) > 1]
        assert not twice, f"{account.name}: stored twice in partition {partition}: {twice[:20]}"
    first_offsets = [mine[number][0] for number in sorted(mine)]
    assert first_offsets == sorted(first_offsets), f"{account.name}: out of order in partition {partition}"
