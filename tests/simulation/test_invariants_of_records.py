"""Each promise about records is kept by a right history, and broken by one that differs from it in one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from simulation import invariants_of_records as invariants
from simulation.checker import check
from simulation.evidence import Evidence
from simulation.history import Fetch, History, Loss, Outcome, Place, SeenRecord
from simulation.watchers import InvariantBroken

PLACE: Place = ("orders", 0)
NODES = (1, 2, 3)


@dataclass(frozen=True)
class Held:
    """A record in a log."""

    offset: int
    value: bytes | None
    leader_epoch: int = 1
    producer_id: int = 7
    sequence: int = 0


class Run:
    """A right one: two batches acknowledged, one unknown that is there and one that is not, one that failed; all of it
    read. A test changes one thing."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.history = History(self._now)
        self.sends = [
            self.send((b"a", b"b"), Outcome.ACKNOWLEDGED, 0),
            self.send((b"c",), Outcome.UNKNOWN),
            self.send((b"d",), Outcome.UNKNOWN),
            self.send((b"e", b"f"), Outcome.ACKNOWLEDGED, 3),
            self.send((b"g",), Outcome.FAILED),
        ]
        self.values: dict[int, list[bytes | None]] = {node_id: [b"a", b"b", b"c", b"e", b"f"] for node_id in NODES}
        self.logs = {PLACE: {node_id: self.log(self.values[node_id]) for node_id in NODES}}
        self.fetch("c1", 0, [b"a", b"b"], high_watermark=2)
        self.fetch("c1", 2, [b"c", b"e", b"f"], high_watermark=5)
        self.fetch("c2", 0, [b"a", b"b", b"c"], high_watermark=3, node_id=2, leader_epoch=2)

    def _now(self) -> float:
        self.time_s += 1
        return self.time_s

    def send(
        self, values: tuple[bytes, ...], outcome: Outcome, base_offset: int = -1, *, is_idempotent: bool = True
    ) -> int:
        send = self.history.begin_send("p", PLACE, values, is_idempotent=is_idempotent)
        self.history.end_send(send, outcome, base_offset)
        return len(self.history.sends) - 1

    @staticmethod
    def log(values: list[bytes | None]) -> list[Held]:
        return [Held(offset, value) for offset, value in enumerate(values)]

    def hold(self, node_id: int, values: list[bytes | None]) -> None:
        self.logs[PLACE][node_id] = self.log(values)

    def all_hold(self, values: list[bytes | None]) -> None:
        for node_id in NODES:
            self.hold(node_id, values)

    def change(self, node_id: int, at: int, **what: object) -> None:
        log = self.logs[PLACE][node_id]
        log[at] = replace(log[at], **what)  # type: ignore[arg-type]

    def fetch(
        self,
        client: str,
        offset: int,
        values: list[bytes],
        *,
        high_watermark: int,
        node_id: int = 1,
        leader_epoch: int = 1,
        record_epoch: int = 1,
    ) -> None:
        records = tuple(SeenRecord(at, record_epoch, value) for at, value in enumerate(values, offset))
        began, ended = self.history.moment(), self.history.moment()
        self.history.fetches.append(
            Fetch(client, node_id, PLACE, leader_epoch, offset, high_watermark, 0, records, began, ended)
        )

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.history, self.logs)


def breach_of(invariant: Callable[[Evidence], str | None], run: Run) -> str:
    why = invariant(run.evidence)
    assert why is not None, f"{invariant.__name__} saw nothing"
    return why


