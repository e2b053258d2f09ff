"""Apache Kafka beside us: its jars from Maven Central, and its KRaft nodes.

Needs Java 17 or newer, and Maven once: jars stay in ~/.cache/millstream-peers (KAFKA_LIBS names another directory
that has them). As shipped but for what a laptop needs: replication factors that one node can hold, and no rebalance
delay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from broker.bench.servers import Server, voters
from broker.bench.wire import BenchError

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.24.3"
HEAP = "1g"  # Kafka's own default, of each node
FORMAT_TIMEOUT_S = 120.0
MAVEN_TIMEOUT_S = 600.0
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


def java_version() -> str:
    """As `java -version` has it in quotes; nothing where there is none."""
    if shutil.which("java") is None:
        return ""
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S).stderr
    return said.split('"')[1] if said.count('"') > 1 else said.partition("\n")[0]


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
    subprocess.run(
        ["mvn", "-q", "-f", str(CACHE / "pom.xml"), "dependency:copy-dependencies", target],
        check=True,
        timeout=MAVEN_TIMEOUT_S,
    )
    return CACHE / "libs"


class Kafka(Server):
    label = "Apache Kafka"

    def prepare(self) -> None:
        super().prepare()
        self._properties = self.directory / "server.properties"
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in self._settings().items()))
        (self.directory / "log4j2.xml").write_text(_LOGGING)
        command = self._java("kafka.tools.StorageTool", "256m")
        command += ["format", "-t", _CLUSTER_ID, "-c", str(self._properties), "--ignore-formatted"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S)
        if done.returncode:
            raise BenchError(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")

    def command(self) -> list[str]:
        return [*self._java("kafka.Kafka", HEAP), str(self._properties)]

    def _java(self, main_class: str, heap: str) -> list[str]:
        # The flags of Kafka's own start script.
        flags = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]
        flags += ["-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]
        logging = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.xml'}"
        classes = f"{ensure_libraries()}/*"
        return ["java", f"-Xms{heap}", f"-Xmx{heap}", *flags, logging, "-cp", classes, main_class]

    def _settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self.place.controller_port}"
        replicas = str(min(3, len(self.nodes)))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.place.node_id),
            "controller.quorum.voters": voters(self.nodes),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            "default.replication.factor": replicas,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            **self.settings,
        }
