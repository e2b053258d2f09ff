"""How a running cluster is shown: a table that follows it on a terminal, plain lines where it is none.

On a terminal the line being typed is part of what is drawn, so the terminal's own echo is off while the table lives.
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections import deque
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from broker.cli.cluster_state import ClusterState, PartitionState
from broker.cli.output import say

# Of partitions; what goes beyond them is counted. Fewer where the terminal has fewer lines.
ROWS_MAX = 30
ROWS_MIN = 3
MESSAGES_SHOWN = 4
# Lines that are not partitions: nodes' and partitions' headings, what was left out, the prompt, and some air.
OTHER_LINES = 7
TYPED_BYTES_MAX = 200
BACKSPACE = ("\x7f", "\b")


class Screen(Protocol):
    def show(self, state: ClusterState) -> None: ...

    def tell(self, message: str) -> None:
        """The answer to a command."""
        ...

    def read_lines(self) -> list[str] | None:
        """Lines that were typed since; None when no more will be. Called when the terminal can be read."""
        ...

    def close(self) -> None: ...


class PlainScreen:
    """Says on standard error what is new: the whole state, each time that it changed in more than its end offsets."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, state: ClusterState) -> None:
        lines = [f"node {node_id}: {node}" for node_id, node in state.nodes.items()]
        if state.problem:
            lines.append(state.problem)
        else:
            lines.append(f"controller: {state.controller}")
            lines += map(_line, state.partitions)
        text = "\n".join(lines)
        if text != self._shown:
            self._shown = text
            say(text)

    def tell(self, message: str) -> None:
        say(message)

    def read_lines(self) -> list[str] | None:
        line = sys.stdin.readline()
        return [line] if line else None

    def close(self) -> None:
        pass


class LiveScreen:
    """A table in place, with the last answers and what is being typed under it."""

    def __init__(self, help: str) -> None:
        self._console = Console(highlight=False)
        self._help = help
        self._state = ClusterState({})
        self._messages: deque[str] = deque(maxlen=MESSAGES_SHOWN)
        self._typed = ""
        self._stdin = sys.stdin.fileno()
        self._former = termios.tcgetattr(self._stdin)
        tty.setcbreak(self._stdin)
        self._live = Live(self._drawn(), console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, state: ClusterState) -> None:
        self._state = state
        self._live.update(self._drawn(), refresh=True)

    def tell(self, message: str) -> None:
        self._messages.append(message)
        self.show(self._state)

    def read_lines(self) -> list[str] | None:
        data = os.read(self._stdin, 1024).decode(errors="replace")
        if not data or data == "\x04":
            return None
        lines = []
        for character in data:
            if character in "\r\n":
                lines.append(self._typed)
                self._typed = ""
            elif character in BACKSPACE:
                self._typed = self._typed[:-1]
            elif character.isprintable() and len(self._typed) < TYPED_BYTES_MAX:
                self._typed += character
        self.show(self._state)
        return lines

    def close(self) -> None:
        self._live.stop()
        termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._former)

    def _drawn(self) -> Group:
        state = self._state
        parts: list[Table | Text] = [_node_table(state)]
        if state.problem:
            parts.append(Text(state.problem, style="red"))
        else:
            room = self._console.height - OTHER_LINES - len(state.nodes) - len(self._messages)
            parts += _partition_table(state.partitions, max(ROWS_MIN, min(ROWS_MAX, room)))
        parts += [Text(message) for message in self._messages]
        parts.append(Text.assemble((f"{self._help}  ", "dim"), "> ", self._typed, ("▏", "dim")))
        return Group(*parts)


def _node_table(state: ClusterState) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("NODE", "STATE", ""):
        table.add_column(heading)
    for node_id, node in state.nodes.items():
        style = "" if node.startswith("running") else "red"
        table.add_row(str(node_id), node, "controller" if node_id == state.controller else "", style=style)
    return table


def _partition_table(partitions: list[PartitionState], rows_max: int) -> list[Table | Text]:
    """Those that miss something first, where not all can be shown."""
    shown = partitions
    if len(partitions) > rows_max:
        shown = sorted(partitions, key=lambda partition: partition.is_whole)[:rows_max]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("PARTITION", "LEADER", "EPOCH", "IN SYNC", "END OFFSET"):
        table.add_column(heading, justify="left" if heading in ("PARTITION", "IN SYNC") else "right", no_wrap=True)
    for partition in shown:
        table.add_row(
            f"{partition.topic}-{partition.index}",
            _leader(partition),
            str(partition.leader_epoch),
            f"{_isr(partition)} of {partition.replica_count}",
            "" if partition.end_offset is None else str(partition.end_offset),
            style="" if partition.is_whole else "yellow" if partition.leader >= 0 else "red",
        )
    left_out = partitions[len(shown) :] if shown is partitions else [p for p in partitions if p not in shown]
    if not left_out:
        return [table] if partitions else [Text("no topics yet", style="dim")]
    whole = sum(partition.is_whole for partition in left_out)
    return [
        table,
        Text(f"and {len(left_out)} more partitions, {whole} of them with every replica in sync", style="dim"),
    ]


def _line(partition: PartitionState) -> str:
    return (
        f"{partition.topic}-{partition.index}: leader {_leader(partition)} (epoch {partition.leader_epoch}), "
        f"in sync {_isr(partition)} of {partition.replica_count}"
    )


def _leader(partition: PartitionState) -> str:
    return str(partition.leader) if partition.leader >= 0 else "none"


def _isr(partition: PartitionState) -> str:
    return ",".join(map(str, partition.isr)) or "none"
