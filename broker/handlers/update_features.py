"""UpdateFeatures (API key 57), versions 0–2: raise the level of a feature for the whole cluster (KIP-584).

v0 cannot downgrade (Kafka 4 passes its flag over), v1 brings validate_only and the upgrade type (KIP-778), v2 has no
results for each feature. The updates are made together or not at all.

Not implemented:
- lowering metadata.version: what was written at a level cannot be taken back, so it is refused as Kafka refuses it;
- features of what is not served: an upgrade to a release of Kafka (kafka-features upgrade --release-version) names
  group.version, transaction.version and others, so it is refused; name metadata.version alone.
"""

from __future__ import annotations

from broker.controller import FeatureUpdate, UpgradeType
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.features import UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse

UPGRADE_TYPE_MIN_VERSION = 1
RESULTS_MAX_VERSION = 1


async def handle(services: Services, context: RequestContext, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse:
    has_type = context.api_version >= UPGRADE_TYPE_MIN_VERSION
    updates = [
        FeatureUpdate(
            asked.feature, asked.max_version_level, asked.upgrade_type if has_type else int(UpgradeType.UPGRADE)
        )
        for asked in request.feature_updates
    ]
    try:
        await services.features.update(updates, validate_only=has_type and request.validate_only)
    except KafkaError as error:
        message = error.message
        if error.code is ErrorCode.INVALID_UPDATE_VERSION:
            message = f"The update failed for all features since the following feature had an error: {message}"
        return UpdateFeaturesResponse(error_code=error.code, error_message=message)
    response = UpdateFeaturesResponse(error_message=None)
    if context.api_version <= RESULTS_MAX_VERSION:
        # Kafka's word for no error, too.
        response.results = [UpdatableFeatureResult(feature=each.name, error_message="NONE") for each in updates]
    return response
