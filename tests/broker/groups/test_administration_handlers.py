"""The handlers that describe, list and delete groups, each in every version.

An answer can be encoded, in the shape that its version has.
"""

from __future__ import annotations

import pytest
from groups_harness.handler_node import HandlerNode

from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode
from protocol.messages.delete_groups import DeleteGroupsRequest
from protocol.messages.describe_groups import DescribeGroupsRequest
from protocol.messages.list_groups import ListGroupsRequest


@pytest.mark.parametrize("version", range(7))
def test_an_unknown_group_is_dead_and_from_v6_not_found(node: HandlerNode, version: int) -> None:
    request = DescribeGroupsRequest(groups=["nobody"], include_authorized_operations=version >= 3)
    (group,) = node.send(ApiKey.DESCRIBE_GROUPS, version, request).groups
    assert group.group_state == "Dead"
    assert group.error_code == (ErrorCode.GROUP_ID_NOT_FOUND if version >= 6 else ErrorCode.NONE)
    assert (group.error_message is not None) == (version >= 6)


@pytest.mark.parametrize("version", range(7))
def test_a_group_is_described_in_every_version(node: HandlerNode, version: int) -> None:
    node.world.stable_group()
    request = DescribeGroupsRequest(groups=["g"], include_authorized_operations=version >= 3)
    (group,) = node.send(ApiKey.DESCRIBE_GROUPS, version, request).groups
    assert (group.group_state, group.protocol_data, len(group.members)) == ("Stable", "range", 1)
    # READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS
    assert group.authorized_operations == (0b1101_0100_1000 if version >= 3 else -0x8000_0000)


@pytest.mark.parametrize("version", range(6))
def test_groups_are_listed_in_every_version(node: HandlerNode, version: int) -> None:
    node.world.stable_group()
    (group,) = node.send(ApiKey.LIST_GROUPS, version, ListGroupsRequest()).groups
    assert (group.group_id, group.protocol_type) == ("g", "consumer")
    assert group.group_state == ("Stable" if version >= 4 else "")
    assert group.group_type == ("classic" if version >= 5 else "")


@pytest.mark.parametrize("version", range(4))
def test_groups_are_deleted_in_every_version(node: HandlerNode, version: int) -> None:
    node.world.commit(7)
    response = node.send(ApiKey.DELETE_GROUPS, version, DeleteGroupsRequest(groups_names=["g", "nobody"]))
    assert {result.group_id: result.error_code for result in response.results} == {
        "g": ErrorCode.NONE,
        "nobody": ErrorCode.GROUP_ID_NOT_FOUND,
    }
