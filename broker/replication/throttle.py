"""How fast this broker may send or fetch the records of replicas that catch up (Kafka's ReplicationQuotaManager).

An operator names replicas in the configs of topics and a rate in those of brokers, so that a reassignment leaves room
for producers and consumers. Only replicas that are not in sync are ever held back: those that are, producers wait for.
Bytes of all named replicas count, in sync or not.

The rate is measured over the samples that are younger than replication.quota.window.num windows of
replication.quota.window.size.seconds. It is looked at before records are read and not while, so one fetch may go beyond
it; then nothing follows until the average is below it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from broker.clock import Clock
from broker.config import BrokerConfig
from broker.metadata import MetadataPublisher

LEADER_REPLICAS = "leader.replication.throttled.replicas"
FOLLOWER_REPLICAS = "follower.replication.throttled.replicas"
EVERY_REPLICA = "*"
UNLIMITED = 2**63 - 1
# A held-back fetch is looked at again neither in a busy loop nor so late that the rate is not reached.
PAUSE_S_MIN, PAUSE_S_MAX = 0.02, 1.0


class Rate:
    """Bytes a second over the last samples; the oldest began at most `samples_max` windows ago."""

    def __init__(self, samples_max: int, window_ms: int) -> None:
        self._samples_max = samples_max
        self._window_ms = window_ms
        # When each began, and its bytes.
        self._samples: deque[tuple[int, int]] = deque()
        self._total = 0

    def record(self, size_bytes: int, now_ms: int) -> None:
        self._forget_old(now_ms)
        self._total += size_bytes
        if self._samples and now_ms - self._samples[-1][0] < self._window_ms:
            began_ms, so_far = self._samples.pop()
            self._samples.append((began_ms, so_far + size_bytes))
        else:
            self._samples.append((now_ms, size_bytes))

    def bytes_per_second(self, now_ms: int) -> float:
        self._forget_old(now_ms)
        return self._total * 1000 / self._elapsed_ms(now_ms)

    def ms_until_at_most(self, bytes_per_second: int, now_ms: int) -> int:
        """When it will have fallen so far, if nothing more is recorded; at the latest when the oldest is forgotten."""
        self._forget_old(now_ms)
        if not self._samples or not bytes_per_second:
            return self._window_ms
        return -(-self._total * 1000 // bytes_per_second) - self._elapsed_ms(now_ms)

    def _elapsed_ms(self, now_ms: int) -> int:
        # Less than a window is no measure: the first fetch would always be too fast.
        return max(now_ms - self._samples[0][0], self._window_ms) if self._samples else self._window_ms

    def _forget_old(self, now_ms: int) -> None:
        while self._samples and now_ms - self._samples[0][0] >= self._samples_max * self._window_ms:
            self._total -= self._samples.popleft()[1]


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Which of a topic's and of a broker's configs it follows."""

    replicas: str
    rate: Callable[[BrokerConfig], int]


LEADER = ThrottleSettings(LEADER_REPLICAS, lambda config: config.leader_replication_throttled_rate)
FOLLOWER = ThrottleSettings(FOLLOWER_REPLICAS, lambda config: config.follower_replication_throttled_rate)


class ReplicationThrottle:
    """One direction of this broker; `started` is its config at the start. `config` is read at every look, so a change
    counts at once."""

    def __init__(
        self,
        settings: ThrottleSettings,
        started: BrokerConfig,
        *,
        config: Callable[[], BrokerConfig],
        publisher: MetadataPublisher,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._node_id = started.node_id
        self._config = config
        self._publisher = publisher
        self._clock = clock
        self._measured = Rate(
            started.replication_quota_window_num, started.replication_quota_window_size_seconds * 1000
        )

    def covers(self, topic: str, partition: int) -> bool:
        """Whether this broker's replica of the partition is named in the topic's config."""
        named = self._publisher.image.topic_configs(topic).get(self._settings.replicas)
        if not named:
            return False
        replicas = _replicas_of(named)
        return replicas is None or (partition, self._node_id) in replicas

    def is_in_sync(self, topic: str, partition: int) -> bool:
        """Whether this broker's replica is, as far as its image knows: then producers wait for it."""
        found = self._publisher.image.partition(topic, partition)
        return found is not None and self._node_id in found.isr

    @property
    def is_exceeded(self) -> bool:
        rate = self._settings.rate(self._config())
        return rate < UNLIMITED and self._measured.bytes_per_second(self._clock.monotonic_ms()) > rate

    def record(self, size_bytes: int) -> None:
        """So much of a covered replica was sent or fetched."""
        self._measured.record(size_bytes, self._clock.monotonic_ms())

    @property
    def pause_s(self) -> float:
        """How long to leave alone what is held back now."""
        rate = self._settings.rate(self._config())
        wait_s = self._measured.ms_until_at_most(rate, self._clock.monotonic_ms()) / 1000
        return min(max(wait_s, PAUSE_S_MIN), PAUSE_S_MAX)


@lru_cache(maxsize=1024)
def _replicas_of(named: str) -> frozenset[tuple[int, int]] | None:
    """(partition, broker) of each replica that is named; None for all of them. The text was checked when it was set."""
    if named.strip() == EVERY_REPLICA:
        return None
    pairs = (item.split(":") for item in named.split(",") if item.strip())
    return frozenset((int(partition), int(broker)) for partition, broker in pairs)
