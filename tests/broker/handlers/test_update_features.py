"""UpdateFeatures and what ApiVersions says of features, on one node and beside a controller of an older version."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from harness.handler_call import services_of
from harness.metadata_node import LISTENER, MetadataNode
from harness.raw_client import RawClient

from broker.handlers import APIS
from broker.metadata import METADATA_VERSION, NEWEST_LEVEL, SUPPORTED
from broker.request import RequestContext
from protocol import ApiKey
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.api_versions import ApiVersionsRequest
from protocol.messages.features import FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse


@pytest.mark.parametrize("version", [3, 4, 5])
def test_api_versions_tells_the_features_and_where_in_the_log_that_was(broker: BrokerProcess, version: int) -> None:
    request = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    with RawClient(broker.bootstrap) as client:
        answer = client.call(request, version=version)
    supported = {each.name: (each.min_version, each.max_version) for each in answer.supported_features}
    finalized = {each.name: (each.min_version_level, each.max_version_level) for each in answer.finalized_features}
    assert supported == dict(SUPPORTED)
    assert finalized == {METADATA_VERSION: (NEWEST_LEVEL, NEWEST_LEVEL), "kraft.version": (1, 1)}
    assert answer.finalized_features_epoch > 0


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_update_is_answered_as_kafka_does(broker: BrokerProcess, version: int) -> None:
    updates = [FeatureUpdateKey(feature=METADATA_VERSION, max_version_level=level) for level in (NEWEST_LEVEL, 99)]
    with RawClient(broker.bootstrap) as client:
        done = client.call(UpdateFeaturesRequest(feature_updates=updates[:1]), version=version)
        refused = client.call(UpdateFeaturesRequest(feature_updates=updates[1:]), version=version)
    assert (done.error_code, done.error_message) == (ErrorCode.NONE, None)
    results = [(each.feature, each.error_code, each.error_message) for each in done.results or []]
    assert results == ([] if version == 2 else [(METADATA_VERSION, 0, "NONE")])
    assert (refused.error_code, refused.results or []) == (ErrorCode.INVALID_UPDATE_VERSION, [])
    assert refused.error_message.startswith("The update failed for all features since the following feature had an er")


def test_what_the_controller_is_too_old_for_is_an_unsupported_version_with_the_reason() -> None:
    with MetadataNode() as node:
        services = services_of(node)
        services.forwarder = OldController()  # type: ignore[assignment]
        node.run(node.quorum.stop())
        context = RequestContext(ApiKey.UPDATE_FEATURES, 2, 1, "client", "127.0.0.1", LISTENER)
        answer = node.run(APIS[ApiKey.UPDATE_FEATURES].handle(services, context, UpdateFeaturesRequest()))
    assert isinstance(answer, UpdateFeaturesResponse)
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert answer.error_message == (
        "the controller runs an older version, which does not take UPDATE_FEATURES v2: upgrade it first"
    )


class OldController:
    """The way to one that does not know the API."""

    async def forward(self, *arguments: object, **how: Any) -> object:
        await asyncio.sleep(0)
        raise KafkaError(ErrorCode.UNSUPPORTED_VERSION)
