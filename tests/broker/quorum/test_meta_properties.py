"""Whose a data directory is, and that nobody else starts on it."""

from __future__ import annotations

import base64

import pytest
from simulation import SimulatedFilesystem

from broker.quorum import MetaProperties, WrongDirectory, load_or_create_meta_properties, new_uuid, uuid_text


def test_a_new_directory_becomes_this_nodes_for_good() -> None:
    disk = SimulatedFilesystem()
    created = load_or_create_meta_properties(disk, "data/deep", node_id=3)
    assert len(base64.urlsafe_b64decode(created.cluster_id + "==")) == 16
    assert load_or_create_meta_properties(disk.power_loss(), "data/deep", node_id=3) == created


def test_the_file_is_kafkas() -> None:
    disk = SimulatedFilesystem()
    made = load_or_create_meta_properties(disk, "data", node_id=3, cluster_id="MkU3OEVBNTcwNTJENDM2Qg")
    assert disk.content("data/meta.properties").decode() == (
        f"version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=3\ndirectory.id={made.directory_id}\n"
    )


def test_a_file_that_kafka_wrote_is_understood() -> None:
    disk = SimulatedFilesystem()
    disk.make_directory("data")
    disk.open("data/meta.properties", create=True).append(
        [b"#\n#Mon Jan 05 10:00:00 UTC 2026\ncluster.id=c\ndirectory.id=d\r\nnode.id=1\nversion=1\n"]
    )
    assert load_or_create_meta_properties(disk, "data", node_id=1) == MetaProperties("c", 1, "d")


def test_another_nodes_directory_is_refused_with_what_to_do() -> None:
    disk = SimulatedFilesystem()
    load_or_create_meta_properties(disk, "data", node_id=3)
    with pytest.raises(WrongDirectory, match=r"start it with node\.id=3"):
        load_or_create_meta_properties(disk, "data", node_id=1)


def test_another_clusters_directory_is_refused() -> None:
    disk = SimulatedFilesystem()
    load_or_create_meta_properties(disk, "data", node_id=1, cluster_id="A" * 22)
    with pytest.raises(WrongDirectory, match="belongs to cluster AAAA"):
        load_or_create_meta_properties(disk, "data", node_id=1, cluster_id="B" * 22)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version=2\ncluster.id=c\nnode.id=1\ndirectory.id=d\n",
        b"version=1\nnode.id=1\n",
        b"version=1\ncluster.id=c\nnode.id=x\ndirectory.id=d\n",
    ],
)
def test_a_file_that_makes_no_sense_is_refused(content: bytes) -> None:
    disk = SimulatedFilesystem()
    disk.make_directory("data")
    disk.open("data/meta.properties", create=True).append([content])
    with pytest.raises(WrongDirectory, match=r"meta\.properties"):
        load_or_create_meta_properties(disk, "data", node_id=1)


def test_uuids_do_not_look_like_options() -> None:
    texts = [uuid_text(new_uuid()) for _ in range(500)]
    assert len(set(texts)) == 500
    assert all(len(text) == 22 and not text.startswith("-") for text in texts)
