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

    classes = installed("java-clients", sources, build=compile_classes)
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
        # By itself npm waits more than a minute for each package of a registry that is not there.
        impatient = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=1000")
        run("npm", "install", *quiet, *impatient, directory=directory)

    return ClientProcess(["node", str(installed("node-clients", sources, fetch=install_packages) / script)])


def franz_go() -> ClientProcess:
    need("go")
    project = SOURCES / "franzgo"
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}

    def download(directory: Path) -> None:
        run("go", "mod", "download", directory=project, environment=environment)

    def build(directory: Path) -> None:
        run("go", "build", "-o", str(directory / "client"), ".", directory=project, environment=environment)

    directory = installed("franz-go", sorted(project.iterdir()), fetch=download, build=build)
    return ClientProcess([str(directory / "client")])


def rskafka() -> ClientProcess:
    need("cargo")
    project = SOURCES / "rskafka"

    def fetch(directory: Path) -> None:
        # Copied, so that the lock file and the target directory stay out of the sources.
        shutil.copytree(project, directory / "project", dirs_exist_ok=True)
        run("cargo", "fetch", "--quiet", directory=directory / "project")

    def build(directory: Path) -> None:
        target = str(directory / "target")
        run("cargo", "build", "--quiet", "--offline", "--target-dir", target, directory=directory / "project")

    directory = installed("rskafka", [project / "Cargo.toml", project / "src" / "main.rs"], fetch=fetch, build=build)
    return ClientProcess([str(directory / "target" / "debug" / "rskafka-client")])
