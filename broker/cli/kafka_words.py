"""Options of Kafka's own tools, for fingers that know them: put into our words before a command reads its arguments.

    kafka-server-start server.properties                  millstream serve --config server.properties
    kafka-console-consumer --topic t --from-beginning     millstream consume t --from beginning
    kafka-console-producer --topic t --property k=v       millstream produce t ...
    kafka-topics --describe --topic t                     millstream topics describe t
    kafka-consumer-groups --describe --group g            millstream groups describe g

Only what means the same here is taken; what does not is refused with what to write instead. One thing differs all the
same: kafka-console-consumer begins at the end and never ends, `consume` begins at the beginning and ends at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import typer
from typer.core import TyperCommand, TyperGroup

Properties = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """What a command understands beside its own options.

    `flags` and `options` by Kafka's name: what is said instead, of an option with its value behind it.
    `properties` puts all NAME=VALUE of `property_options` into our words; it raises KeyError for a name
    it does not know. `refused` says why. `bare` is said before an argument that comes first and is no option."""

    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    property_options: Sequence[str] = ()
    properties: Callable[[Properties], list[str]] = lambda properties: []
    refused: Mapping[str, str] = field(default_factory=dict)
    bare: Sequence[str] = ()


def _consumer_properties(properties: Properties) -> list[str]:
    said: list[str] = []
    for name, value in properties.items():
        match name, value:
            case "print.key", "true":
                said += ["--format", "key-value"]
            case "key.separator", separator:
                said += ["--key-separator", separator]
            case ("print.value", "true") | ("print.key", "false"):
                pass  # so it is anyhow
            case _:
                raise KeyError(f"{name}={value}")
    return said


def _producer_properties(properties: Properties) -> list[str]:
    for name, value in properties.items():
        if (name, value) not in (("parse.key", "true"), ("parse.key", "false")) and name != "key.separator":
            raise KeyError(f"{name}={value}")
    # Without parse.key Kafka's tool passes the separator over.
    return ["--key-separator", properties.get("key.separator", "\t")] if properties.get("parse.key") == "true" else []


_TOPIC = Words(options={"--topic": ()})
_GROUP = Words(options={"--group": ()})
_BROKERS = {"--broker-list": ("--bootstrap-server",)}

WORDS: Mapping[str, Words] = {
    # kafka-server-start server.properties --override num.partitions=8
    "serve": Words(
        options={"--override": ("--set",)},
        refused={"--port": "it is part of a setting, --set listeners=PLAINTEXT://127.0.0.1:9093"},
        bare=("--config",),
    ),
    "consume": Words(
        flags={"--from-beginning": ("--from", "beginning")},
        options={"--topic": (), "--offset": ("--from",), **_BROKERS},
        property_options=("--property", "--formatter-property"),
        properties=_consumer_properties,
        refused={
            "--timeout-ms": "it ends by itself at what was the end when it began, unless --follow",
        },
    ),
    "produce": Words(
        options={
            "--topic": (),
            "--compression-codec": ("--compression",),
            "--request-required-acks": ("--acks",),
            **_BROKERS,
        },
        property_options=("--property", "--reader-property"),
        properties=_producer_properties,
    ),
    "offsets": _TOPIC,
    "topics create": _TOPIC,
    "topics describe": _TOPIC,
    "topics alter": _TOPIC,
    "topics delete": _TOPIC,
    "groups describe": _GROUP,
    "groups delete": _GROUP,
    "groups delete-offsets": _GROUP,
    "groups reset-offsets": _GROUP,
}

# Where Kafka's one tool has an option for what is a command here.
ACTIONS: Mapping[str, Sequence[str]] = {
    "topics": ("--list", "--create", "--describe", "--alter", "--delete"),
    "groups": ("--list", "--describe", "--delete", "--delete-offsets", "--reset-offsets"),
}


class KafkaCommand(TyperCommand):
    """A command that takes Kafka's words as well as its own."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        return super().parse_args(ctx, in_our_words(_name(ctx), args))


class KafkaGroup(TyperGroup):
    """Commands of which each may be asked for as an option, as in `topics --list`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        return super().parse_args(ctx, action_first(_name(ctx), args))


def _name(context: typer.Context) -> str:
    """`topics create`, of `millstream topics create`."""
    return context.command_path.partition(" ")[2]


def action_first(group: str, arguments: Sequence[str]) -> list[str]:
    rest = list(arguments)
    if rest and rest[0].startswith("-"):
        for action in ACTIONS.get(group, ()):
            if action in rest:
                rest.remove(action)
                return [action.removeprefix("--"), *rest]
    return rest


def in_our_words(command: str, arguments: Sequence[str]) -> list[str]:
    """Raises typer.BadParameter for what Kafka's tool has and this command has not."""
    words = WORDS.get(command)
    if words is None:
        return list(arguments)
    said: list[str] = []
    properties: dict[str, str] = {}
    rest = list(arguments)
    if words.bare and rest and not rest[0].startswith("-"):
        said += [*words.bare, rest.pop(0)]
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            said += [argument, *rest]
            break
        option, has_value, value = argument.partition("=")
        if option in words.refused:
            raise typer.BadParameter(f"there is no such option: {words.refused[option]}", param_hint=option)
        if argument in words.flags:
            said += words.flags[argument]
        elif option in words.options or option in words.property_options:
            if not has_value and not rest:
                raise typer.BadParameter("it needs a value", param_hint=option)
            value = value if has_value else rest.pop(0)
            if option in words.options:
                said += [*words.options[option], _value(option, value)]
            else:
                name, _, value = value.partition("=")
                properties[name] = value
        else:
            said.append(argument)
    return said + _properties(words, properties)


def _value(option: str, value: str) -> str:
    return "all" if option == "--request-required-acks" and value == "-1" else value


def _properties(words: Words, properties: Properties) -> list[str]:
    try:
        return words.properties(properties)
    except KeyError as error:
        raise typer.BadParameter(
            f"{error.args[0]} has no counterpart here; --help shows what there is",
            param_hint=words.property_options[0],
        ) from None
