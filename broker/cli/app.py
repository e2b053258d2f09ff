"""One command line, and what its failures look like: a sentence on stderr and an exit code.

0 is done, 1 refused or failed, 2 a mistake in how the command was called (or a broker configured), 130
interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.cli.connection import ClientError
from broker.cli.output import say
from broker.config import ConfigError
from protocol import KafkaError, ProtocolError
from wal import StorageError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    try:
        _execute(arguments)
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


def _execute(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["serve"]:
        from broker.cli.serving import read_plainly, serve

        told = read_plainly(arguments[1:])
        if told is not None:
            return serve(told)
    from broker.cli.commands import app_for  # and with it typer, which a broker does without

    app_for(arguments)(args=list(arguments), prog_name="millstream")
    return None


def _failed(sentence: str, code: int) -> int:
    say(f"millstream: {sentence}")
    return code
