"""What one types who knows Kafka's own tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess

from broker.cli.app import run
from broker.cli.kafka_words import in_our_words


@pytest.mark.parametrize(
    ("command", "typed", "means"),
    [
        ("consume", "--topic orders --from-beginning", "orders --from beginning"),
        ("consume", "--topic=orders --offset latest --partition 0", "orders --from latest --partition 0"),
        ("consume", "orders --property print.key=true", "orders --format key-value"),
        (
            "consume",
            "orders --property print.key=true --formatter-property key.separator=:",
            "orders --format key-value --key-separator :",
        ),
        ("consume", "orders --property print.value=true", "orders"),
        ("consume", "--broker-list host:1 orders -- --topic", "--bootstrap-server host:1 orders -- --topic"),
        ("produce", "--topic orders --property parse.key=true", "orders --key-separator \t"),
        (
            "produce",
            "orders --property key.separator=: --property parse.key=true",
            "orders --key-separator :",
        ),
        ("produce", "orders --property key.separator=:", "orders"),
        (
            "produce",
            "orders --compression-codec lz4 --request-required-acks -1",
            "orders --compression lz4 --acks all",
        ),
        ("topics create", "--topic orders --partitions 3", "orders --partitions 3"),
        ("groups reset-offsets", "--group g --topic t:0 --execute", "g --topic t:0 --execute"),
        ("serve", "server.properties --override a=b", "--config server.properties --set a=b"),
        ("serve", "--data d", "--data d"),
        ("configs alter", "--topic orders", "--topic orders"),
    ],
)
def test_kafkas_words_are_ours(command: str, typed: str, means: str) -> None:
    assert in_our_words(command, typed.split(" ")) == means.split(" ")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("consume t --timeout-ms 1000", "it ends by itself"),
        ("consume t --property print.timestamp=true", "print.timestamp=true has no counterpart here"),
        ("produce t --property parse.headers=true", "parse.headers=true has no counterpart here"),
        ("serve --port 9093", "--set listeners=PLAINTEXT://127.0.0.1:9093"),
        ("consume --topic", "it needs a value"),
    ],
)
def test_what_means_nothing_here_is_refused_with_the_reason(
    typed: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split(" ")) == 2
    assert words in " ".join(capfd.readouterr().err.replace("│", " ").split())


def test_a_session_in_kafkas_words(broker: BrokerProcess, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "lines"
    lines.write_text("a:1\nb:2\n")

    def said(typed: str) -> str:
        capfd.readouterr()
        assert run([*typed.split(" "), "--bootstrap-server", broker.bootstrap]) == 0
        return capfd.readouterr().out

    said("topics --create --topic habits --partitions 1 --replication-factor 1")
    assert "habits" in said("topics --list")
    assert said("topics --describe --topic habits").startswith("habits ")
    said(f"produce --topic habits --property parse.key=true --property key.separator=: --file {lines}")
    assert said("consume --topic habits --from-beginning --property print.key=true") == "a\t1\nb\t2\n"
    assert said("consume --topic habits --partition 0 --offset 1 --max-messages 1 --group readers") == "2\n"
    assert "readers" in said("groups --list")
    assert "habits" in said("groups --describe --group readers")
    said("topics --delete --topic habits")


@pytest.mark.parametrize("start", ["beginning", "earliest"])
def test_the_beginning_has_two_names(
    start: str, broker: BrokerProcess, topic: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "lines"
    lines.write_text("one\n")
    assert run(["produce", topic, "-f", str(lines), "-b", broker.bootstrap]) == 0
    assert run(["consume", topic, "--from", start, "-b", broker.bootstrap]) == 0
    assert capfd.readouterr().out == "one\n"


def test_a_place_that_is_none_is_refused_with_those_there_are(
    broker: BrokerProcess, topic: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["topics", "create", topic, "-b", broker.bootstrap]) == 0
    assert run(["consume", topic, "--from", "start", "-b", broker.bootstrap]) == 1
    assert "start is no place to begin: give beginning, end, an offset" in capfd.readouterr().err
