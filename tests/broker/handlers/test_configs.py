"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources, as clients see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode, registration

from broker.handlers import alter_configs, describe_configs, incremental_alter_configs, list_config_resources
from protocol import ErrorCode
from protocol.messages.alter_configs import AlterableConfig as ReplacingConfig
from protocol.messages.alter_configs import AlterConfigsRequest
from protocol.messages.alter_configs import AlterConfigsResource as ReplacingResource
from protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResult,
)
from protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
)
from protocol.messages.list_config_resources import ListConfigResourcesRequest

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND = 0, 1, 2


@pytest.fixture
def node() -> Iterator[MetadataNode]:
    with MetadataNode(settings={"log.retention.hours": "1"}) as running:
        running.propose(registration(1))
        running.run(running.controller.auto_create_topic("orders"))
        yield running


def describe(
    node: MetadataNode, kind: int, name: str, *keys: str, version: int = 4, synonyms: bool = True, docs: bool = False
) -> DescribeConfigsResult:
    request = DescribeConfigsRequest(
        resources=[
            DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=list(keys) or None)
        ]
    )
    if version >= 1:
        request.include_synonyms = synonyms
    if version >= 3:
        request.include_documentation = docs
    (result,) = call(node, describe_configs.handle, request, version=version).results
    return result


def alter(
    node: MetadataNode, kind: int, name: str, *changes: tuple[str, int, str | None], validate_only: bool = False
) -> AlterConfigsResourceResponse:
    request = IncrementalAlterConfigsRequest(
        resources=[
            AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[AlterableConfig(name=key, config_operation=how, value=value) for key, how, value in changes],
            )
        ],
        validate_only=validate_only,
    )
    (response,) = call(node, incremental_alter_configs.handle, request, version=1).responses
    return response


def test_a_topic_is_described_with_values_sources_synonyms_and_types(node: MetadataNode) -> None:
    assert alter(node, TOPIC, "orders", ("retention.ms", SET, "5")).error_code == ErrorCode.NONE

    (config,) = describe(node, TOPIC, "orders", "retention.ms", docs=True).configs

    assert (config.value, config.config_source, config.config_type) == ("5", 1, 5)
    assert [(synonym.name, synonym.value, synonym.source) for synonym in config.synonyms] == [
        ("retention.ms", "5", 1),
        ("log.retention.hours", "1", 4),
        ("log.retention.hours", "168", 5),
    ]
    assert config.documentation
    assert not config.read_only


def test_what_was_not_asked_for_is_left_out(node: MetadataNode) -> None:
    (config,) = describe(node, TOPIC, "orders", "retention.ms", synonyms=False).configs
    assert config.synonyms == []
    assert config.documentation is None


@pytest.mark.parametrize("version", range(5))
def test_every_version_says_what_is_default(node: MetadataNode, version: int) -> None:
    alter(node, TOPIC, "orders", ("flush.ms", SET, "5"))

    configs = {config.name: config for config in describe(node, TOPIC, "orders", version=version).configs}

    assert configs["flush.ms"].value == "5"
    if version == 0:
        assert not configs["flush.ms"].is_default
        assert configs["retention.ms"].is_default
    else:
        assert configs["flush.ms"].config_source == 1
        assert configs["segment.ms"].config_source == 5


def test_a_broker_describes_itself_and_nobody_else(node: MetadataNode) -> None:
    (config,) = describe(node, BROKER, "1", "num.partitions").configs
    assert (config.value, config.config_source, config.read_only) == ("1", 5, True)
    assert describe(node, BROKER, "7").error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (TOPIC, "payments", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "", ErrorCode.INVALID_REQUEST),
        (CLIENT_METRICS, "all", ErrorCode.INVALID_REQUEST),
        (GROUP, "billing", ErrorCode.INVALID_REQUEST),
        (99, "x", ErrorCode.INVALID_REQUEST),
    ],
)
def test_what_has_no_settings_is_refused(node: MetadataNode, kind: int, name: str, code: ErrorCode) -> None:
    result = describe(node, kind, name)
    assert (result.error_code, result.configs) == (code, [])
    assert result.error_message
    response = alter(node, kind, name, ("retention.ms", SET, "5"))
    assert response.error_code == code


def test_altering_all_brokers_reaches_topics_that_set_nothing(node: MetadataNode) -> None:
    assert alter(node, BROKER, "", ("log.retention.ms", SET, "6")).error_code == ErrorCode.NONE

    (config,) = describe(node, TOPIC, "orders", "retention.ms").configs
    assert (config.value, config.config_source) == ("6", 3)
    assert [config.name for config in describe(node, BROKER, "").configs] == ["log.retention.ms"]

    assert alter(node, BROKER, "1", ("log.retention.ms", SET, "7")).error_code == ErrorCode.NONE
    (config,) = describe(node, TOPIC, "orders", "retention.ms").configs
    assert (config.value, config.config_source) == ("7", 2)


def test_alterations_survive_a_restart(node: MetadataNode) -> None:
    alter(node, TOPIC, "orders", ("retention.ms", SET, "5"), ("cleanup.policy", APPEND, "compact"))
    node.restart()
    values = {config.name: config.value for config in describe(node, TOPIC, "orders").configs}
    assert (values["retention.ms"], values["cleanup.policy"]) == ("5", "delete,compact")


