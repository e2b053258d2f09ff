"""Nodes under test: where they are, and what they are told of each other. None is started here."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from broker.bench import servers
from broker.bench.cluster_servers import NODES, ClusterServers
from broker.bench.peer import Kafka
from broker.bench.servers import FIRST_PORT, LAST_PORT, Millstream, free_ports
from broker.bench.time_limit import TimeIsUp, time_limit


def test_ports_lie_where_the_system_takes_none_for_outgoing_connections() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert all(FIRST_PORT <= port <= LAST_PORT < 32768 for port in ports)


def test_nodes_of_a_cluster_know_all_controllers_and_a_single_one_is_told_of_none(tmp_path: Path) -> None:
    alone = Millstream(tmp_path, {"flush": "os"})
    cluster = ClusterServers(tmp_path, {}, Millstream)

    assert not any("controller.quorum" in argument for argument in alone.command())
    assert "flush=os" in alone.command()
    commands = [node.command() for node in cluster.nodes]
    voters = {next(argument for argument in command if "quorum.voters" in argument) for command in commands}
    assert len(voters) == 1
    assert all(voters.copy().pop().count(f"{node.place.node_id}@") == 1 for node in cluster.nodes)


def test_a_node_is_found_by_its_port_and_all_of_them_are_bootstrap_servers(tmp_path: Path) -> None:
    cluster = ClusterServers(tmp_path, {}, Kafka)

    assert len(cluster.nodes) == NODES == cluster.bootstrap.count(":")
    for node in cluster.nodes:
        assert cluster.at(node.port) is node
        assert f":{node.port}" in cluster.bootstrap


def test_a_node_that_does_not_run_uses_nothing(tmp_path: Path) -> None:
    cluster = ClusterServers(tmp_path, {}, Millstream)

    assert (cluster.resident_mb(), cluster.cpu_s()) == (0.0, 0.0)


def test_what_hangs_ends_at_its_limit() -> None:
    with pytest.raises(TimeIsUp, match="a wait for nothing was not done"), time_limit(0.05, "a wait for nothing"):
        threading.Event().wait()


def test_what_is_done_in_time_is_left_alone() -> None:
    with time_limit(60.0, "nothing"):
        pass

    threading.Event().wait(0.0)


def test_a_node_is_measured_with_bytecode_as_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python was told to write none, half of every start was its compiler's."""
    package = tmp_path / "code" / "broker"
    package.mkdir(parents=True)
    (package / "one.py").write_text("ONE = 1\n")
    monkeypatch.setattr(servers, "CODE", tmp_path / "code")
    Millstream(tmp_path / "data", {}).prepare()
    assert list(package.rglob("one.*.pyc"))
