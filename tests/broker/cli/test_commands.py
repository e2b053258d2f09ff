"""The tools against a running broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.broker_process import BrokerProcess

from broker.cli.app import run

Run = Callable[..., Any]


@pytest.fixture
def millstream(broker: BrokerProcess, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that must succeed; returns what it printed, as JSON where it is asked for."""

    def call(*arguments: str, code: int = 0) -> Any:
        capfd.readouterr()
        command, rest = _split(arguments)
        outcome = run([*command, "-b", broker.bootstrap, *rest])
        said = capfd.readouterr()
        assert outcome == code, said.err
        if code:
            return said.err
        return json.loads(said.out) if "--json" in arguments and "consume" not in arguments else said.out

    return call


def _split(arguments: tuple[str, ...]) -> tuple[list[str], list[str]]:
    count = 1 if arguments[0] in ("produce", "consume", "offsets") else 2
    return list(arguments[:count]), list(arguments[count:])


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., str]:
    def write(*texts: str) -> str:
        path = tmp_path / "lines.txt"
        path.write_text("".join(f"{text}\n" for text in texts))
        return str(path)

    return write


def test_a_topic_from_creation_to_deletion(millstream: Run) -> None:
    millstream("topics", "create", "life", "-p", "2", "-c", "retention.ms=1000")
    assert {"topic": "life", "partitions": 2, "replicas": 1, "internal": False} in millstream(
        "topics", "list", "--json"
    )

    millstream("topics", "alter", "life", "--partitions", "3")
    (described,) = millstream("topics", "describe", "life", "--json")
    assert described["configs"] == {"retention.ms": "1000"}
    assert [partition["leader"] for partition in described["partitions"]] == [1, 1, 1]

    millstream("topics", "delete", "life")
    assert "there is no topic life" in millstream("topics", "describe", "life", code=1)


def test_creating_twice_is_refused_unless_that_is_fine(millstream: Run) -> None:
    millstream("topics", "create", "twice")
    assert "TOPIC_ALREADY_EXISTS" in millstream("topics", "create", "twice", code=1)
    assert millstream("topics", "create", "twice", "--if-not-exists", "--json") == {
        "topic": "twice",
        "created": False,
    }


def test_validating_creates_nothing(millstream: Run) -> None:
    millstream("topics", "create", "maybe", "--validate-only")
    assert "there is no topic maybe" in millstream("topics", "describe", "maybe", code=1)
    refused = millstream("topics", "create", "maybe", "--validate-only", "-c", "retention.mss=1", code=1)
    assert "did you mean retention.ms?" in refused


def test_one_topic_that_is_missing_does_not_save_the_others(millstream: Run) -> None:
    millstream("topics", "create", "doomed")
    assert "absent" in millstream("topics", "delete", "absent", "doomed", code=1)
    assert "there is no topic doomed" in millstream("topics", "describe", "doomed", code=1)
    millstream("topics", "delete", "absent", "--if-exists")


def test_settings_are_described_and_altered(millstream: Run) -> None:
    millstream("topics", "create", "set")
    assert millstream("configs", "describe", "topic", "set", "--json") == []

    millstream("configs", "alter", "topic", "set", "--set", "retention.ms=5", "--append", "cleanup.policy=compact")
    described = millstream("configs", "describe", "topic", "set", "--json")
    assert {one["name"]: (one["value"], one["source"]) for one in described} == {
        "retention.ms": ("5", "topic"),
        "cleanup.policy": ("delete,compact", "topic"),
    }

    millstream("configs", "alter", "topic", "set", "--delete", "retention.ms", "--subtract", "cleanup.policy=delete")
    (left,) = millstream("configs", "describe", "topic", "set", "--json")
    assert (left["name"], left["value"]) == ("cleanup.policy", "compact")
    assert "INVALID_CONFIG" in millstream("configs", "alter", "topic", "set", "--set", "retention.ms=x", code=1)
    assert {"kind": "topic", "name": "set"} in millstream("configs", "list", "--json")


def test_lines_become_records_and_records_lines(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "words")
    path = lines("one", "two", "", "three")

    produced = millstream("produce", "words", "--file", path, "--json")

    assert (produced["records"], produced["bytes"]) == (4, 11)
    assert millstream("consume", "words") == "one\ntwo\n\nthree\n"
    assert millstream("consume", "words", "--max-messages", "2") == "one\ntwo\n"
    assert millstream("consume", "words", "--from", "-1") == "three\n"
    assert millstream("consume", "words", "--from", "1", "-n", "1") == "two\n"
    assert millstream("consume", "words", "--from", "end") == ""
    assert millstream("consume", "words", "--from", "@0", "-n", "1") == "one\n"


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_codec_and_acknowledgement(
    millstream: Run, lines: Callable[..., str], codec: str, acks: str, request: pytest.FixtureRequest
) -> None:
    topic = f"codec-{codec}-{acks}"
    millstream("topics", "create", topic)
    wanted = [f"line {number}" for number in range(100)]
    millstream("produce", topic, "--file", lines(*wanted), "-z", codec, "--acks", acks)
    # acks=0 is sent and not waited for; the next request on another connection may overtake it.
    shown = millstream("consume", topic, "--follow", "-n", "100")
    assert shown.splitlines() == wanted


def test_keys_headers_and_tombstones(millstream: Run, lines: Callable[..., str]) -> None:
    path = lines("a:1", "b:", "a:2:3")
    millstream("produce", "keyed", "-f", path, "-K", ":", "-H", "source=test", "--tombstones")

    shown = [json.loads(line) for line in millstream("consume", "keyed", "--json").splitlines()]

    assert [(one["key"], one["value"]) for one in shown] == [("a", "1"), ("b", None), ("a", "2:3")]
    assert all(one["headers"] == [{"key": "source", "value": "test"}] for one in shown)
    assert "has no ':' after a key" in millstream("produce", "keyed", "-f", lines("keyless"), "-K", ":", code=1)


