"""What the calls of confluent-kafka's AdminClient come to: each answers with a future for each thing it is about."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from harness.confluent import DEADLINE_S


def result(futures: dict[Any, Any]) -> Any:
    """The result of a call about one thing."""
    [future] = futures.values()
    return future.result(DEADLINE_S)


def refusal(futures: dict[Any, Any]) -> KafkaError:
    with pytest.raises(KafkaException) as refused:
        result(futures)
    return refused.value.args[0]
