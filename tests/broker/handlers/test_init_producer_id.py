"""InitProducerId in all of its versions: idempotent producers are served, transactional ones refused aloud."""

from __future__ import annotations

import errno

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode
from simulation import SimulatedFilesystem

from broker.handlers.init_producer_id import handle
from protocol.errors import ErrorCode
from protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

ALL_VERSIONS = range(6)


def ask(
    node: MetadataNode, transactional_id: str | None = None, *, version: int = 5, identity: tuple[int, int] = (-1, -1)
) -> InitProducerIdResponse:
    request = InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=60_000)
    request.producer_id, request.producer_epoch = identity
    return call(node, handle, request, version=version)


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_every_producer_gets_an_id_of_its_own_at_epoch_0(version: int) -> None:
    with MetadataNode() as node:
        answers = [ask(node, version=version) for _ in range(3)]
        assert [(a.error_code, a.producer_epoch) for a in answers] == [(ErrorCode.NONE, 0)] * 3
        assert len({a.producer_id for a in answers}) == 3
        node.restart()
        assert ask(node, version=version).producer_id not in {a.producer_id for a in answers}


@pytest.mark.parametrize("version", [v for v in ALL_VERSIONS if v >= 3])
def test_an_idempotent_producer_that_brings_its_id_gets_a_fresh_one(version: int) -> None:
    with MetadataNode() as node:
        first = ask(node, version=version)
        again = ask(node, version=version, identity=(first.producer_id, 7))
        assert (again.error_code, again.producer_epoch) == (ErrorCode.NONE, 0)
        assert again.producer_id != first.producer_id


@pytest.mark.parametrize("identity", [(5, -1), (-1, 5)])
def test_half_an_identity_is_an_invalid_request(identity: tuple[int, int]) -> None:
    with MetadataNode() as node:
        answer = ask(node, identity=identity)
        assert (answer.error_code, answer.producer_id) == (ErrorCode.INVALID_REQUEST, -1)


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_an_empty_transactional_id_is_an_invalid_request(version: int) -> None:
    with MetadataNode() as node:
        assert ask(node, "", version=version).error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_transactional_producer_is_refused(version: int) -> None:
    with MetadataNode() as node:
        answer = ask(node, "payments", version=version)
        assert (answer.error_code, answer.producer_id) == (ErrorCode.UNSUPPORTED_VERSION, -1)


def test_without_a_disk_there_are_no_ids() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk) as node:
        disk.fail("datasync", errno.EIO, path_part="metadata")
        answer = ask(node)
        assert (answer.error_code, answer.producer_id) == (ErrorCode.KAFKA_STORAGE_ERROR, -1)