def test_a_key_always_goes_to_the_same_partition(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "spread", "-p", "4")
    millstream(
        "produce", "spread", "-f", lines(*(f"{key}:{turn}" for turn in range(3) for key in "abcdefgh")), "-K", ":"
    )

    shown = [json.loads(line) for line in millstream("consume", "spread", "--json").splitlines()]

    homes: dict[str, set[int]] = {}
    for one in shown:
        homes.setdefault(one["key"], set()).add(one["partition"])
    assert len(homes) == 8
    assert all(len(partitions) == 1 for partitions in homes.values())
    assert len({partition for (partition,) in homes.values()}) > 1


def test_where_partitions_begin_and_end(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "bounds", "-p", "2")
    millstream("produce", "bounds", "-f", lines("x", "y"), "--partition", "1")

    rows = millstream("offsets", "bounds", "--json")
    assert [(row["partition"], row["earliest"], row["latest"]) for row in rows] == [(0, 0, 0), (1, 0, 2)]
    (row,) = millstream("offsets", "bounds:1", "--at", "@0", "--json")
    assert row["offset"] == 0
    (row,) = millstream("offsets", "bounds:1", "--at", "2999-01-01", "--json")
    assert row["offset"] == -1
    (row,) = millstream("offsets", "bounds:1", "--at", "max-timestamp", "--json")
    assert row["timestamp"] > 0
    assert "there is no topic nowhere" in millstream("offsets", "nowhere", code=1)


def test_a_group_resumes_where_it_was(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "resumed")
    millstream("produce", "resumed", "-f", lines("one", "two", "three"))

    assert millstream("consume", "resumed", "-g", "resumer", "-n", "2") == "one\ntwo\n"
    (described,) = millstream("groups", "describe", "resumer", "--json")
    assert (described["state"], described["lag"]) == ("Empty", 1)
    assert millstream("consume", "resumed", "-g", "resumer") == "three\n"
    assert millstream("consume", "resumed", "-g", "resumer") == ""
    assert "resumer" in [row["group"] for row in millstream("groups", "list", "--json")]


def test_offsets_of_a_group_are_reset_only_when_told_to(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "reset")
    millstream("produce", "reset", "-f", lines("one", "two", "three"))
    millstream("consume", "reset", "-g", "resetter")

    def after(*how: str) -> int:
        (row,) = millstream("groups", "reset-offsets", "resetter", "--all-topics", *how, "--json")["offsets"]
        return int(row["after"])

    assert after("--to-earliest") == 0
    assert after("--to-latest") == 3
    assert after("--to-offset", "2") == 2
    assert after("--to-offset", "99") == 3
    assert after("--shift-by", "-1") == 2
    assert after("--shift-by", "-9") == 0
    assert after("--to-datetime", "@0") == 0
    assert after("--to-datetime", "2999-01-01") == 3
    assert millstream("consume", "reset", "-g", "resetter") == "", "a dry run changes nothing"

    millstream("groups", "reset-offsets", "resetter", "-t", "reset:0", "--to-offset", "1", "--execute")
    assert millstream("consume", "reset", "-g", "resetter") == "two\nthree\n"


def test_a_group_is_forgotten(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("topics", "create", "forgotten")
    millstream("produce", "forgotten", "-f", lines("one"))
    millstream("consume", "forgotten", "-g", "forgetter")

    millstream("groups", "delete-offsets", "forgetter", "-t", "forgotten")
    assert millstream("consume", "forgotten", "-g", "forgetter") == "one\n"

    millstream("groups", "delete", "forgetter")
    assert "GROUP_ID_NOT_FOUND" in millstream("groups", "describe", "forgetter", code=1)
    assert "GROUP_ID_NOT_FOUND" in millstream("groups", "delete", "forgetter", code=1)


def test_the_cluster(millstream: Run, broker: BrokerProcess) -> None:
    described = millstream("cluster", "describe", "--json")
    assert described["controller_id"] == 1
    assert [f"{one['host']}:{one['port']}" for one in described["brokers"]] == [broker.bootstrap]

    served = {row["api"]: (row["min"], row["max"]) for row in millstream("cluster", "api-versions", "--json")}
    assert served["PRODUCE"] == (0, 13)
    assert "there is no broker 9" in millstream("cluster", "api-versions", "--node", "9", code=1)


def test_tables_are_plain_where_nobody_looks(millstream: Run) -> None:
    millstream("topics", "create", "plain", "-p", "2")
    heading, *rows = millstream("topics", "list").splitlines()
    assert heading.split() == ["TOPIC", "PARTITIONS", "REPLICAS"]
    assert ["plain", "2", "1"] in [row.split() for row in rows]


def test_a_partition_that_a_topic_does_not_have_is_named_at_once(millstream: Run, lines: Callable[..., str]) -> None:
    """It was waited for, as one that has no leader just now."""
    millstream("topics", "create", "narrow", "-p", "3")
    assert "narrow has no partition 7: it has 0 to 2" in millstream("consume", "narrow", "-p", "7", code=1)
    assert "narrow has no partition 3" in millstream("produce", "narrow", "-p", "3", "-f", lines("x"), code=1)
    assert "narrow has no partition 9" in millstream("offsets", "narrow:9", code=1)


def test_a_topic_may_be_created_by_what_goes_into_one_partition(millstream: Run, lines: Callable[..., str]) -> None:
    millstream("produce", "fresh", "-p", "0", "-f", lines("x"))
    assert millstream("consume", "fresh") == "x\n"