def test_a_deleted_setting_is_at_its_default(node: MetadataNode) -> None:
    alter(node, TOPIC, "orders", ("retention.ms", SET, "5"))
    alter(node, TOPIC, "orders", ("retention.ms", DELETE, None))
    (config,) = describe(node, TOPIC, "orders", "retention.ms").configs
    assert config.value == "3600000"


def test_validating_changes_nothing(node: MetadataNode) -> None:
    assert alter(node, TOPIC, "orders", ("retention.ms", SET, "5"), validate_only=True).error_code == ErrorCode.NONE
    assert node.image.topic_configs("orders") == {}


@pytest.mark.parametrize(
    ("kind", "name", "key", "value", "code"),
    [
        (TOPIC, "orders", "retention.mss", "5", ErrorCode.INVALID_CONFIG),
        (TOPIC, "orders", "retention.ms", "-5", ErrorCode.INVALID_CONFIG),
        (BROKER, "1", "num.partitions", "5", ErrorCode.INVALID_REQUEST),
        (BROKER, "", "log.segment.bytes", "5", ErrorCode.INVALID_REQUEST),
        (LOGGER, "1", "no.such.logger", "INFO", ErrorCode.INVALID_CONFIG),
    ],
)
def test_a_refusal_has_kafkas_code_and_a_sentence_and_changes_nothing(
    node: MetadataNode, kind: int, name: str, key: str, value: str, code: ErrorCode
) -> None:
    response = alter(node, kind, name, (key, SET, value))
    assert (response.error_code, response.resource_type, response.resource_name) == (code, kind, name)
    assert key in (response.error_message or "")
    assert node.image.configs == {}


def test_one_bad_resource_does_not_hold_up_the_others(node: MetadataNode) -> None:
    request = IncrementalAlterConfigsRequest(
        resources=[
            AlterConfigsResource(
                resource_type=TOPIC,
                resource_name=name,
                configs=[AlterableConfig(name="retention.ms", config_operation=SET, value="5")],
            )
            for name in ("orders", "payments")
        ]
    )
    responses = call(node, incremental_alter_configs.handle, request, version=1).responses
    assert [response.error_code for response in responses] == [
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]
    assert node.image.topic_configs("orders") == {"retention.ms": "5"}


def test_a_resource_that_is_named_twice_is_refused_twice(node: MetadataNode) -> None:
    resource = AlterConfigsResource(
        resource_type=TOPIC,
        resource_name="orders",
        configs=[AlterableConfig(name="retention.ms", config_operation=SET, value="5")],
    )
    request = IncrementalAlterConfigsRequest(resources=[resource, resource])
    responses = call(node, incremental_alter_configs.handle, request, version=1).responses
    assert [response.error_code for response in responses] == [ErrorCode.INVALID_REQUEST] * 2
    assert node.image.configs == {}


@pytest.mark.parametrize("version", range(3))
def test_replacing_takes_back_everything_else(node: MetadataNode, version: int) -> None:
    alter(node, TOPIC, "orders", ("retention.ms", SET, "5"), ("flush.ms", SET, "5"))
    request = AlterConfigsRequest(
        resources=[
            ReplacingResource(
                resource_type=TOPIC,
                resource_name="orders",
                configs=[ReplacingConfig(name="flush.ms", value="6")],
            )
        ]
    )

    (response,) = call(node, alter_configs.handle, request, version=version).responses

    assert response.error_code == ErrorCode.NONE
    assert node.image.topic_configs("orders") == {"flush.ms": "6"}


def test_a_log_level_is_described_and_altered_for_this_process(node: MetadataNode) -> None:
    before = {config.name: config.value for config in describe(node, LOGGER, "1").configs}
    name = next(name for name in before if name.startswith("broker."))

    assert alter(node, LOGGER, "1", (name, SET, "FATAL")).error_code == ErrorCode.NONE
    (config,) = describe(node, LOGGER, "1", name).configs
    assert (config.value, config.config_source) == ("FATAL", 6)

    assert alter(node, LOGGER, "1", (name, DELETE, None)).error_code == ErrorCode.NONE
    (config,) = describe(node, LOGGER, "1", name).configs
    assert config.value == before[name]


def test_resources_are_listed_by_type(node: MetadataNode) -> None:
    def listed(*kinds: int) -> list[tuple[int, str]]:
        request = ListConfigResourcesRequest(resource_types=list(kinds))
        answer = call(node, list_config_resources.handle, request, version=1)
        assert answer.error_code == ErrorCode.NONE
        return [(resource.resource_type, resource.resource_name) for resource in answer.config_resources]

    assert listed() == [(TOPIC, "orders"), (BROKER, "1"), (LOGGER, "1")]
    assert listed(BROKER) == [(BROKER, "1")]
    assert listed(CLIENT_METRICS, GROUP) == []


def test_an_unknown_type_of_resource_cannot_be_listed(node: MetadataNode) -> None:
    answer = call(node, list_config_resources.handle, ListConfigResourcesRequest(resource_types=[99]), version=1)
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION


def test_the_first_version_lists_client_metrics_alone(node: MetadataNode) -> None:
    answer = call(node, list_config_resources.handle, ListConfigResourcesRequest(), version=0)
    assert (answer.error_code, answer.config_resources) == (ErrorCode.NONE, [])
