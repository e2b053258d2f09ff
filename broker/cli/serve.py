"""`millstream serve`, for --help, Kafka's words and mistakes; what it does is broker.cli.serving's."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli import serving
from broker.cli.serving import LogLevel, Serving


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
    serving.serve(Serving(config, list(settings or []), data, log_level, as_json))