@pytest.mark.parametrize("invariant", invariants.INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_a_right_run_keeps_it(invariant: Callable[[Evidence], str | None]) -> None:
    assert invariant(Run().evidence) is None


def test_the_error_tells_the_first_breach_whole_and_names_the_others() -> None:
    run = Run()
    run.hold(3, [b"a", b"b", b"c", b"e"])

    with pytest.raises(InvariantBroken) as broken:
        check(run.evidence)

    first, others = str(broken.value).split("\n")
    assert first == (
        "every acknowledged record is on every in sync replica: 'f' was acknowledged to p at 8.000 s for offset 4 of "
        "orders-0; on node 3 it is not there, the log has 4 records"
    )
    assert others == "also broken: a batch is whole or absent, in sync replicas are alike"


class TestReplicas:
    def test_an_acknowledged_record_that_one_replica_lacks(self) -> None:
        run = Run()
        run.hold(2, [b"a", b"b", b"c"])
        why = breach_of(invariants.every_acknowledged_record_is_on_every_in_sync_replica, run)
        assert "'e'" in why and "node 2 it is not there" in why

    def test_an_acknowledged_record_at_another_offset(self) -> None:
        run = Run()
        run.all_hold([b"c", b"a", b"b", b"e", b"f"])
        why = breach_of(invariants.every_acknowledged_record_is_on_every_in_sync_replica, run)
        assert "for offset 0" in why and "it is at 1" in why

    def test_one_that_was_acknowledged_as_a_duplicate_must_be_somewhere(self) -> None:
        run = Run()
        run.send((b"h",), Outcome.ACKNOWLEDGED, -1)
        assert "'h'" in breach_of(invariants.every_acknowledged_record_is_on_every_in_sync_replica, run)
        run.all_hold([b"a", b"b", b"c", b"e", b"f", b"h"])
        assert invariants.every_acknowledged_record_is_on_every_in_sync_replica(run.evidence) is None

    def test_a_partition_that_nobody_holds(self) -> None:
        run = Run()
        run.logs.clear()
        assert "orders-0" in breach_of(invariants.every_place_that_was_written_to_has_in_sync_replicas, run)

    def test_a_record_that_is_there_twice(self) -> None:
        run = Run()
        run.hold(3, [b"a", b"b", b"c", b"e", b"f", b"c"])
        assert "at 2 and at 5" in breach_of(invariants.no_record_is_there_twice, run)

    def test_records_out_of_order(self) -> None:
        run = Run()
        run.all_hold([b"a", b"b", b"e", b"f", b"c"])
        assert "'c' is behind 'f'" in breach_of(invariants.records_are_in_the_order_in_which_they_were_sent, run)

    def test_without_sequences_a_batch_may_come_late(self) -> None:
        run = Run()
        run.history.sends[1].is_idempotent = False
        run.all_hold([b"a", b"b", b"e", b"f", b"c"])
        assert invariants.records_are_in_the_order_in_which_they_were_sent(run.evidence) is None

    @pytest.mark.parametrize("log", [[b"a", b"c", b"e", b"f"], [b"a", b"c", b"b", b"e", b"f"]])
    def test_a_batch_in_pieces(self, log: list[bytes | None]) -> None:
        run = Run()
        run.hold(1, log)
        assert "node 1" in breach_of(invariants.a_batch_is_whole_or_absent, run)

    def test_a_record_that_had_been_refused(self) -> None:
        run = Run()
        run.hold(2, [b"a", b"b", b"c", b"e", b"f", b"g"])
        assert "'g' is at 5" in breach_of(invariants.nothing_that_certainly_failed_appears, run)

    def test_a_refused_record_that_only_a_consumer_saw(self) -> None:
        run = Run()
        run.fetch("c3", 5, [b"g"], high_watermark=6)
        assert "c3 read 'g' at 5" in breach_of(invariants.nothing_that_certainly_failed_appears, run)

    @pytest.mark.parametrize("value", [b"z", b"", None])
    def test_a_record_that_nobody_sent(self, value: bytes | None) -> None:
        run = Run()
        run.change(1, 2, value=value)
        assert "at 2" in breach_of(invariants.nothing_appears_that_nobody_sent, run)

    def test_a_record_of_another_partition(self) -> None:
        run = Run()
        run.logs["orders", 1] = {1: run.log([b"a"])}
        assert "orders-1" in breach_of(invariants.nothing_appears_that_nobody_sent, run)

    def test_a_read_record_that_nobody_sent(self) -> None:
        run = Run()
        run.fetch("c3", 5, [b"z"], high_watermark=6)
        assert "c3 read 'z'" in breach_of(invariants.nothing_appears_that_nobody_sent, run)

    def test_one_offset_told_to_two(self) -> None:
        run = Run()
        run.history.sends[3].base_offset = 1
        assert "offset 1" in breach_of(invariants.an_offset_is_promised_once, run)

    @pytest.mark.parametrize("offset", [0, 2])
    def test_a_hole_in_a_log(self, offset: int) -> None:
        run = Run()
        del run.logs[PLACE][2][offset]
        assert f"where {offset} is due" in breach_of(invariants.a_log_has_no_holes, run)

    def test_an_epoch_that_goes_back_in_a_log(self) -> None:
        run = Run()
        run.change(1, 1, leader_epoch=2)
        assert "offset 2" in breach_of(invariants.leader_epochs_in_a_log_never_go_back, run)

    @pytest.mark.parametrize(
        "difference", [{"value": b"x"}, {"leader_epoch": 2}, {"producer_id": 8}, {"sequence": 5}, {"offset": 9}]
    )
    def test_replicas_that_differ_in_a_record(self, difference: dict[str, object]) -> None:
        run = Run()
        run.change(3, 4, **difference)
        assert "at 4 of orders-0 node 1" in breach_of(invariants.in_sync_replicas_are_alike, run)

    def test_a_replica_with_more_than_another(self) -> None:
        run = Run()
        run.hold(2, [b"a", b"b", b"c", b"e", b"f", b"d"])
        assert "5 records on node 1 and 6 on node 2" in breach_of(invariants.in_sync_replicas_are_alike, run)


class TestConsumers:
    def test_two_that_read_different_records_at_an_offset(self) -> None:
        run = Run()
        run.logs.clear()
        run.fetch("c3", 2, [b"d"], high_watermark=5)
        why = breach_of(invariants.consumers_read_identical_prefixes, run)
        assert "offset 2" in why and "c1" in why and "c3" in why

    def test_one_that_read_the_record_of_another_epoch(self) -> None:
        run = Run()
        run.fetch("c3", 0, [b"a"], high_watermark=5, record_epoch=0)
        assert "of epoch 0 to c3" in breach_of(invariants.consumers_read_identical_prefixes, run)

    def test_one_that_read_what_no_replica_has_any_more(self) -> None:
        run = Run()
        run.fetch("c2", 5, [b"d"], high_watermark=6)
        assert "nobody has it now" in breach_of(invariants.consumers_read_identical_prefixes, run)

    def test_one_that_read_what_a_replica_has_otherwise(self) -> None:
        run = Run()
        run.all_hold([b"a", b"b", b"d", b"e", b"f"])
        assert "in the end and 'c'" in breach_of(invariants.consumers_read_identical_prefixes, run)

    def test_one_that_sees_above_the_high_watermark(self) -> None:
        run = Run()
        run.fetch("c2", 3, [b"e", b"f"], high_watermark=4)
        assert "offset 4" in breach_of(invariants.no_consumer_sees_above_the_high_watermark, run)

    def test_one_that_misses_a_record(self) -> None:
        run = Run()
        run.fetch("c2", 4, [b"f"], high_watermark=5)
        assert "c2 read offset 4" in breach_of(invariants.a_consumer_reads_without_holes, run)

    def test_one_that_is_told_that_what_it_read_is_gone(self) -> None:
        run = Run()
        run.history.losses.append(Loss("c1", 2, PLACE, 3, 5, "OFFSET_OUT_OF_RANGE", run.history.moment()))
        assert "had read orders-0 to 5" in breach_of(invariants.what_a_consumer_has_read_is_never_truncated, run)

    def test_a_high_watermark_that_goes_back_between_two_clients(self) -> None:
        run = Run()
        run.fetch("c3", 0, [b"a"], high_watermark=4)
        why = breach_of(invariants.the_high_watermark_of_a_leader_never_goes_back, run)
        assert "told 5 to c1" in why and "later 4 to c3" in why

    def test_answers_that_were_under_way_together_may_overtake_each_other(self) -> None:
        run = Run()
        run.fetch("c3", 0, [b"a"], high_watermark=4)
        late = run.history.fetches[-1]
        run.history.fetches[-1] = replace(late, began=run.history.fetches[0].began)
        assert invariants.the_high_watermark_of_a_leader_never_goes_back(run.evidence) is None

    @pytest.mark.parametrize("elsewhere", [{"leader_epoch": 3}, {"node_id": 3}])
    def test_another_leader_may_know_less(self, elsewhere: dict[str, int]) -> None:
        run = Run()
        run.fetch("c3", 0, [b"a"], high_watermark=1, **elsewhere)
        assert invariants.the_high_watermark_of_a_leader_never_goes_back(run.evidence) is None
