"""What became of each topic of a request, and how a topic that is named twice is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from protocol.errors import ErrorCode, KafkaError

# Kafka's bound on the partitions of one request: one entry of the log must stay small enough to replicate.
PARTITIONS_PER_REQUEST_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TopicResult:
    """What became of one topic of a request. `name` is None for an id that nobody knows."""

    name: str | None
    topic_id: bytes = bytes(16)
    error: KafkaError | None = None
    num_partitions: int = -1
    replication_factor: int = -1
    # What was set on the topic, without defaults.
    configs: Mapping[str, str] = field(default_factory=dict)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)


def refusal(name: str | None, code: ErrorCode, message: str, topic_id: bytes = bytes(16)) -> TopicResult:
    return TopicResult(name, topic_id, KafkaError(code, message))


def once_each(topics: Sequence[T], results: list[TopicResult]) -> list[T]:
    """Topics that are named once; a name that comes more often is refused once, and none of its topics is done."""
    counts = Counter(topic.name for topic in topics)
    for name, count in counts.items():
        if count > 1:
            results.append(refusal(name, ErrorCode.INVALID_REQUEST, "the request names this topic twice"))
    return [topic for topic in topics if counts[topic.name] == 1]
