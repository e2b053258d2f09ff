"""Exit codes and what they come with."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from style.source_files import ROOT

import broker
from broker import __main__
from broker.cli.app import run


@pytest.fixture
def silent_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


COMMANDS = [
    ["serve"],
    ["topics", "list"],
    ["topics", "create"],
    ["topics", "describe"],
    ["topics", "alter"],
    ["topics", "delete"],
    ["configs", "list"],
    ["configs", "describe"],
    ["configs", "alter"],
    ["groups", "list"],
    ["groups", "describe"],
    ["groups", "delete"],
    ["groups", "delete-offsets"],
    ["groups", "reset-offsets"],
    ["produce"],
    ["consume"],
    ["offsets"],
    ["cluster", "describe"],
    ["cluster", "api-versions"],
    ["log", "dump"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_teaches_by_example(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capfd.readouterr().out
    assert "Example" in shown
    assert f"millstream {' '.join(command)}" in shown
    assert "--json" in shown


def test_a_broker_that_is_not_there_is_a_failure_with_advice(
    silent_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["topics", "list", "-b", f"127.0.0.1:{silent_port}"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert f"no broker answers at 127.0.0.1:{silent_port}" in said.err
    assert "millstream serve" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "create"],
        ["no-such-command"],
        ["topics", "create", "orders", "--config", "no-equals-sign"],
        ["groups", "reset-offsets", "billing", "--all-topics"],
        ["groups", "reset-offsets", "billing", "--all-topics", "--to-latest", "--to-earliest"],
        ["configs", "alter", "topic", "orders"],
        ["serve", "--set", "num.partition=3"],
        ["serve", "--set", "num.partitions=none"],
        ["serve", "--config", "/does/not/exist.properties"],
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_call_is_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capfd.readouterr().err


def test_what_answers_and_is_no_broker_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_as_a_web_server() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        web_server = threading.Thread(target=answer_as_a_web_server)
        web_server.start()
        assert run(["topics", "list", "-b", f"127.0.0.1:{server.getsockname()[1]}"]) == 1
        web_server.join()
    assert "is not a Kafka broker" in capfd.readouterr().err


@pytest.mark.parametrize("address", ["http://localhost:9092", "localhost:99999", "localhost:port", ":9092"])
def test_what_is_no_address_is_refused_before_it_is_tried(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["topics", "list", "-b", address]) == 1
    assert f"'{address}' is no address: it must be host:port" in capfd.readouterr().err


def test_an_old_python_is_told_which_is_needed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert __main__.main() == 1
    assert capfd.readouterr().err == "millstream: Python 3.11 or newer is needed, and this is 3.9\n"
    # It gets as far as that.
    for module in (broker, __main__):
        assert module.__file__ is not None
        ast.parse(Path(module.__file__).read_text(), feature_version=(3, 7))


def test_a_python_without_the_dependencies_is_told_how_to_get_them() -> None:
    asked = subprocess.run(
        [sys.executable, "-S", "-m", "broker", "serve"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert asked.returncode == 1
    assert asked.stderr == "millstream: crc32c is not installed: use ./scripts/serve, or run pip install . first\n"


def test_so_is_one_that_lacks_what_a_command_alone_needs(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "broker.cli.commands", raising=False)
    monkeypatch.setattr(sys, "argv", ["millstream", "topics", "list"])
    assert __main__.main() == 1
    assert capfd.readouterr().err.startswith("millstream: typer is not installed: ")
