"""`millstream groups reset-offsets`: move a group that is not running to other offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from broker.cli.client import Client, TopicPartition
from broker.cli.connection import ClientError
from broker.cli.group_requests import describe_group
from broker.cli.offset_requests import EARLIEST, LATEST, commit_offsets, committed_offsets, list_offsets
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_partitions,
    parse_time_ms,
)
from broker.cli.output import say, show_json, show_rows
from protocol import ErrorCode, KafkaError


@dataclass(frozen=True, slots=True)
class Target:
    """Exactly one of these is given."""

    earliest: bool
    latest: bool
    offset: int | None
    time_ms: int | None
    shift: int | None

    def count(self) -> int:
        given = (self.offset, self.time_ms, self.shift)
        return self.earliest + self.latest + sum(value is not None for value in given)


def reset_offsets(
    group: Annotated[str, typer.Argument(help="The group's name; it may be a new one.")],
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", "-t", metavar="TOPIC[:PARTITION,...]", help="Which partitions; repeatable."),
    ] = None,
    all_topics: Annotated[bool, typer.Option("--all-topics", help="Whatever the group has committed.")] = False,
    to_earliest: Annotated[bool, typer.Option("--to-earliest", help="To the first record there is.")] = False,
    to_latest: Annotated[bool, typer.Option("--to-latest", help="To the end: only new records.")] = False,
    to_offset: Annotated[int | None, typer.Option("--to-offset", min=0, help="To this offset.")] = None,
    to_datetime: Annotated[
        str | None, typer.Option("--to-datetime", metavar="TIME", help="To the first record at or after a time.")
    ] = None,
    shift_by: Annotated[int | None, typer.Option("--shift-by", help="Forward, or with a minus back.")] = None,
    execute: Annotated[bool, typer.Option("--execute/--dry-run", help="Do it, or only show what it would do.")] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Move a group without members to other offsets. Without --execute it is only shown.

    Offsets outside of a partition become its first or its end.

    \b
    Examples:
      millstream groups reset-offsets billing --all-topics --to-earliest
      millstream groups reset-offsets billing -t orders:0 --shift-by -100 --execute
      millstream groups reset-offsets billing -t orders --to-datetime 2026-01-31T12:00:00 --execute
    """
    time_ms = None if to_datetime is None else parse_time_ms(to_datetime)
    target = Target(to_earliest, to_latest, to_offset, time_ms, shift_by)
    if target.count() != 1:
        raise typer.BadParameter("give one of --to-earliest, --to-latest, --to-offset, --to-datetime and --shift-by")
    if bool(topic) == all_topics:
        raise typer.BadParameter("give either --topic or --all-topics")
    with connected(bootstrap_server, timeout) as client:
        committed = committed_offsets(client, group)
        wanted = sorted(committed) if all_topics else _wanted(client, topic or [])
        if not wanted:
            raise ClientError(f"group {group} has committed nothing; name its topics with --topic")
        planned = plan(client, wanted, committed, target)
        if execute:
            _require_no_members(client, group)
            commit_offsets(client, group, planned)
    rows = [
        {"topic": name, "partition": number, "before": committed.get((name, number)), "after": offset}
        for (name, number), offset in planned.items()
    ]
    if as_json:
        show_json({"group": group, "executed": execute, "offsets": rows})
        return
    columns = {"topic": "TOPIC", "partition": "PARTITION", "before": "BEFORE", "after": "AFTER"}
    show_rows(rows, columns=columns, as_json=False)
    if not execute:
        say("Nothing was changed: add --execute to do it.")


def plan(
    client: Client, partitions: list[TopicPartition], committed: dict[TopicPartition, int], target: Target
) -> dict[TopicPartition, int]:
    """The offset each partition would get, within what it holds."""
    first = {one: found.offset for one, found in list_offsets(client, partitions, EARLIEST).items()}
    end = {one: found.offset for one, found in list_offsets(client, partitions, LATEST).items()}
    if target.shift is not None:
        missing = [f"{topic}-{number}" for topic, number in partitions if (topic, number) not in committed]
        if missing:
            raise ClientError(f"nothing is committed for {', '.join(missing)}, so there is nothing to shift from")
        chosen = {one: committed[one] + target.shift for one in partitions}
    elif target.time_ms is not None:
        # Where no record is that late, the next one to come is the first that will be.
        at_time = list_offsets(client, partitions, target.time_ms)
        chosen = {one: end[one] if at_time[one].offset < 0 else at_time[one].offset for one in partitions}
    elif target.offset is not None:
        chosen = dict.fromkeys(partitions, target.offset)
    else:
        chosen = first if target.earliest else end
    return {one: min(max(chosen[one], first[one]), end[one]) for one in partitions}


def _wanted(client: Client, topics: list[str]) -> list[TopicPartition]:
    return [
        (name, number)
        for name, numbers in parse_partitions(topics).items()
        for number in (client.partitions(name) if numbers is None else numbers)
    ]


def _require_no_members(client: Client, group: str) -> None:
    """A new group is fine; one with members would overwrite what is set here at its next commit."""
    try:
        description = describe_group(client, group)
    except KafkaError as error:
        if error.code is not ErrorCode.GROUP_ID_NOT_FOUND:
            raise
        return
    if description.members:
        names = ", ".join(sorted({member.client_id for member in description.members}))
        raise ClientError(
            f"group {group} has {len(description.members)} members ({names}); stop them before resetting its offsets"
        )
