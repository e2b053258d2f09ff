"""The metadata log of one node: what was acknowledged is there after any restart, once, and nothing in part."""

from __future__ import annotations

import asyncio
import errno
import random
import struct

import pytest
from harness.metadata_node import DATA_DIRECTORY, CountingUuids, MetadataNode
from simulation import SimulatedCrash, SimulatedFilesystem

from broker.controller import NewTopic
from broker.metadata import (
    METADATA_VERSION,
    NEWEST_LEVEL,
    ConfigRecord,
    FeatureLevelRecord,
    MetadataImage,
    MetadataPublisher,
    RemoveTopicRecord,
    UnknownMetadata,
)
from broker.metadata.features import FIRST_LEVEL
from broker.metadata.records import RESOURCE_GROUP
from broker.quorum import QuorumSettings, RaftQuorum, log_storage
from protocol.errors import ErrorCode, KafkaError
from raft import Configuration, EntryKind
from wal import CorruptionError, Journal, StorageError, make_directory_durably, read_checked, write_checked

METADATA = f"{DATA_DIRECTORY}/metadata"


def facts(image: MetadataImage) -> tuple[object, ...]:
    """What a restart must bring back; brokers register anew at every start."""
    return (
        image.cluster_id,
        image.topics_by_name,
        image.topics_by_id,
        image.configs,
        image.names_by_collision_key,
        image.next_producer_id,
    )


def fill(node: MetadataNode, count: int) -> None:
    for i in range(count):
        node.run(node.controller.create_topics([NewTopic(f"topic.{i}", 2, 1, configs={"retention.ms": str(i)})]))


def test_a_restart_reads_everything_back() -> None:
    with MetadataNode() as node:
        fill(node, 30)
        node.run(node.controller.delete_topics(names=["topic.3"]))
        node.run(node.controller.next_producer_id())
        before = facts(node.image)
        node.restart()
        assert facts(node.image) == before


def test_a_restart_from_a_snapshot_and_the_log_behind_it_gives_the_same() -> None:
    with MetadataNode(snapshot_interval_bytes=2000) as node:
        fill(node, 30)
        before = facts(node.image)
        assert node.filesystem.exists(f"{METADATA}/snapshot")
        node.restart()
        assert facts(node.image) == before
        assert len(node.applied_offsets) == 3, "the snapshot, what followed on it, the registration"


def test_without_a_snapshot_interval_reached_there_is_no_snapshot() -> None:
    with MetadataNode() as node:
        fill(node, 3)
        assert not node.filesystem.exists(f"{METADATA}/snapshot")


def test_a_snapshot_that_cannot_be_written_stops_nothing() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk, snapshot_interval_bytes=1000) as node:
        disk.fail("create", errno.ENOSPC, path_part="snapshot", times=-1)
        fill(node, 20)
        before = facts(node.image)
        assert not node.failures
        node.restart()
        assert facts(node.image) == before


def test_a_damaged_snapshot_is_refused_and_named() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk, snapshot_interval_bytes=1000) as node:
        fill(node, 20)
    disk.damage(f"{METADATA}/snapshot", 40, b"\xff\xff\xff")
    with pytest.raises(CorruptionError, match="metadata/snapshot"):
        MetadataNode(disk)


def test_a_log_that_ends_before_its_snapshot_is_refused() -> None:
    """Entries that follow would otherwise be taken for those that the snapshot holds."""
    disk = SimulatedFilesystem()
    with MetadataNode(disk, snapshot_interval_bytes=1000) as node:
        fill(node, 20)
    for name in disk.list(METADATA):
        if name.endswith(".wal"):
            disk.remove(f"{METADATA}/{name}")
    with pytest.raises(CorruptionError, match="files are missing"):
        MetadataNode(disk)


def test_entries_of_a_newer_format_are_refused() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk) as node:
        last, term = node.quorum.status().last_index, node.quorum.term
    journal = Journal.open(disk, METADATA)
    entry = struct.pack(">qqB", term, last + 1, EntryKind.NORMAL) + b"\x92\x63\x90"  # [format version 99, []]
    journal.enqueue(log_storage.ENTRY, [entry])
    journal.commit()
    journal.close()
    with pytest.raises(UnknownMetadata, match="format 99"):
        MetadataNode(disk)


def test_a_proposal_to_a_log_that_is_not_running_is_refused() -> None:
    record = ConfigRecord(RESOURCE_GROUP, "g", "k", "v")

    async def propose() -> None:
        quorum = RaftQuorum(SimulatedFilesystem(), METADATA, node_id=1)
        with pytest.raises(KafkaError) as before:
            await quorum.propose([record])
        assert before.value.code is ErrorCode.NOT_CONTROLLER
        await quorum.start(MetadataPublisher())
        assert (quorum.is_leader, quorum.leader_id) == (True, 1)
        await quorum.stop()
        assert (quorum.is_leader, quorum.leader_id) == (False, None)
        with pytest.raises(KafkaError) as after:
            await quorum.propose([record])
        assert after.value.code is ErrorCode.NOT_CONTROLLER

    asyncio.run(propose())


