"""Apache Kafka beside us: its jars from Maven Central, one KRaft node on a free port.

Needs Java 17 or newer, and Maven once: jars stay in ~/.cache/millstream-peers (KAFKA_LIBS names another directory
that has them). As shipped but for what a node on a laptop needs: replication factors of 1, no rebalance delay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from broker.bench.servers import Server, free_port
from broker.bench.wire import BenchError

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.24.3"
HEAP = "1g"  # Kafka's own default
CACHE = Path.home() / ".cache" / "millstream-peers" / f"kafka-{KAFKA_VERSION}"
_CLUSTER_ID = "bWlsbHN0cmVhbS1wZWVyLQ"

_DEPENDENCIES = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
)
_LOGGING = """<Configuration><Appenders><Console name="console"><PatternLayout pattern="%d %p %c: %m%n"/></Console>
</Appenders><Loggers><Root level="WARN"><AppenderRef ref="console"/></Root></Loggers></Configuration>
"""


def why_no_peer() -> str | None:
    """Why Kafka cannot be started here; None if it can."""
    if shutil.which("java") is None:
        return "there is no java on this machine"
    if _libraries() is None and shutil.which("mvn") is None:
        return f"Kafka's jars are not in {CACHE / 'libs'} and there is no mvn to get them"
    return None


def _libraries() -> Path | None:
    directory = Path(os.environ.get("KAFKA_LIBS", CACHE / "libs"))
    return directory if (directory / f"kafka_2.13-{KAFKA_VERSION}.jar").exists() else None


def ensure_libraries() -> Path:
    """The directory of the jars, got by Maven where they are missing."""
    found = _libraries()
    if found is not None:
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in _DEPENDENCIES
    )
    (CACHE / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>millstream</groupId><artifactId>peer</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )
    target = f"-DoutputDirectory={CACHE / 'libs'}"
    subprocess.run(["mvn", "-q", "-f", str(CACHE / "pom.xml"), "dependency:copy-dependencies", target], check=True)
    return CACHE / "libs"


class Kafka(Server):
    label = "Apache Kafka"

    def prepare(self) -> None:
        super().prepare()
        self._controller_port = free_port()
        self._properties = self.directory / "server.properties"
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in self._settings().items()))
        (self.directory / "log4j2.xml").write_text(_LOGGING)
        command = self._java("kafka.tools.StorageTool", "256m")
        command += ["format", "-t", _CLUSTER_ID, "-c", str(self._properties), "--ignore-formatted"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")

    def command(self) -> list[str]:
        return [*self._java("kafka.Kafka", HEAP), str(self._properties)]

    def _java(self, main_class: str, heap: str) -> list[str]:
        # The flags of Kafka's own start script.
        flags = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]
        logging = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.xml'}"
        classes = f"{ensure_libraries()}/*"
        return ["java", f"-Xms{heap}", f"-Xmx{heap}", *flags, logging, "-cp", classes, main_class]

    def _settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            **self.settings,
        }
