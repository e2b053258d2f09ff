"""The commands in one place, and what their failures look like: a sentence on stderr and an exit code.

0 is done, 1 refused or failed, 2 a mistake in how the command was called (or a broker configured), 130
interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from broker.bench.cli import bench
from broker.cli import cluster, configs, groups, log_dump, topics
from broker.cli.connection import ClientError
from broker.cli.consume import consume_topic
from broker.cli.kafka_words import KafkaCommand
from broker.cli.offsets import offsets
from broker.cli.output import say
from broker.cli.produce import produce
from broker.cli.serve import serve
from broker.config import ConfigError
from protocol import KafkaError, ProtocolError
from wal import StorageError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

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


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # a tenth of a broker's start, for one line

        try:
            version = metadata.version("millstream")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"millstream {version}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""


app.command(cls=KafkaCommand)(serve)
app.add_typer(topics.app, name="topics")
app.add_typer(configs.app, name="configs")
app.add_typer(groups.app, name="groups")
app.command(cls=KafkaCommand)(produce)
app.command("consume", cls=KafkaCommand)(consume_topic)
app.command(cls=KafkaCommand)(offsets)
app.add_typer(cluster.app, name="cluster")
app.add_typer(log_dump.app, name="log")
app.command()(bench)
app.command()(bench)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    try:
        app(args=list(arguments), prog_name="millstream")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else DONE
    except ConfigError as error:
        return _failed(str(error), MISUSED)
    except (ClientError, StorageError) as error:
        return _failed(str(error), FAILED)
    except KafkaError as error:
        return _failed(f"{error.message} ({error.code.name})" if error.message else error.code.name, FAILED)
    except ProtocolError as error:
        return _failed(f"an answer could not be read: {error}", FAILED)
    except OSError as error:
        # A port in use, a directory that may not be written: the machine's refusals carry their own sentence.
        return _failed(error.strerror or str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _failed(sentence: str, code: int) -> int:
    say(f"millstream: {sentence}")
    return code
