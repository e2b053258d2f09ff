"""`millstream configs`: list, describe and alter the settings of topics, brokers and loggers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from broker.cli.client import check
from broker.cli.config_requests import SOURCES, TYPES, Alterations, alter_configs, describe_configs
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
from protocol.config_numbers import ConfigSource, ResourceType
from protocol.messages.list_config_resources import ListConfigResourcesRequest, ListConfigResourcesResponse

app = typer.Typer(no_args_is_help=True, help="List, describe and alter the settings of topics, brokers and loggers.")


class Kind(StrEnum):
    TOPIC = "topic"
    BROKER = "broker"
    LOGGER = "logger"
    GROUP = "group"
    CLIENT_METRICS = "client-metrics"


_TYPES = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.BROKER: ResourceType.BROKER,
    Kind.LOGGER: ResourceType.BROKER_LOGGER,
    Kind.GROUP: ResourceType.GROUP,
    Kind.CLIENT_METRICS: ResourceType.CLIENT_METRICS,
}
_KINDS = {resource_type: kind for kind, resource_type in _TYPES.items()}

KindArgument = Annotated[Kind, typer.Argument(help="What kind of thing has the settings.")]
NameArgument = Annotated[
    str, typer.Argument(help="Its name: a topic, or the number of a broker; without one, all brokers together.")
]


@app.command("list")
def list_resources(
    kind: Annotated[list[Kind] | None, typer.Option("--kind", "-k", help="Only resources of this kind.")] = None,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """List everything that has settings.

    \b
    Example:
      millstream configs list --kind topic
    """
    request = ListConfigResourcesRequest(resource_types=[_TYPES[one] for one in kind or ()])
    with connected(bootstrap_server, timeout) as client:
        answer = client.ask_any(request, ListConfigResourcesResponse)
        check(answer.error_code, None, about="listing what has settings")
    rows = [
        {"kind": _name_of(resource.resource_type), "name": resource.resource_name}
        for resource in sorted(answer.config_resources, key=lambda one: (one.resource_type, one.resource_name))
    ]
    show_rows(rows, columns={"kind": "KIND", "name": "NAME"}, as_json=as_json)


@app.command("describe")
def describe(
    kind: KindArgument,
    name: NameArgument = "",
    key: Annotated[list[str] | None, typer.Option("--key", "-k", help="Only this setting; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Defaults too, not only what was set.")] = False,
    docs: Annotated[bool, typer.Option("--docs", help="Say what each setting does.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show settings and where each value comes from.

    \b
    Examples:
      millstream configs describe topic orders
      millstream configs describe topic orders --all
      millstream configs describe broker 1 --all --docs
      millstream configs describe topic orders --key retention.ms --json
    """
    with connected(bootstrap_server, timeout) as client:
        configs = describe_configs(client, _TYPES[kind], name, keys=key, documentation=docs)
    rows = [
        {
            "name": config.name,
            "value": "(hidden)" if config.is_sensitive else config.value,
            "source": SOURCES.get(config.config_source, str(config.config_source)),
            "type": TYPES.get(config.config_type, str(config.config_type)),
            "read_only": config.read_only,
            "synonyms": [
                {"name": synonym.name, "value": synonym.value, "source": SOURCES.get(synonym.source, "unknown")}
                for synonym in config.synonyms
            ],
            **({"documentation": config.documentation} if docs else {}),
        }
        for config in configs
        if everything or key or config.config_source != ConfigSource.DEFAULT
    ]
    columns = {"name": "SETTING", "value": "VALUE", "source": "FROM"}
    if docs:
        columns["documentation"] = "WHAT IT DOES"
    show_rows(rows, columns=columns, as_json=as_json, empty="Everything is at its default; --all shows it.")


@app.command("alter")
def alter(
    kind: KindArgument,
    name: NameArgument = "",
    set_: Annotated[list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Give a value.")] = None,
    delete: Annotated[list[str] | None, typer.Option("--delete", "-d", metavar="KEY", help="Back to default.")] = None,
    append: Annotated[
        list[str] | None, typer.Option("--append", metavar="KEY=ITEMS", help="Add items to a list.")
    ] = None,
    subtract: Annotated[
        list[str] | None, typer.Option("--subtract", metavar="KEY=ITEMS", help="Take items from a list.")
    ] = None,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Check, but change nothing.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Alter settings while the broker runs; what is not named stays as it is.

    \b
    Examples:
      millstream configs alter topic orders --set retention.ms=86400000
      millstream configs alter topic orders --append cleanup.policy=compact --delete retention.bytes
      millstream configs alter broker --set log.retention.ms=3600000
      millstream configs alter logger 1 --set broker.network=DEBUG
    """
    alterations = Alterations(
        set=parse_settings(set_ or [], option="--set"),
        delete=delete or [],
        append=parse_settings(append or [], option="--append"),
        subtract=parse_settings(subtract or [], option="--subtract"),
    )
    count = len(alterations.entries())
    if not count:
        raise typer.BadParameter("nothing to alter: give --set, --delete, --append or --subtract")
    with connected(bootstrap_server, timeout) as client:
        alter_configs(client, _TYPES[kind], name, alterations, validate_only=validate_only)
    if as_json:
        show_json({"kind": kind.value, "name": name, "altered": 0 if validate_only else count})
    else:
        say("This would do." if validate_only else f"Altered: {count}.")


def _name_of(resource_type: int) -> str:
    if resource_type in _KINDS:
        return _KINDS[ResourceType(resource_type)].value
    return str(resource_type)
