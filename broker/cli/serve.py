"""`millstream serve`: run a broker until it is told to stop."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

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


def serve(
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="A server.properties file, in Kafka's words.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="One setting, stronger than the others; repeatable."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="DIRECTORY", help="Where to keep everything: log.dirs.")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="How much to tell on stderr.")] = LogLevel.INFO,
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as a line of JSON.")] = False,
) -> None:
    """Run a broker until Ctrl-C or SIGTERM, which let it finish what it has begun.

    Settings are Kafka's: --set over the environment (KAFKA_NUM_PARTITIONS=8) over --config.
    docs/CONFIGURATION.md lists them all. It listens on 127.0.0.1:9092 and keeps its data in ./data.

    \b
    Examples:
      millstream serve
      millstream serve --data /var/lib/millstream --set num.partitions=6
      millstream serve --set listeners=PLAINTEXT://0.0.0.0:9092 \\
          --set advertised.listeners=PLAINTEXT://kafka.example.org:9092
      KAFKA_AUTO_CREATE_TOPICS_ENABLE=false millstream serve --config server.properties
    """
    arguments = list(settings or [])
    if data is not None:
        arguments.append(f"log.dirs={data}")
    broker_config = load_config(config_file=config, environ=os.environ, settings=arguments)
    logging.basicConfig(
        level=log_level.value.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for warning in broker_config.warnings:
        logger.warning("%s", warning)
    _run(broker_config, as_json=as_json)


def _run(config: BrokerConfig, *, as_json: bool) -> None:
    """Run a node until it stops, and with it this process; ClientError for what keeps it from starting."""
    # Here and not above: the other commands need none of it.
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
