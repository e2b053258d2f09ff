"""What a broker does not start on: each with one sentence that says why and what to do, exit status 1, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faults_harness.refusals import refused_start
from faults_harness.wire import Wire
from harness.broker_process import BrokerProcess
from harness.ports import free_ports

StartBroker = Callable[..., BrokerProcess]


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        status, said = refused_start(path)
        assert (status, f"cannot write in the data directory {path}" in said) == (1, True)


def test_a_data_directory_that_another_process_uses(start_broker: StartBroker) -> None:
    broker = start_broker()
    assert broker.process is not None

    status, said = refused_start(broker.data_directory)

    assert status == 1
    assert f"another process (pid {broker.process.pid}) uses the data directory {broker.data_directory}" in said
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("undisturbed")
    broker.kill()
    broker.start()  # the lock ends with its process


def test_a_port_that_is_taken(start_broker: StartBroker, tmp_path: Path) -> None:
    broker = start_broker()
    status, said = refused_start(tmp_path / "other", listeners=f"PLAINTEXT://{broker.bootstrap}")
    assert status == 1
    assert f"listener PLAINTEXT cannot listen on {broker.bootstrap}" in said
    assert "something listens there already; stop it, or choose another port" in said


def test_a_killed_node_that_moves_to_another_port_is_not_taken_for_a_second_one(start_broker: StartBroker) -> None:
    broker = start_broker()
    broker.kill()
    broker.port = free_ports(1)[0]
    broker.start()
    assert "may not register" not in broker.log_text()


def test_an_address_that_is_not_of_this_machine(tmp_path: Path) -> None:
    status, said = refused_start(tmp_path / "data", listeners="PLAINTEXT://203.0.113.7:19092")
    assert (status, "cannot listen on 203.0.113.7:19092" in said) == (1, True)


def test_the_directory_of_another_node(start_broker: StartBroker) -> None:
    broker = start_broker()
    broker.stop()
    status, said = refused_start(broker.data_directory, node_id="7")
    assert status == 1
    assert "is the data directory of node 1, but node.id is 7" in said


def test_meta_properties_that_make_no_sense(start_broker: StartBroker) -> None:
    broker = start_broker()
    broker.stop()
    path = broker.data_directory / "meta.properties"
    kept = path.read_text()
    path.write_text("garbage")
    status, said = refused_start(broker.data_directory)
    assert (status, f"{path}: version None is not known" in said) == (1, True)
    path.write_text(kept)
    broker.start()


def test_meta_properties_of_another_cluster(start_broker: StartBroker) -> None:
    broker, other = start_broker(), start_broker(name="other")
    broker.stop()
    other.stop()
    foreign = other.data_directory / "meta.properties"
    (broker.data_directory / "meta.properties").write_text(foreign.read_text())
    status, said = refused_start(broker.data_directory)
    assert status == 1
    assert "the metadata log is of cluster" in said
