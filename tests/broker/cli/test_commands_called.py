"""What a command line imports: the room of the command that it calls, and of a broker only what serving needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from broker.cli.commands import SUMMARIES, command_named
from broker.cli.kafka_words import KafkaCommand
from broker.cli.serve import serve
from broker.cli.serving import LogLevel, Serving, read_plainly

WAIT_S = 30


def imported_by(code: str) -> set[str]:
    """The modules of a fresh interpreter that has run `code`."""
    code = f"import sys\n{code}\nimport json; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_S, check=True)
    names: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return set(names)


def test_a_broker_imports_neither_the_other_commands_nor_what_reads_and_draws_them() -> None:
    """Typer alone would be a quarter of an empty start, and 10 MB for as long as the broker runs."""
    asked_and_refused = "from broker.cli.app import run; assert run(['serve', '--set', 'no.such=1']) == 2"

    imported = imported_by(f"{asked_and_refused}; import broker.running")

    assert "broker.node" in imported
    assert {name for name in imported if name.startswith("broker.cli.")} == {
        "broker.cli.app", "broker.cli.connection", "broker.cli.output", "broker.cli.serving",
    }  # fmt: skip
    assert not {name for name in imported if name.startswith("broker.bench")}
    assert not imported & {"typer", "pydantic", "rich", "hdrh", "confluent_kafka"}


@pytest.mark.parametrize("arguments", [["--help"], ["topics", "list", "--help"]], ids=" ".join)
def test_a_command_that_is_not_called_is_not_imported(arguments: list[str]) -> None:
    imported = imported_by(f"from broker.cli.app import run; assert run({arguments}) == 0")

    rooms = {"serve", "produce", "consume", "offsets", "topics", "configs", "groups", "cluster", "log_dump"}
    assert {name for name in rooms if f"broker.cli.{name}" in imported} == rooms & set(arguments)
    assert not imported & {"broker.bench.cli", "broker.running", "broker.node"}


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_the_first_sentence_of_the_command_s_own_help(name: str) -> None:
    command = command_named(name)
    text = command.info.help if isinstance(command, typer.Typer) else command.__doc__

    assert text and " ".join(text.split("\n\n")[0].split()) == SUMMARIES[name]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], Serving()),
        (["--json", "--data", "d", "--config", "c"], Serving(as_json=True, data="d", config="c")),
        (["-c", "c", "-d", "d", "-d", "e"], Serving(config="c", data="e")),
        (["--set", "a=b", "--set=c=d", "-s", "e="], Serving(settings=["a=b", "c=d", "e="])),
        (["--log-level", "debug", "--data="], Serving(log_level=LogLevel.DEBUG, data="")),
    ],
)
def test_a_plain_command_line_means_what_typer_takes_it_for(
    arguments: list[str], told: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_typer: list[Serving] = []
    monkeypatch.setattr("broker.cli.serving.serve", by_typer.append)
    app = typer.Typer()
    app.command(cls=KafkaCommand)(serve)

    app(args=arguments, standalone_mode=False)

    assert read_plainly(arguments) == told == by_typer.pop()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["server.properties"],
        ["--override", "a=b"],
        ["--dat", "d"],
        ["--data"],
        ["--data", "--json"],
        ["--json=yes"],
        ["--log-level", "loud"],
        ["-dd"],
        ["--"],
    ],
    ids=" ".join,
)
def test_a_command_line_with_a_riddle_is_left_to_typer(arguments: list[str]) -> None:
    assert read_plainly(arguments) is None
