"""What must hold of committed offsets, leaders, topics and the metadata when a run is over.

A function's name is the promise. It answers the shortest evidence of a breach, or None.
"""

from __future__ import annotations

from simulation.evidence import Evidence, named
from simulation.history import Commit, CommittedRead, Outcome, Place, TopicChange

# What is answered so soon was forwarded once: a connection that breaks is not made again in that time.
FORWARDED_ONCE_S = 0.02

# --- committed offsets -------------------------------------------------------------------------------------------


def committed_offsets_never_regress(evidence: Evidence) -> str | None:
    """A group reads what was acknowledged last, or something that was attempted since or never answered."""
    for reads, commits in _by_group(evidence):
        acknowledged = [commit for commit in commits.values() if commit.outcome is Outcome.ACKNOWLEDGED]
        for read in reads:
            before = [commit for commit in acknowledged if commit.ended is not None and commit.ended < read.began]
            if not before:
                continue
            newest = max(before, key=lambda commit: commit.began)
            found = commits.get(read.label)
            if found is None or (found.ended is not None and _is_over(found) and found.ended < newest.began):
                return (
                    f"{newest.offset} was committed for {read.group} at {newest.ended}, and {read.client} read "
                    f"{read.offset} ({read.label or 'nothing'}) at {read.ended}"
                )
    return None


def a_group_that_read_a_commit_never_reads_an_older_one(evidence: Evidence) -> str | None:
    """Whatever became of either in the eyes of who made it. One that was never answered may come late."""
    for reads, commits in _by_group(evidence):
        newest: tuple[Commit, CommittedRead] | None = None
        for read in sorted(reads, key=lambda read: read.ended):
            found = commits.get(read.label)
            if newest is not None and newest[1].ended < read.began:
                over = found is None or (_is_over(found) and found.ended is not None and found.ended < newest[0].began)
                if over:
                    return (
                        f"{newest[1].client} read {newest[1].offset} for {read.group} at {newest[1].ended}, and "
                        f"{read.client} read {read.offset} ({read.label or 'nothing'}) at {read.ended}"
                    )
            if found is not None and (newest is None or found.began > newest[0].began):
                newest = (found, read)
    return None


def a_group_reads_only_what_was_committed_for_it(evidence: Evidence) -> str | None:
    for reads, commits in _by_group(evidence):
        for read in reads:
            found = commits.get(read.label)
            nothing = read.offset == -1 and not read.label
            right = found is not None and found.offset == read.offset and found.outcome is not Outcome.FAILED
            if not right and not nothing:
                return f"{read.client} read {read.offset} ({read.label}) for {read.group} at {read.ended}: {found}"
    return None


def _by_group(evidence: Evidence) -> list[tuple[list[CommittedRead], dict[str, Commit]]]:
    """What was read of each group and place, and what was attempted for it, by label."""
    found: dict[tuple[str, Place], tuple[list[CommittedRead], dict[str, Commit]]] = {}
    for commit in evidence.history.commits:
        found.setdefault((commit.group, commit.place), ([], {}))[1][commit.label] = commit
    for read in evidence.history.committed_reads:
        found.setdefault((read.group, read.place), ([], {}))[0].append(read)
    return list(found.values())


def _is_over(commit: Commit) -> bool:
    """Whether it cannot take effect any more: one without an answer may, on a connection long given up."""
    return commit.outcome in (Outcome.ACKNOWLEDGED, Outcome.FAILED)


# --- leaders -----------------------------------------------------------------------------------------------------


def one_leader_per_epoch(evidence: Evidence) -> str | None:
    """Whoever was asked, and whenever. No leader (-1) is none that could be another."""
    leaders: dict[tuple[bytes, int, int], tuple[int, str]] = {}
    for view in evidence.history.leader_views:
        if view.leader_id >= 0:
            text = f"{view.client} at {view.at}: node {view.leader_id}"
            key = (view.topic_id, view.place[1], view.leader_epoch)
            before = leaders.setdefault(key, (view.leader_id, text))
            if before[0] != view.leader_id:
                return f"epoch {view.leader_epoch} of {named(view.place)} was told to {before[1]}; and to {text}"
    return None


