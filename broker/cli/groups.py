"""`millstream groups`: list, describe, delete consumer groups, and see to their offsets."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.client import Client
from broker.cli.group_requests import (
    GroupDescription,
    PartitionLag,
    delete_group,
    delete_offsets,
    describe_group,
    group_lag,
    list_groups,
)
from broker.cli.kafka_words import KafkaCommand, KafkaGroup
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_partitions,
)
from broker.cli.output import say, show_json, show_rows
from broker.cli.reset_offsets import reset_offsets
from protocol import KafkaError

app = typer.Typer(
    cls=KafkaGroup, no_args_is_help=True, help="List, describe and delete consumer groups, and reset their offsets."
)
app.command("reset-offsets", cls=KafkaCommand)(reset_offsets)

Group = Annotated[str, typer.Argument(help="The group's name.")]


@app.command("list")
def list_all(
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """List the groups and their states.

    \b
    Example:
      millstream groups list
    """
    with connected(bootstrap_server, timeout) as client:
        rows = [
            {
                "group": group.group_id,
                "state": group.group_state or "unknown",
                "type": group.group_type or "classic",
                "protocol_type": group.protocol_type,
            }
            for group in list_groups(client)
        ]
    columns = {"group": "GROUP", "state": "STATE", "type": "TYPE", "protocol_type": "PROTOCOL"}
    show_rows(rows, columns=columns, as_json=as_json, empty="There are no groups.")


@app.command("describe", cls=KafkaCommand)
def describe(
    groups: Annotated[list[str], typer.Argument(metavar="GROUP...", help="The groups' names.")],
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show who is in a group, how far it is in each partition, and its lag.

    Lag is the number of offsets between what was committed and the partition's end.

    \b
    Examples:
      millstream groups describe billing
      millstream groups describe billing shipping --json
    """
    with connected(bootstrap_server, timeout) as client:
        described = [_described(client, group) for group in groups]
    if as_json:
        show_json([_as_object(description, lags) for description, lags in described])
        return
    for description, lags in described:
        _show(description, lags)


def _described(client: Client, group: str) -> tuple[GroupDescription, list[PartitionLag]]:
    description = describe_group(client, group)
    return description, group_lag(client, group, description.members)


def _show(description: GroupDescription, lags: list[PartitionLag]) -> None:
    total = sum(lag.lag or 0 for lag in lags)
    print(
        f"{description.group}  {description.state}  {len(description.members)} members  "
        f"{description.assignor or 'no assignor'}  coordinator {description.coordinator}  lag {total}"
    )
    columns = {
        "topic": "TOPIC",
        "partition": "PARTITION",
        "committed": "COMMITTED",
        "end": "END",
        "lag": "LAG",
        "client_id": "CLIENT",
        "host": "HOST",
    }
    rows = [_lag_row(lag) for lag in lags]
    show_rows(rows, columns=columns, as_json=False, empty="Nothing was committed and no partition is assigned.")


def _lag_row(lag: PartitionLag) -> dict[str, object]:
    return {
        "topic": lag.topic,
        "partition": lag.partition,
        "committed": lag.committed,
        "end": lag.end,
        "lag": lag.lag,
        "member_id": lag.member.member_id if lag.member else None,
        "client_id": lag.member.client_id if lag.member else None,
        "host": lag.member.host if lag.member else None,
    }


def _as_object(description: GroupDescription, lags: list[PartitionLag]) -> dict[str, object]:
    return {
        "group": description.group,
        "state": description.state,
        "protocol_type": description.protocol_type,
        "assignor": description.assignor,
        "coordinator": description.coordinator,
        "members": [
            {
                "member_id": member.member_id,
                "instance_id": member.instance_id,
                "client_id": member.client_id,
                "host": member.host,
                "partitions": [f"{topic}-{partition}" for topic, partition in member.assignment],
            }
            for member in description.members
        ],
        "offsets": [_lag_row(lag) for lag in lags],
        "lag": sum(lag.lag or 0 for lag in lags),
    }


@app.command("delete", cls=KafkaCommand)
def delete(
    groups: Annotated[list[str], typer.Argument(metavar="GROUP...", help="The groups' names.")],
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Delete groups that have no members, with all they committed.

    \b
    Example:
      millstream groups delete billing
    """
    deleted, failures = [], []
    with connected(bootstrap_server, timeout) as client:
        for group in groups:
            try:
                delete_group(client, group)
                deleted.append(group)
            except KafkaError as error:
                failures.append(error)
    if as_json:
        show_json({"deleted": deleted})
    elif deleted:
        say(f"Deleted: {', '.join(deleted)}.")
    for failure in failures[1:]:
        say(str(failure))
    if failures:
        raise failures[0]


@app.command("delete-offsets", cls=KafkaCommand)
def forget_offsets(
    group: Group,
    topic: Annotated[
        list[str], typer.Option("--topic", "-t", metavar="TOPIC[:PARTITION,...]", help="What to forget; repeatable.")
    ],
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Forget what a group committed for topics that none of its members reads.

    \b
    Example:
      millstream groups delete-offsets billing --topic orders --topic payments:0,1
    """
    with connected(bootstrap_server, timeout) as client:
        wanted = {
            name: client.partitions(name) if partitions is None else partitions
            for name, partitions in parse_partitions(topic).items()
        }
        delete_offsets(client, group, wanted)
    if as_json:
        show_json({"group": group, "deleted": wanted})
    else:
        say(f"{group} has forgotten its offsets of {', '.join(wanted)}.")
