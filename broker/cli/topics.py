"""`millstream topics`: list, create, describe, alter and delete topics."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import typer

from broker.cli.client import Client, check
from broker.cli.config_requests import describe_configs
from broker.cli.kafka_words import KafkaCommand, KafkaGroup
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_settings,
)
from broker.cli.output import say, show_json, show_rows
from protocol import ApiKey, KafkaError
from protocol.config_numbers import ConfigSource, ResourceType
from protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse, DeleteTopicState
from protocol.messages.metadata import MetadataResponseTopic

app = typer.Typer(cls=KafkaGroup, no_args_is_help=True, help="List, create, describe, alter and delete topics.")

DELETE_BY_STATE_MIN_VERSION = 6

Names = Annotated[list[str], typer.Argument(metavar="TOPIC...", help="Names of topics.")]


@app.command("list")
def list_topics(
    internal: Annotated[bool, typer.Option("--internal", help="Show internal topics too.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """List the topics with their partitions and replicas.

    \b
    Examples:
      millstream topics list
      millstream topics list --internal --json
    """
    with connected(bootstrap_server, timeout) as client:
        rows = [
            {
                "topic": topic.name,
                "partitions": len(topic.partitions),
                "replicas": max((len(p.replica_nodes) for p in topic.partitions), default=0),
                "internal": topic.is_internal,
            }
            for topic in client.topics(None)
            if internal or not topic.is_internal
        ]
    columns = {"topic": "TOPIC", "partitions": "PARTITIONS", "replicas": "REPLICAS"}
    show_rows(rows, columns=columns, as_json=as_json, empty="There are no topics.")


@app.command("create", cls=KafkaCommand)
def create_topic(
    topic: Annotated[str, typer.Argument(help="The new topic's name.")],
    partitions: Annotated[
        int, typer.Option("--partitions", "-p", help="How many partitions; -1 for the broker's num.partitions.")
    ] = -1,
    replication_factor: Annotated[
        int, typer.Option("--replication-factor", "-r", help="How many replicas; -1 for the broker's default.")
    ] = -1,
    config: Annotated[
        list[str] | None, typer.Option("--config", "-c", metavar="KEY=VALUE", help="A setting of the topic.")
    ] = None,
    if_not_exists: Annotated[bool, typer.Option("--if-not-exists", help="An existing topic is fine.")] = False,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Check, but create nothing.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Create a topic.

    \b
    Examples:
      millstream topics create orders --partitions 6
      millstream topics create users -c cleanup.policy=compact -c retention.ms=-1
    """
    settings = parse_settings(config or [], option="--config")
    with connected(bootstrap_server, timeout) as client:
        existing = {found.name for found in client.topics(None)} if if_not_exists else set()
        if topic not in existing:
            _create(client, topic, partitions, replication_factor, settings, validate_only, timeout)
    created = topic not in existing and not validate_only
    if as_json:
        show_json({"topic": topic, "created": created})
    else:
        say(f"{topic} was created." if created else f"{topic}: nothing was created.")


def _create(
    client: Client,
    topic: str,
    partitions: int,
    replication_factor: int,
    settings: dict[str, str],
    validate_only: bool,
    timeout_s: float,
) -> None:
    request = CreateTopicsRequest(
        topics=[
            CreatableTopic(
                name=topic,
                num_partitions=partitions,
                replication_factor=replication_factor,
                configs=[CreatableTopicConfig(name=name, value=value) for name, value in settings.items()],
            )
        ],
        timeout_ms=round(timeout_s * 1000),
        validate_only=validate_only,
    )
    answer = client.attempt(lambda: client.controller().send(request, CreateTopicsResponse))
    check(answer.topics[0].error_code, answer.topics[0].error_message, about=f"topic {topic}")