def one_node_serves_an_epoch(evidence: Evidence) -> str | None:
    """Consumers ask with the epoch that they believe in: only its leader may answer."""
    served: dict[tuple[Place, int], tuple[int, str]] = {}
    for fetch in evidence.history.fetches:
        text = f"node {fetch.node_id} to {fetch.client} at {fetch.ended}"
        before = served.setdefault((fetch.place, fetch.leader_epoch), (fetch.node_id, text))
        if before[0] != fetch.node_id:
            return f"epoch {fetch.leader_epoch} of {named(fetch.place)} was served by {before[1]} and by {text}"
    return None


def the_leader_epoch_never_goes_back_on_a_connection(evidence: Evidence) -> str | None:
    """One connection is one life of one broker, and what it knows of the metadata only grows."""
    epochs: dict[tuple[int, bytes, int], int] = {}
    for view in evidence.history.leader_views:
        key = (view.connection, view.topic_id, view.place[1])
        if view.leader_epoch < epochs.get(key, -1):
            return (
                f"node {view.node_id} told {view.client} epoch {epochs[key]} of {named(view.place)}, and "
                f"{view.leader_epoch} at {view.at}"
            )
        epochs[key] = view.leader_epoch
    return None


# --- metadata ----------------------------------------------------------------------------------------------------


def metadata_images_converge(evidence: Evidence) -> str | None:
    if not evidence.images:
        return None
    (first_node, first), *others = evidence.images.items()
    for node_id, image in others:
        for name in sorted(first.keys() | image.keys()):
            if first.get(name) != image.get(name):
                return f"{name} is {first.get(name)} on node {first_node} and {image.get(name)} on node {node_id}"
    return None


def a_topic_is_there_exactly_if_it_was_created_last(evidence: Evidence) -> str | None:
    """Where nothing that might undo the last change can have come late."""
    by_name: dict[str, list[TopicChange]] = {}
    for change in evidence.history.topic_changes:
        by_name.setdefault(change.name, []).append(change)
    for name, changes in by_name.items():
        known = [change for change in changes if change.outcome is Outcome.ACKNOWLEDGED]
        if not known:
            continue
        last = max(known, key=lambda change: change.began)
        opposed = [change for change in changes if change.creates is not last.creates]
        if any(_may_come_late(change) for change in opposed):
            continue
        if last.creates is not (name in evidence.topics):
            what = "created" if last.creates else "deleted"
            return f"{name} was {what} at {last.ended}, and it is {'not ' if last.creates else ''}there"
    return None


def _may_come_late(change: TopicChange) -> bool:
    """A broker that lost its controller forwards a request again, as Apache Kafka's does; the answer is to one of the
    two, and the other may still be on its way."""
    if change.ended is None or change.outcome is Outcome.UNKNOWN:
        return True
    return change.ended.at_s - change.began.at_s > FORWARDED_ONCE_S


def a_producer_id_is_given_once(evidence: Evidence) -> str | None:
    owners: dict[int, tuple[str, Place]] = {}
    for producer, place, producer_id in evidence.history.producer_ids:
        before = owners.setdefault(producer_id, (producer, place))
        if before != (producer, place):
            return f"{producer_id} was given to {before[0]} for {named(before[1])} and to {producer} for {named(place)}"
    return None


INVARIANTS = (
    committed_offsets_never_regress,
    a_group_that_read_a_commit_never_reads_an_older_one,
    a_group_reads_only_what_was_committed_for_it,
    one_leader_per_epoch,
    one_node_serves_an_epoch,
    the_leader_epoch_never_goes_back_on_a_connection,
    metadata_images_converge,
    a_topic_is_there_exactly_if_it_was_created_last,
    a_producer_id_is_given_once,
)
