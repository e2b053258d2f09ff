"""The controller: takes wishes about the cluster, decides, and answers when the decision is applied here.

    decide on the draft image (pure) -> submit the records -> await the apply of that very entry -> answer

Between deciding and submitting nothing is awaited, so two decisions never see the same state by accident. Every
method raises KafkaError where the log did not take the change: NOT_CONTROLLER, KAFKA_STORAGE_ERROR,
REQUEST_TIMED_OUT. A caller that is cancelled or stops waiting takes nothing back: what was proposed may be applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from broker.config import BrokerConfig
from broker.controller.configs import ConfigChange, decide_config_changes
from broker.controller.internal_topics import internal_topic
from broker.controller.producer_ids import ProducerIdDispenser, decide_producer_ids
from broker.controller.proposals import Proposals
from broker.controller.remote import RemoteController
from broker.controller.topic_changes import NewPartitions, decide_create_partitions, decide_delete_topics
from broker.controller.topic_results import TopicResult
from broker.controller.topics import (
    ConfigValidator,
    CreateTopicsDecision,
    NewTopic,
    TopicDefaults,
    decide_create_topics,
)
from broker.metadata import (
    ClusterIdRecord,
    MetadataImage,
    MetadataPublisher,
    MetadataRecord,
    TopicImage,
    is_internal,
)
from broker.quorum import Quorum, WrongDirectory, new_uuid
from protocol.errors import ErrorCode, KafkaError


class Controller:
    """`config` is read at every decision, so a dynamic change of a default counts from then on."""

    def __init__(
        self,
        *,
        node_id: int,
        config: Callable[[], BrokerConfig],
        quorum: Quorum,
        publisher: MetadataPublisher,
        validate_topic_configs: ConfigValidator,
        make_uuid: Callable[[], bytes] = new_uuid,
        remote: RemoteController | None = None,
        cluster_id_if_new: Callable[[], str] | None = None,
        features_if_new: Callable[[], Sequence[MetadataRecord]] = tuple,
    ) -> None:
        self._node_id = node_id
        self._config = config
        self._quorum = quorum
        self._publisher = publisher
        self._validate_topic_configs = validate_topic_configs
        self._make_uuid = make_uuid
        self._remote = remote
        self._cluster_id_if_new = cluster_id_if_new
        self._features_if_new = features_if_new
        self.proposals = Proposals(quorum, publisher)
        self._creating: dict[str, asyncio.Future[None]] = {}
        self._producer_ids = ProducerIdDispenser(self._allocate_producer_ids)

    @property
    def leader_id(self) -> int | None:
        """The node that decides; None while there is none."""
        return self._quorum.leader_id

    @property
    def is_active(self) -> bool:
        """Whether it is this node that decides."""
        return self._quorum.is_leader

    @property
    def image(self) -> MetadataImage:
        """The image to decide on: for a caller that works out a change and awaits it at once (alter_configs)."""
        return self.proposals.image

    def active_changed(self, is_active: bool) -> None:
        """This node became the controller, or ceased to be: a cluster that is not there yet begins with its id."""
        if is_active and not self.image.cluster_id and self._cluster_id_if_new is not None:
            self.proposals.submit([ClusterIdRecord(self._cluster_id_if_new()), *self._features_if_new()])

    # --- the cluster and its brokers ---------------------------------------------------------------------------

    async def begin_cluster(self, cluster_id: str) -> None:
        """Give a new cluster its id. Raises WrongDirectory where the log is of another cluster."""
        known = self.image.cluster_id
        if not known:
            await self._commit([ClusterIdRecord(cluster_id), *self._features_if_new()])
        elif known != cluster_id:
            raise WrongDirectory(
                f"the metadata log is of cluster {known}, but meta.properties says {cluster_id}: "
                "one of them is from another data directory; put back the one that belongs here"
            )

    # --- topics ------------------------------------------------------------------------------------------------

    async def create_topics(self, topics: Sequence[NewTopic], *, validate_only: bool = False) -> list[TopicResult]:
        decision = self._decide_create(topics)
        if not validate_only:
            self._remember_creation(decision, self.proposals.submit(decision.records))
        await self._settled()
        return decision.results

    async def auto_create_topic(self, name: str) -> TopicImage:
        """The topic, created with the defaults where it is missing; concurrent callers share one proposal.

        Raises KafkaError: INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR, … Whether clients may do this
        (auto.create.topics.enable) is for the caller to ask.
        """
        if is_internal(name):
            return await self.ensure_internal_topic(name)
        return await self._ensure(name, lambda: NewTopic(name))

    async def ensure_internal_topic(self, name: str) -> TopicImage:
        """The internal topic, created with its own settings where it is missing."""
        return await self._ensure(name, lambda: self._internal_topic(name))

    def _internal_topic(self, name: str) -> NewTopic:
        topic = internal_topic(name, self._config())
        if topic is None:
            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"nothing here writes to '{name}' yet")
        return topic

    async def _ensure(self, name: str, describe: Callable[[], NewTopic]) -> TopicImage:
        topic = self._publisher.image.topics_by_name.get(name)
        if topic is not None:
            return topic
        creating = self._creating.get(name)
        if creating is None:
            creating = self._begin_creation(describe()) if self.is_active else self._create_elsewhere(describe())
        await asyncio.shield(creating)
        topic = self._publisher.image.topics_by_name.get(name)
        if topic is None:
            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"topic '{name}' was deleted at once")
        return topic

    def _begin_creation(self, topic: NewTopic) -> asyncio.Future[None]:
        decision = self._decide_create([topic])
        error = decision.results[0].error
        if error is not None and error.code is not ErrorCode.TOPIC_ALREADY_EXISTS:
            raise error
        # Where it exists already, but only in the draft, this is the future of the draft.
        future = self.proposals.submit(decision.records)
        self._remember_creation(decision, future)
        return future

    def _create_elsewhere(self, topic: NewTopic) -> asyncio.Future[None]:
        """Shared by all who want it meanwhile, as a proposal of this node's own is."""
        if self._remote is None:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "this node is not the controller")
        task = asyncio.get_running_loop().create_task(self._remote.create_topic(topic), name=f"create-{topic.name}")
        self._remember([topic.name], task)
        return task

    def _decide_create(self, topics: Sequence[NewTopic]) -> CreateTopicsDecision:
        config = self._config()
        return decide_create_topics(
            self.image,
            topics,
            defaults=TopicDefaults(config.num_partitions, config.default_replication_factor),
            validate_configs=self._validate_topic_configs,
            make_uuid=self._make_uuid,
        )

    def _remember_creation(self, decision: CreateTopicsDecision, future: asyncio.Future[None]) -> None:
        self._remember([r.name for r in decision.results if r.error is None and r.name is not None], future)

    def _remember(self, names: Sequence[str], future: asyncio.Future[None]) -> None:
        for name in names:
            self._creating[name] = future

        def forget(_: asyncio.Future[None]) -> None:
            for name in names:
                if self._creating.get(name) is future:
                    del self._creating[name]

        future.add_done_callback(forget)

    async def delete_topics(self, *, names: Sequence[str] = (), topic_ids: Sequence[bytes] = ()) -> list[TopicResult]:
        """Whether this is allowed at all (delete.topic.enable) is for the caller to ask."""
        records, results = decide_delete_topics(self.image, names=names, topic_ids=topic_ids)
        await self._commit(records)
        return results

    async def create_partitions(
        self, topics: Sequence[NewPartitions], *, validate_only: bool = False
    ) -> list[TopicResult]:
        records, results = decide_create_partitions(self.image, topics)
        await self._commit([] if validate_only else records)
        return results

    # --- configs and producer ids ------------------------------------------------------------------------------

    async def alter_configs(self, changes: Sequence[ConfigChange]) -> None:
        """Set and take back keys, validated by the caller. UNKNOWN_TOPIC_OR_PARTITION refuses all of `changes`."""
        await self._commit(decide_config_changes(self.image, changes))

    async def next_producer_id(self) -> int:
        """An id that no producer of this cluster ever had."""
        return await self._producer_ids.next_producer_id()

    async def allocate_producer_ids(self, broker_id: int) -> tuple[int, int]:
        """A block of ids for a broker: the first, and the one behind the last."""
        first = self.image.next_producer_id
        record = decide_producer_ids(self.image, broker_id=broker_id)
        await self._commit([record])
        return first, record.next_producer_id

    async def _allocate_producer_ids(self) -> tuple[int, int]:
        if self.is_active or self._remote is None:
            return await self.allocate_producer_ids(self._node_id)
        return await self._remote.allocate_producer_ids()

    # --- committing --------------------------------------------------------------------------------------------

    async def _commit(self, records: Sequence[MetadataRecord]) -> None:
        await asyncio.shield(self.proposals.submit(records))

    async def _settled(self) -> None:
        """Everything proposed so far is applied."""
        await asyncio.shield(self.proposals.submit([]))
