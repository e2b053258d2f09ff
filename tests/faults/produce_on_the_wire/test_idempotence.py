"""An idempotent producer's batches: told apart from their repetitions, and kept in order.

Every code here was compared with Apache Kafka 4.3.1; where ours is another on purpose, the test says why. To compare
again: MILLSTREAM_COMPARE_WITH=host:port.
"""

from __future__ import annotations

import pytest
from faults_harness.produced import values
from faults_harness.wire import Wire, produce_request
from log_harness.batches import records_of

from protocol.errors import ErrorCode
from protocol.messages.produce import ProduceRequest


class Numbered:
    """Batches of one idempotent producer."""

    def __init__(self, wire: Wire, topic: str) -> None:
        self.wire, self.topic = wire, topic
        self.producer_id, self.epoch = wire.new_producer_id()

    def send(self, sequence: int, *items: bytes, epoch_step: int = 0) -> tuple[ErrorCode, int]:
        answer = self.wire.produce(
            self.topic,
            values(
                *(items or (b"x",)),
                producer_id=self.producer_id,
                producer_epoch=self.epoch + epoch_step,
                base_sequence=sequence,
            ),
        )
        return ErrorCode(answer.error_code), answer.base_offset


@pytest.fixture
def numbered(wire: Wire, topic: str) -> Numbered:
    return Numbered(wire, topic)


def test_a_repeated_batch_is_answered_with_its_first_offset_and_stored_once(numbered: Numbered) -> None:
    for sequence in range(6):
        assert numbered.send(sequence) == (ErrorCode.NONE, sequence)
    # The last five batches are remembered; what is older can only be out of order.
    assert [numbered.send(sequence) for sequence in (5, 1, 3)] == [(ErrorCode.NONE, n) for n in (5, 1, 3)]
    assert numbered.send(0) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(6) == (ErrorCode.NONE, 6)


def test_gaps_and_overlaps_are_out_of_order(numbered: Numbered) -> None:
    assert numbered.send(0, b"a", b"b") == (ErrorCode.NONE, 0)
    assert numbered.send(5) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(1) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(2) == (ErrorCode.NONE, 2)


def test_a_new_epoch_begins_at_sequence_0_and_fences_the_old(numbered: Numbered) -> None:
    """KIP-360."""
    assert numbered.send(0) == (ErrorCode.NONE, 0)
    assert numbered.send(3, epoch_step=1) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(0, epoch_step=1) == (ErrorCode.NONE, 1)
    assert numbered.send(1) == (ErrorCode.INVALID_PRODUCER_EPOCH, -1)


def test_a_producer_whose_state_is_gone_may_go_on_anywhere(numbered: Numbered) -> None:
    """Its records were deleted by retention: refusing its next sequence would stop it for ever (KIP-360)."""
    assert numbered.send(7) == (ErrorCode.NONE, 0)
    assert numbered.send(8) == (ErrorCode.NONE, 1)


def test_sequences_wrap_around(numbered: Numbered) -> None:
    assert numbered.send(2**31 - 2) == (ErrorCode.NONE, 0)
    assert numbered.send(2**31 - 1) == (ErrorCode.NONE, 1)
    assert numbered.send(0) == (ErrorCode.NONE, 2)
    assert numbered.send(2**31 - 1) == (ErrorCode.NONE, 1)


def test_pipelined_duplicates_wait_for_the_first_of_them(wire: Wire, topic: str) -> None:
    """A retry on the wire right behind the original: both answers carry the same offset, one batch is stored."""
    producer_id, epoch = wire.new_producer_id()
    data = values(b"once", producer_id=producer_id, producer_epoch=epoch, base_sequence=0)
    ids = [wire.send(produce_request(topic, {0: data}), 9) for _ in range(3)]
    answers = [wire.receive(ProduceRequest, 9, sent).responses[0].partition_responses[0] for sent in ids]
    assert [(answer.error_code, answer.base_offset) for answer in answers] == [(0, 0)] * 3
    assert [record.value for record in records_of(wire.fetch(topic).records)] == [b"once"]
