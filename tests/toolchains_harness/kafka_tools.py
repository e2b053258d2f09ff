"""Kafka's own command-line tools, run one after another in one Java process, because a JVM's start costs a second.

Each call is the main class that the script of that name runs, with the arguments a person would type.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codec_oracles import kafka_java

from toolchains_harness.client_process import ClientProcess
from toolchains_harness.installs import SOURCES, need, skipping_what_fails

MAIN_CLASSES = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "client-compatibility": "org.apache.kafka.tools.ClientCompatibilityTest",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
}

# Small heap, no optimising compiler: these processes live for seconds.
JAVA_OPTIONS = [
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    f"-Dlog4j2.configurationFile={SOURCES / 'java' / 'log4j2.properties'}",
]


@dataclass(frozen=True)
class Finished:
    """What a tool left behind when it ended."""

    status: int
    output: str
    errors: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.strip()]

    def rows(self) -> list[dict[str, str]]:
        """A table with a heading: the columns of these tools are separated by blanks."""
        heading, *rows = [line.split() for line in self.lines]
        return [dict(zip(heading, row, strict=False)) for row in rows]


def kafka_libraries() -> Path:
    """The directory of Kafka's jars, fetched once for all checkouts."""
    need("java", "mvn")
    with skipping_what_fails("Kafka's jars"):
        return kafka_java.jars(kafka_java.KAFKA_4_3)


class KafkaTools:
    def __init__(self, process: ClientProcess) -> None:
        self._process = process

    def run(self, tool: str, *arguments: str, typed: str = "", succeeds: bool = True) -> Finished:
        """Run a tool to its end; `typed` is its standard input. Its failure is the test's, unless that is wanted."""
        answer = self._process.ask(tool, main=MAIN_CLASSES[tool], arguments=arguments, typed=typed)
        finished = Finished(answer["status"], answer["output"], answer["errors"])
        if succeeds:
            assert finished.status == 0, f"{tool} failed:\n{finished.output}\n{finished.errors}"
        return finished

    def close(self) -> None:
        self._process.close()


def start_kafka_tools() -> KafkaTools:
    source = SOURCES / "java" / "KafkaTools.java"
    return KafkaTools(ClientProcess(["java", *JAVA_OPTIONS, "-cp", f"{kafka_libraries()}/*", str(source)]))