def test_a_stop_settles_what_was_proposed() -> None:
    disk = SimulatedFilesystem()

    async def propose_and_stop() -> None:
        quorum = RaftQuorum(disk, METADATA, node_id=1)
        await quorum.start(MetadataPublisher())
        future = quorum.propose([ConfigRecord(RESOURCE_GROUP, "g", "k", "v")])
        await quorum.stop()
        assert future.done()
        future.result()

    asyncio.run(propose_and_stop())


def test_a_proposal_without_room_is_refused_at_once() -> None:
    settings = QuorumSettings(Configuration.of(1), proposals_max=3)

    async def overfill() -> None:
        quorum = RaftQuorum(SimulatedFilesystem(), METADATA, node_id=1, settings=settings)
        await quorum.start(MetadataPublisher())
        record = ConfigRecord(RESOURCE_GROUP, "g", "k", "v")
        taken = [quorum.propose([record]) for _ in range(3)]
        with pytest.raises(KafkaError) as refused:
            quorum.propose([record])
        assert refused.value.code is ErrorCode.REQUEST_TIMED_OUT
        await asyncio.gather(*taken)
        await quorum.propose([record])
        await quorum.stop()

    asyncio.run(overfill())


def test_a_record_that_does_not_fit_the_state_never_gets_into_the_log() -> None:
    with MetadataNode() as node:
        before = node.image.metadata_offset
        with pytest.raises(AssertionError):
            node.controller.proposals.submit([RemoveTopicRecord(b"x" * 16)])
        node.run(node.controller.auto_create_topic("a"))
        assert node.image.metadata_offset == before + 1


class Life:
    """Creations and deletions until the machine stops; knows what was acknowledged."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.acknowledged: set[str] = set()
        # Proposed, and neither acknowledged nor refused when the machine stopped.
        self.uncertain: set[str] = set()
        self.counter = 0

    def work(self, node: MetadataNode) -> None:
        while True:
            self.counter += 1
            if self.acknowledged and self.rng.random() < 0.3:
                name = self.rng.choice(sorted(self.acknowledged))
                self.acknowledged.discard(name)
                self.uncertain.add(name)
                node.run(node.controller.delete_topics(names=[name]))
                self.uncertain.discard(name)
            else:
                name = f"t.{self.counter}"
                self.uncertain.add(name)
                node.run(node.controller.create_topics([NewTopic(name, self.rng.randint(1, 5), 1)]))
                self.uncertain.discard(name)
                self.acknowledged.add(name)

    def check(self, image: MetadataImage) -> None:
        names = set(image.topics_by_name)
        assert self.acknowledged <= names, f"acknowledged and gone: {self.acknowledged - names}"
        assert names <= self.acknowledged | self.uncertain, "there is a topic that is not"
        assert {t.name for t in image.topics_by_id.values()} == names
        self.acknowledged, self.uncertain = names, set()


@pytest.mark.parametrize("seed", range(40))
def test_a_crash_anywhere_also_in_snapshots_and_trims_loses_nothing_acknowledged(seed: int) -> None:
    rng = random.Random(seed)
    disk = SimulatedFilesystem(seed)
    life = Life(rng)
    uuids = CountingUuids()
    for _ in range(4):
        disk.crash_at = rng.randrange(5, 120)
        node: MetadataNode | None = None
        try:
            node = MetadataNode(disk, snapshot_interval_bytes=600, make_uuid=uuids)
            life.check(node.image)
            life.work(node)
        except (SimulatedCrash, StorageError, KafkaError):
            pass
        if node is not None:
            with pytest.raises(SimulatedCrash):
                node.close()
        disk = disk.power_loss() if rng.random() < 0.8 else disk.kill()
    with MetadataNode(disk, make_uuid=uuids) as node:
        life.check(node.image)


@pytest.mark.parametrize(("level", "begins_with"), [(FIRST_LEVEL, b"\0\0"), (NEWEST_LEVEL, b"MSMS\0\1")])
def test_a_snapshot_file_has_a_version_once_every_node_knows_to_look_for_one(level: int, begins_with: bytes) -> None:
    with MetadataNode(snapshot_interval_bytes=2000) as node:
        node.propose(FeatureLevelRecord(METADATA_VERSION, level))
        fill(node, 30)
        content = read_checked(node.filesystem, f"{METADATA}/snapshot")
        assert content is not None and content.startswith(begins_with)
        before = facts(node.image)
        node.restart()
        assert (facts(node.image), node.image.features) == (before, {METADATA_VERSION: level})


def test_a_snapshot_file_of_a_newer_version_is_refused_with_what_to_do() -> None:
    filesystem = SimulatedFilesystem()
    make_directory_durably(filesystem, METADATA)
    write_checked(filesystem, f"{METADATA}/snapshot", b"MSMS\0\2whatever")
    with pytest.raises(CorruptionError, match=r"has format 2, .*start the version that wrote it"):
        MetadataNode(filesystem)


def test_a_node_too_old_for_a_level_that_the_cluster_reached_takes_no_part_any_more() -> None:
    with MetadataNode() as node:
        node.run(outcome(node, FeatureLevelRecord(METADATA_VERSION, NEWEST_LEVEL + 1)))
        (failure,) = node.failures
        assert isinstance(failure, UnknownMetadata)
        assert "start the version that the others run" in str(failure)
        assert not node.quorum.is_leader


async def outcome(node: MetadataNode, record: FeatureLevelRecord) -> None:
    with pytest.raises(KafkaError):
        await node.quorum.propose([record])
