"""The clients of other languages: how each is installed and started. All answer the same questions."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from toolchains_harness.client_process import ClientProcess
from toolchains_harness.installs import SOURCES, installed, need, run
from toolchains_harness.kafka_tools import JAVA_OPTIONS, kafka_libraries


def start(client: str) -> ClientProcess:
    """Install `client` where that was not done yet, and start it; skips the test where it cannot be had."""
    return {
        "java": java,
        "kafkajs": lambda: node("kafkajs.js"),
        "platformatic": lambda: node("platformatic.js"),
        "franz-go": franz_go,
        "rskafka": rskafka,
    }[client]()


def java() -> ClientProcess:
    need("java", "javac", "mvn")
    libraries = kafka_libraries()
    sources = sorted((SOURCES / "java").glob("*.java"))

    def compile_classes(directory: Path) -> None:
        names = [str(source) for source in sources]
        run("javac", "-Xlint:-deprecation", "-cp", f"{libraries}/*", "-d", str(directory), *names, directory=directory)

    classes = installed("java-clients", sources, compile_classes)
    return ClientProcess(["java", *JAVA_OPTIONS, "-cp", f"{classes}:{libraries}/*", "JavaClient"])


def node(script: str) -> ClientProcess:
    """Both clients of Node share one installation; the scripts are copied beside it, so that they find it."""
    need("node", "npm")
    sources = sorted((SOURCES / "node").iterdir())

    def install_packages(directory: Path) -> None:
        for source in sources:
            shutil.copy(source, directory)
        # Nothing that a package would build or fetch while it is installed is needed here.
        quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
        run("npm", "install", *quiet, directory=directory)

    return ClientProcess(["node", str(installed("node-clients", sources, install_packages) / script)])


def franz_go() -> ClientProcess:
    need("go")
    sources = sorted((SOURCES / "franzgo").iterdir())

    def build(directory: Path) -> None:
        environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
        run("go", "build", "-o", str(directory / "client"), ".", directory=SOURCES / "franzgo", environment=environment)

    return ClientProcess([str(installed("franz-go", sources, build) / "client")])


def rskafka() -> ClientProcess:
    need("cargo")
    project = SOURCES / "rskafka"
    sources = [project / "Cargo.toml", project / "src" / "main.rs"]

    def build(directory: Path) -> None:
        # Copied, so that the lock file and the target directory stay out of the sources.
        shutil.copytree(project, directory / "project", dirs_exist_ok=True)
        run("cargo", "build", "--quiet", "--target-dir", str(directory / "target"), directory=directory / "project")

    return ClientProcess([str(installed("rskafka", sources, build) / "target" / "debug" / "rskafka-client")])
