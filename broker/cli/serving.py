"""A broker as a command: its settings, what it says when it is ready, and the command line that begins it.

Typer and what it stands on take a quarter of an empty start, and 10 MB of a broker's memory for as long as it runs. So
a command line without riddles is read here, and this module imports only what a broker needs anyhow. All others
(--help, Kafka's words, mistakes) are typer's, in broker.cli.serve; what both understand means the same.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from broker.cli.connection import ClientError
from broker.cli.output import say
from broker.config import BrokerConfig, load_config

if TYPE_CHECKING:
    from broker.node import Node

logger = logging.getLogger("broker")


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(slots=True)
class Serving:
    """What `millstream serve` was told; `settings` are KEY=VALUE, `data` stands for log.dirs."""

    config: str | None = None
    settings: list[str] = field(default_factory=list)
    data: str | None = None
    log_level: LogLevel = LogLevel.INFO
    as_json: bool = False


def read_plainly(arguments: Sequence[str]) -> Serving | None:
    """What the arguments behind `serve` say; None where that is typer's to find out."""
    told = Serving()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, has_value, value = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if argument == "--json":
            told.as_json = True
            continue
        if not has_value:
            if not rest or rest[0].startswith("-"):
                return None
            value = rest.pop(0)
        match name:
            case "--config" | "-c":
                told.config = value
            case "--set" | "-s":
                told.settings.append(value)
            case "--data" | "-d":
                told.data = value
            case "--log-level" if value in list(LogLevel):
                told.log_level = LogLevel(value)
            case _:
                return None
    return told


def serve(told: Serving) -> None:
    """Run a broker, and with it this process; ConfigError or ClientError for what keeps it from starting."""
    settings = list(told.settings)
    if told.data is not None:
        settings.append(f"log.dirs={told.data}")
    config = load_config(config_file=told.config, environ=os.environ, settings=settings)
    logging.basicConfig(
        level=told.log_level.value.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for warning in config.warnings:
        logger.warning("%s", warning)
    _run(config, as_json=told.as_json)


def _run(config: BrokerConfig, *, as_json: bool) -> None:
    gc.disable()  # classes and functions stay; run_node goes on with what comes after them
    # Here and not above: a setting that is wrong is told sooner.
    from broker.data_directory import DirectoryInUse
    from broker.metadata import UnknownMetadata
    from broker.quorum import WrongDirectory
    from broker.running import end_process, run_node

    try:
        status = run_node(
            config, on_ready=lambda node: _say_ready(config, node, as_json=as_json), on_stopping=_say_stopping
        )
    except (DirectoryInUse, UnknownMetadata, WrongDirectory) as error:
        raise ClientError(str(error)) from None
    end_process(status)


def _say_ready(config: BrokerConfig, node: Node, *, as_json: bool) -> None:
    """Where clients find the broker, where its data is, and what an acknowledgement is worth."""
    bootstrap = ",".join(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in node.endpoints.values()
    )
    directory = os.path.abspath(config.data_directory)
    promise = durability_promise(config)
    if as_json:
        print(json.dumps({"bootstrap": bootstrap, "data_directory": directory, "durability": promise}), flush=True)
        return
    print(
        f"Millstream is ready.\n  bootstrap   {bootstrap}\n  data        {directory}\n  durability  {promise}",
        flush=True,
    )


def _say_stopping(number: signal.Signals) -> None:
    again = "press Ctrl-C again" if number == signal.SIGINT else f"send {number.name} again"
    with contextlib.suppress(OSError):  # nobody reads it any more
        say(f"Stopping: what was begun is finished; {again} to stop at once, as kill -9 does.")


def durability_promise(config: BrokerConfig) -> str:
    """What has happened to a record when its producer is told that it was taken."""
    if config.flush == "commit":
        return "what is acknowledged is on disk (flush=commit)"
    if config.flush == "interval":
        return (
            f"what is acknowledged is on disk within {config.log_flush_interval_ms} ms or "
            f"{config.log_flush_interval_messages} records (flush=interval); a power cut loses what is younger"
        )
    return "what is acknowledged is in the page cache (flush=os): kill -9 loses nothing, a power cut may"
