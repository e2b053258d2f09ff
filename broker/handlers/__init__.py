"""APIS: the one page of what this broker serves. ApiVersions, the dispatcher and docs/COMPATIBILITY.md read it.

Ranges run from Kafka 3.9's oldest version to trunk's newest stable one; what is not served is not listed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from broker.handlers import (
    add_raft_voter,
    alter_configs,
    alter_partition_reassignments,
    api_versions,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_producers,
    describe_quorum,
    describe_topic_partitions,
    elect_leaders,
    fetch,
    find_coordinator,
    heartbeat,
    incremental_alter_configs,
    init_producer_id,
    join_group,
    leave_group,
    list_config_resources,
    list_groups,
    list_offsets,
    list_partition_reassignments,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
    produce_quick,
    remove_raft_voter,
    sync_group,
    unregister_broker,
    update_features,
)
from broker.handlers.forwarding import forwarded
from broker.network import Api, BeginQuickly
from protocol.api_keys import ApiKey
from protocol.messages import REQUESTS, RESPONSES


def _api(
    key: ApiKey, min_version: int, max_version: int, module: ModuleType, begin_quickly: BeginQuickly | None = None
) -> Api:
    handle: Callable[..., Any] = module.handle
    return Api(
        key=key,
        min_version=min_version,
        max_version=max_version,
        request=REQUESTS[key],
        response=RESPONSES[key],
        handle=handle,
        begin_quickly=begin_quickly,
    )


def _admin(key: ApiKey, min_version: int, max_version: int, module: ModuleType) -> Api:
    handle = getattr(module, "handle_or_forward", None) or forwarded(module.handle, RESPONSES[key])
    return Api(key, min_version, max_version, REQUESTS[key], RESPONSES[key], handle)


# Any broker takes these, and the controller carries them out.
ADMIN_MODULES: tuple[tuple[ApiKey, int, int, ModuleType], ...] = (
    (ApiKey.CREATE_TOPICS, 0, 7, create_topics),
    (ApiKey.DELETE_TOPICS, 0, 6, delete_topics),
    (ApiKey.ALTER_CONFIGS, 0, 2, alter_configs),
    (ApiKey.CREATE_PARTITIONS, 0, 3, create_partitions),
    (ApiKey.INCREMENTAL_ALTER_CONFIGS, 0, 1, incremental_alter_configs),
    (ApiKey.ELECT_LEADERS, 0, 2, elect_leaders),
    (ApiKey.ALTER_PARTITION_REASSIGNMENTS, 0, 1, alter_partition_reassignments),
    (ApiKey.DESCRIBE_QUORUM, 0, 2, describe_quorum),
    (ApiKey.UPDATE_FEATURES, 0, 2, update_features),
    (ApiKey.UNREGISTER_BROKER, 0, 0, unregister_broker),
    (ApiKey.ADD_RAFT_VOTER, 0, 1, add_raft_voter),
    (ApiKey.REMOVE_RAFT_VOTER, 0, 0, remove_raft_voter),
)

APIS: dict[int, Api] = {
    api.key: api
    for api in (
        *(_admin(*admin) for admin in ADMIN_MODULES),
        _api(ApiKey.PRODUCE, 0, 13, produce, produce_quick.begin),
        _api(ApiKey.FETCH, 0, 18, fetch),
        _api(ApiKey.LIST_OFFSETS, 0, 11, list_offsets),
        _api(ApiKey.METADATA, 0, 13, metadata),
        _api(ApiKey.OFFSET_COMMIT, 0, 10, offset_commit),
        _api(ApiKey.OFFSET_FETCH, 0, 10, offset_fetch),
        _api(ApiKey.FIND_COORDINATOR, 0, 6, find_coordinator),
        _api(ApiKey.JOIN_GROUP, 0, 9, join_group),
        _api(ApiKey.HEARTBEAT, 0, 4, heartbeat),
        _api(ApiKey.LEAVE_GROUP, 0, 5, leave_group),
        _api(ApiKey.SYNC_GROUP, 0, 5, sync_group),
        _api(ApiKey.DESCRIBE_GROUPS, 0, 6, describe_groups),
        _api(ApiKey.LIST_GROUPS, 0, 5, list_groups),
        _api(ApiKey.API_VERSIONS, 0, 5, api_versions),
        _api(ApiKey.DELETE_RECORDS, 0, 2, delete_records),
        _api(ApiKey.INIT_PRODUCER_ID, 0, 5, init_producer_id),
        _api(ApiKey.OFFSET_FOR_LEADER_EPOCH, 0, 4, offset_for_leader_epoch),
        _api(ApiKey.DESCRIBE_CONFIGS, 0, 4, describe_configs),
        _api(ApiKey.DESCRIBE_LOG_DIRS, 0, 5, describe_log_dirs),
        _api(ApiKey.DELETE_GROUPS, 0, 2, delete_groups),
        _api(ApiKey.LIST_PARTITION_REASSIGNMENTS, 0, 0, list_partition_reassignments),
        _api(ApiKey.OFFSET_DELETE, 0, 0, offset_delete),
        _api(ApiKey.DESCRIBE_CLUSTER, 0, 2, describe_cluster),
        _api(ApiKey.DESCRIBE_PRODUCERS, 0, 0, describe_producers),
        _api(ApiKey.LIST_CONFIG_RESOURCES, 0, 1, list_config_resources),
        _api(ApiKey.DESCRIBE_TOPIC_PARTITIONS, 0, 0, describe_topic_partitions),
    )
}
