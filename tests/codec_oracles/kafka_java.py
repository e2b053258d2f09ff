"""Kafka's own generated code, asked in a Java process of its own: one run answers all questions.

The jars come from Maven Central once and stay in ~/.cache/millstream-peers. Kafka 3.9 knows the old versions
that 4.x dropped; Kafka 4.3 the new ones and, in its server's jars, the records of internal topics.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from toolchains_harness.installs import only_one

from codec_oracles.generated import fields_sent
from protocol import encode
from protocol.fields import ArrayOf, StructOf, Wire
from protocol.schema import Blob, Fixed, Message, Struct

CACHE = Path.home() / ".cache" / "millstream-peers"
SOURCE = Path(__file__).with_name("KafkaOracle.java")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millstream</groupId><artifactId>peer</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{dependencies}</dependencies></project>
"""
DEPENDENCY = (
    "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
)
# A release: its directory in the cache, what Maven shall fetch into it, and a jar that must be there then.
KAFKA_3_9 = (
    "kafka-clients-3.9.1",
    [
        ("org.apache.kafka", "kafka-clients", "3.9.1"),
        ("com.fasterxml.jackson.datatype", "jackson-datatype-jdk8", "2.16.2"),
    ],
    "kafka-clients-3.9.1.jar",
)
KAFKA_4_3 = (
    "kafka-4.3.1",
    [
        ("org.apache.kafka", "kafka_2.13", "4.3.1"),
        ("org.apache.kafka", "kafka-tools", "4.3.1"),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
    ],
    "kafka-group-coordinator-4.3.1.jar",
)
# Fields that trunk gave another name after 4.3; names are not on the wire.
RENAMED_SINCE = {
    "TxnOffsetCommitRequest": {"generation_id_or_member_epoch": "generationId"},
    "StreamsGroupHeartbeatResponse": {"acceptable_recovery_lag_legacy": "acceptableRecoveryLag"},
}
Release = tuple[str, list[tuple[str, str, str]], str]


def missing_tool() -> str | None:
    """Which program the oracle would need and does not find."""
    return next((name for name in ("java", "mvn") if shutil.which(name) is None), None)


def jars(release: Release) -> Path:
    directory, dependencies, wanted = release
    libraries = CACHE / directory / "libs"
    with only_one("maven"):
        if (libraries / wanted).exists():
            return libraries
        libraries.mkdir(parents=True, exist_ok=True)
        pom = CACHE / directory / "pom.xml"
        listed = "".join(DEPENDENCY.format(group=g, artifact=a, version=v) for g, a, v in dependencies)
        pom.write_text(POM.format(dependencies=listed))
        command = ["mvn", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
        subprocess.run(command, check=True)
    return libraries


def ask(release: Release, messages: list[tuple[Message, int]]) -> list[str]:
    """Kafka's answer to each (message, version); see KafkaOracle.java for its form."""
    questions = "".join(
        f"{type(message).__name__} {version} {encode(message, version).hex()} {json.dumps(as_json(message, version))}\n"
        for message, version in messages
    )
    # Small heap, no optimising compiler: the process lives for two seconds.
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    finished = subprocess.run(
        [*command, "-cp", f"{jars(release)}/*", str(SOURCE)],
        input=questions,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answers = finished.stdout.splitlines()
    assert len(answers) == len(messages), finished.stderr
    return answers


def as_json(struct: Struct, version: int) -> dict[str, Any]:
    """The message as Kafka's JSON converters read and write it."""
    renamed = RENAMED_SINCE.get(type(struct).__name__, {})
    tree = {}
    for field, value in fields_sent(struct, version):
        name = renamed.get(field.name, _camel_case(field.name))
        tree[name] = None if value is None else _value_as_json(field.wire, value, version)
    return tree


def _value_as_json(wire: Wire, value: Any, version: int) -> Any:
    if isinstance(wire, Fixed) and wire.format == "16s":
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    if isinstance(wire, Blob):
        return base64.b64encode(value).decode()
    if isinstance(wire, ArrayOf):
        return [_value_as_json(wire.item, item, version) for item in value]
    if isinstance(wire, StructOf):
        return as_json(value, version)
    return value


def without_records(tree: Any) -> Any:
    """Kafka's converters read records from JSON but write them empty: their content is compared as bytes only."""
    if isinstance(tree, list):
        return [without_records(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    emptied = {name: "" for name in ("records", "unalignedRecords") if tree.get(name)}
    return {name: without_records(value) for name, value in tree.items()} | emptied


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
