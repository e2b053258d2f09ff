"""The commands in one place: what each is for, and the room that is imported when it is called.

A room that nobody called is not imported: `millstream --help` and the start of a broker are to be quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Annotated

import typer

from broker.cli.kafka_words import KafkaCommand

# Of each the first sentence of its own --help.
SUMMARIES: Mapping[str, str] = {
    "serve": "Run a broker until Ctrl-C or SIGTERM, which let it finish what it has begun.",
    "produce": "Write a record for each line of stdin or of a file.",
    "consume": "Read a topic and write a line for each record; "
    "ends at what was the end when it began, unless --follow.",
    "offsets": "Show the first and the end offset of partitions, or with --at the offset at a point in time.",
    "bench": "Measure a Kafka-compatible broker, and count that nothing which it acknowledged is missing.",
    "topics": "List, create, describe, alter and delete topics.",
    "configs": "List, describe and alter the settings of topics, brokers and loggers.",
    "groups": "List, describe and delete consumer groups, and reset their offsets.",
    "cluster": "Start several nodes here; show brokers and the APIs they serve.",
    "log": "Look into the files of a data directory.",
}

# Set by a shell that wants to know what may come next; it does not say so by arguments.
_COMPLETING = "_MILLSTREAM_COMPLETE"


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The app that can run one command line. The commands that it does not call are in it by their summaries."""
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    app = typer.Typer(
        name="millstream",
        no_args_is_help=True,
        # Failures are sentences, not stack traces with the values of variables.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        help="A Kafka-compatible broker, and the tools to work with it or with any other.",
        epilog="Begin with: millstream serve. Then, elsewhere: echo hello | millstream produce greetings, "
        "and millstream consume greetings. Every command has --help with examples, and --json.",
    )
    app.callback()(_root)
    for name, summary in SUMMARIES.items():
        if name != called and _COMPLETING not in os.environ:
            app.command(name, help=summary)(_not_called)
            continue
        command = command_named(name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=KafkaCommand)(command)
    return app


def command_named(name: str) -> Callable[..., None] | typer.Typer:
    """A command, or an app with several; this is what imports its room."""
    match name:
        case "serve":
            from broker.cli.serve import serve

            return serve
        case "produce":
            from broker.cli.produce import produce

            return produce
        case "consume":
            from broker.cli.consume import consume_topic

            return consume_topic
        case "offsets":
            from broker.cli.offsets import offsets

            return offsets
        case "bench":
            from broker.bench.cli import bench

            return bench
        case "topics":
            from broker.cli.topics import app

            return app
        case "configs":
            from broker.cli.configs import app

            return app
        case "groups":
            from broker.cli.groups import app

            return app
        case "cluster":
            from broker.cli.cluster import app

            return app
        case _:
            from broker.cli.log_dump import app

            return app


def _not_called() -> None:
    raise AssertionError("only the command that is called is run, and that one is imported")


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            version = metadata.version("millstream")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"millstream {version}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""
