"""Which cluster this node belongs to: as `meta.properties` says, or as the metadata log does, and then both."""

from __future__ import annotations

import logging
from collections.abc import Callable

from broker.cluster.membership import stands_alone
from broker.config import BrokerConfig
from broker.metadata import MetadataDelta, MetadataImage, MetadataPublisher
from broker.quorum import load_or_create_meta_properties, new_uuid, write_meta_properties
from wal import Filesystem, StorageError

logger = logging.getLogger(__name__)


class ClusterIdentity:
    """`cluster_id` is "" until it is known. Raises WrongDirectory and StorageError."""

    def __init__(
        self, filesystem: Filesystem, config: BrokerConfig, *, make_uuid: Callable[[], bytes] = new_uuid
    ) -> None:
        self._filesystem = filesystem
        self._directory = config.data_directory
        self._properties = load_or_create_meta_properties(
            filesystem,
            config.data_directory,
            node_id=config.node_id,
            begins_cluster=stands_alone(config),
            make_uuid=make_uuid,
        )
        self.cluster_id = self._properties.cluster_id

    @property
    def directory_id(self) -> str:
        return self._properties.directory_id

    def follow(self, publisher: MetadataPublisher) -> None:
        publisher.subscribe(self._image_moved)

    def _image_moved(self, delta: MetadataDelta, image: MetadataImage) -> None:
        if self.cluster_id or not image.cluster_id:
            return
        self.cluster_id = image.cluster_id
        properties = type(self._properties)(image.cluster_id, self._properties.node_id, self._properties.directory_id)
        try:
            write_meta_properties(self._filesystem, self._directory, properties)
        except StorageError as error:
            # The log knows the id, too.
            logger.error("the cluster's id could not be written down; the next start tries again: %s", error)