@app.command("describe", cls=KafkaCommand)
def describe_topics(
    topics: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC]...", help="All of them if none.")] = None,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show the partitions of topics: leader, replicas and in-sync replicas; and the settings they override.

    \b
    Examples:
      millstream topics describe orders
      millstream topics describe --json
    """
    with connected(bootstrap_server, timeout) as client:
        described: list[dict[str, Any]] = [
            {
                "topic": topic.name,
                "topic_id": base64.urlsafe_b64encode(topic.topic_id).decode().rstrip("="),
                "internal": topic.is_internal,
                "configs": _overrides(client, topic.name or ""),
                "partitions": _partition_rows(topic),
            }
            for topic in client.topics(topics or None)
        ]
    if as_json:
        show_json(described)
        return
    columns = {
        "partition": "PARTITION",
        "leader": "LEADER",
        "leader_epoch": "EPOCH",
        "replicas": "REPLICAS",
        "isr": "ISR",
    }
    for topic in described:
        settings = " ".join(f"{name}={value}" for name, value in topic["configs"].items())
        print(f"{topic['topic']}  id {topic['topic_id']}  {settings}".rstrip())
        show_rows(topic["partitions"], columns=columns, as_json=False)


def _overrides(client: Client, topic: str) -> dict[str, str | None]:
    configs = describe_configs(client, ResourceType.TOPIC, topic)
    return {config.name: config.value for config in configs if config.config_source == ConfigSource.TOPIC}


def _partition_rows(topic: MetadataResponseTopic) -> list[dict[str, object]]:
    return [
        {
            "partition": partition.partition_index,
            "leader": partition.leader_id,
            "leader_epoch": partition.leader_epoch,
            "replicas": partition.replica_nodes,
            "isr": partition.isr_nodes,
        }
        for partition in sorted(topic.partitions, key=lambda partition: partition.partition_index)
    ]


@app.command("alter", cls=KafkaCommand)
def alter_topic(
    topic: Annotated[str, typer.Argument(help="The topic's name.")],
    partitions: Annotated[int, typer.Option("--partitions", "-p", min=1, help="How many it shall have in all.")],
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Give a topic more partitions. Settings are altered by `millstream configs alter`.

    Keys are spread over partitions anew: records of a key that came before stay where they are.

    \b
    Example:
      millstream topics alter orders --partitions 12
    """
    request = CreatePartitionsRequest(
        topics=[CreatePartitionsTopic(name=topic, count=partitions, assignments=None)],
        timeout_ms=round(timeout * 1000),
    )
    with connected(bootstrap_server, timeout) as client:
        answer = client.attempt(lambda: client.controller().send(request, CreatePartitionsResponse))
        check(answer.results[0].error_code, answer.results[0].error_message, about=f"topic {topic}")
    if as_json:
        show_json({"topic": topic, "partitions": partitions})
    else:
        say(f"{topic} has {partitions} partitions.")


@app.command("delete", cls=KafkaCommand)
def delete_topics(
    topics: Names,
    if_exists: Annotated[bool, typer.Option("--if-exists", help="Topics that are not there are fine.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Delete topics and all their records.

    \b
    Example:
      millstream topics delete orders payments
    """
    with connected(bootstrap_server, timeout) as client:
        existing = {found.name for found in client.topics(None)}
        wanted = [topic for topic in topics if topic in existing or not if_exists]
        answer = client.attempt(lambda: _delete(client, wanted, timeout))
    failures = []
    for result in answer.responses:
        try:
            check(result.error_code, result.error_message, about=f"topic {result.name}")
        except KafkaError as error:
            failures.append(error)
    deleted = [result.name for result in answer.responses if result.error_code == 0]
    if as_json:
        show_json({"deleted": deleted})
    elif deleted:
        say(f"Deleted: {', '.join(str(name) for name in deleted)}.")
    for failure in failures[1:]:
        say(str(failure))
    if failures:
        raise failures[0]


def _delete(client: Client, topics: list[str], timeout_s: float) -> DeleteTopicsResponse:
    connection = client.controller()
    request = DeleteTopicsRequest(timeout_ms=round(timeout_s * 1000))
    if connection.version(ApiKey.DELETE_TOPICS) >= DELETE_BY_STATE_MIN_VERSION:
        request.topics = [DeleteTopicState(name=topic) for topic in topics]
    else:
        request.topic_names = topics
    return connection.send(request, DeleteTopicsResponse)
