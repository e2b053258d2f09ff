"""The configs of logs, by topic: partitions of which the same was said share one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from broker.config import BrokerConfig, effective_topic_configs
from broker.log import LogConfig


class LogConfigs:
    """`overrides_of` a topic is what was set on it; `config` is the broker's, a new object when a setting changes."""

    def __init__(self, *, config: Callable[[], BrokerConfig], overrides_of: Callable[[str], Mapping[str, str]]) -> None:
        self._config = config
        self._overrides_of = overrides_of
        # At a start the partitions of a topic come one after another, and most topics have no settings of their own:
        # to make each of 10,000 a config took a third of the start.
        self._latest: tuple[BrokerConfig, Mapping[str, str], LogConfig] | None = None

    def of(self, topic: str) -> LogConfig:
        config, overrides = self._config(), self._overrides_of(topic)
        if self._latest is not None and self._latest[0] is config and self._latest[1] == overrides:
            return self._latest[2]
        made = LogConfig.from_topic_configs(effective_topic_configs(config, overrides))
        self._latest = (config, overrides, made)
        return made
