"""ApiVersions (API key 18), versions 0–5: what this broker serves, straight from the APIS page.

v3 is flexible and names the client's software (KIP-511); the response header stays v0, as the client cannot know yet
what we speak. v4 may list features whose minimum is 0 (KAFKA-17492). v5 lets a client say whom it expects to reach.

Not implemented:
- finalized features (transaction.version and the like): none is finalized, so none is listed.
"""

from __future__ import annotations

import re

from broker.handlers.services import Services
from broker.network import Api
from broker.request import RequestContext
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode
from protocol.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse

SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
SOFTWARE_NAME_MIN_VERSION = 3
EXPECTED_NODE_MIN_VERSION = 5
# KAFKA-18659: librdkafka before 2.11 looks for single versions of Produce to find out what a broker can do. All of
# them are served here, so what is advertised is what is served.


def handle(services: Services, context: RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse:
    # The page lists this handler, and this handler lists the page.
    from broker.handlers import APIS

    if context.api_version >= SOFTWARE_NAME_MIN_VERSION and not (
        SOFTWARE_NAME.fullmatch(request.client_software_name)
        and SOFTWARE_NAME.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    if context.api_version >= EXPECTED_NODE_MIN_VERSION and _expects_another_node(services, request):
        return ApiVersionsResponse(error_code=ErrorCode.REBOOTSTRAP_REQUIRED)
    return ApiVersionsResponse(api_keys=[_range(api) for api in APIS.values()])


def _range(api: Api) -> ApiVersion:
    assert isinstance(api.key, ApiKey)
    return ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version)


def _expects_another_node(services: Services, request: ApiVersionsRequest) -> bool:
    if request.cluster_id is None:
        return False
    return request.cluster_id != services.cluster_id or request.node_id not in (-1, services.node_id)
