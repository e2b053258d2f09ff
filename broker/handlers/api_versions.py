"""ApiVersions (API key 18), versions 0–5: what this broker serves, straight from the APIS page.

v3 is flexible and names the client's software (KIP-511) and the cluster's features (KIP-584); the response header stays
v0, as the client cannot know yet what we speak. v4 may list features whose minimum is 0 (KAFKA-17492): there is none.
v5 lets a client say whom it expects to reach. Controllers' listeners answer with what they serve (see peer_versions).

Not implemented:
- transaction.version, group.version and other features of what is not served: they are not listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from broker.handlers.services import Services
from broker.metadata import SUPPORTED, finalized
from broker.network import Api
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
SOFTWARE_NAME_MIN_VERSION = 3
EXPECTED_NODE_MIN_VERSION = 5
# KAFKA-18659: librdkafka before 2.11 looks for single versions of Produce to find out what a broker can do. All of
# them are served here, so what is advertised is what is served.


def handle(services: Services, context: RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse:
    # The page lists this handler, and this handler lists the page.
    from broker.handlers import APIS

    return _answer(services, context, request, APIS)


def handle_at_controller(
    services: Services, context: RequestContext, request: ApiVersionsRequest
) -> ApiVersionsResponse:
    """On a listener for nodes of this cluster, which has private APIs."""
    from broker.handlers.controller_apis import CONTROLLER_APIS

    return _answer(services, context, request, CONTROLLER_APIS)


def _answer(
    services: Services, context: RequestContext, request: ApiVersionsRequest, apis: Mapping[int, Api]
) -> ApiVersionsResponse:
    if context.api_version >= SOFTWARE_NAME_MIN_VERSION and not (
        SOFTWARE_NAME.fullmatch(request.client_software_name)
        and SOFTWARE_NAME.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    if context.api_version >= EXPECTED_NODE_MIN_VERSION and _expects_another_node(services, request):
        return ApiVersionsResponse(error_code=ErrorCode.REBOOTSTRAP_REQUIRED)
    image = services.metadata.image
    return ApiVersionsResponse(
        api_keys=[_range(api) for api in apis.values()],
        supported_features=[
            SupportedFeatureKey(name=name, min_version=low, max_version=high) for name, (low, high) in SUPPORTED.items()
        ],
        finalized_features_epoch=image.metadata_offset,
        finalized_features=[
            FinalizedFeatureKey(name=name, min_version_level=level, max_version_level=level)
            for name, level in finalized(image).items()
        ],
    )


def _range(api: Api) -> ApiVersion:
    return ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version)


def _expects_another_node(services: Services, request: ApiVersionsRequest) -> bool:
    if request.cluster_id is None:
        return False
    return request.cluster_id != services.cluster_id or request.node_id not in (-1, services.node_id)
