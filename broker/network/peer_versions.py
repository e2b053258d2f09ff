"""What another node speaks: asked once a connection (ApiVersions), before anything else is said over it.

Whoever sends names the newest version that it speaks; what goes over the wire is the newest that both do. So a node
speaks to older ones as they understand, and one with which there is no common version is refused aloud, once a
connection. A node from before this question hangs up at it: then it is spoken to in the versions of that time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.api_keys import ApiKey, PrivateApiKey
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse

logger = logging.getLogger(__name__)

ASKED_IN_VERSION = 3

Range = tuple[int, int]

# All that those spoke who did not answer the question.
_BEFORE: Mapping[int, Range] = {
    PrivateApiKey.RAFT_MESSAGES: (0, 0),
    PrivateApiKey.JOIN_QUORUM: (0, 0),
    PrivateApiKey.FORWARD: (0, 0),
    ApiKey.BROKER_REGISTRATION: (0, 4),
    ApiKey.BROKER_HEARTBEAT: (0, 2),
    ApiKey.ALTER_PARTITION: (2, 3),
    ApiKey.ALLOCATE_PRODUCER_IDS: (0, 0),
}


class NoCommonVersion(Exception):
    """The other node cannot be asked this; the message says who is too old."""


@dataclass(slots=True)
class PeerVersions:
    """Inclusive ranges by API key and by feature; `features` is None where the node is too old to say."""

    who: str
    ranges: Mapping[int, Range]
    features: Mapping[str, Range] | None = None
    _told: set[int] = field(default_factory=set)

    @property
    def is_assumed(self) -> bool:
        """It never said so itself."""
        return self.features is None

    @classmethod
    def answered(cls, who: str, response: ApiVersionsResponse) -> PeerVersions:
        return cls(
            who,
            {api.api_key: (api.min_version, api.max_version) for api in response.api_keys},
            {each.name: (each.min_version, each.max_version) for each in response.supported_features},
        )

    @classmethod
    def before(cls, who: str) -> PeerVersions:
        """Of a node that hung up at the question."""
        return cls(who, _BEFORE)

    def common(self, key: int, oldest: int, newest: int) -> int:
        """The version to speak to it, at most `newest`. Raises NoCommonVersion, and logs it the first time."""
        low, high = self.ranges.get(key, (0, -1))
        version = min(newest, high)
        if version < max(low, oldest):
            raise self._refusal(key, oldest, newest)
        return version

    def _refusal(self, key: int, oldest: int, newest: int) -> NoCommonVersion:
        low, high = self.ranges.get(key, (0, -1))
        speaks = f"only in versions {low} to {high}" if high >= 0 else "not at all"
        older = "this node" if low > newest else "that node"
        problem = (
            f"{self.who} takes {_name(key)} {speaks}, and this node speaks {oldest} to {newest}: upgrade {older} first"
        )
        if key not in self._told:
            self._told.add(key)
            logger.error("%s", problem)
        return NoCommonVersion(problem)


def question() -> ApiVersionsRequest:
    return ApiVersionsRequest(client_software_name="millstream", client_software_version="node")


def _name(key: int) -> str:
    return (PrivateApiKey if key >= min(PrivateApiKey) else ApiKey)(key).name
