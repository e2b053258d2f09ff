"""Who takes part: changes of one voter at a time, in force as soon as they are appended.

Rules (thesis §4.1 and the 2015 correction):
- A configuration entry holds the whole configuration, and counts from the moment it is in a node's log,
  committed or not; truncating it brings the one before back into force.
- A leader appends one only if the one before is committed, and not before an entry of its own term is: else
  two configurations could be open at once whose majorities do not overlap.
- One entry may change one voter and any number of learners.
- A leader that is no longer a voter replicates until that is committed, without counting itself; then it
  hands leadership to the most advanced voter and steps down. A node that is not a voter does not campaign,
  except that a voter which an uncommitted entry removes still may: nobody else may hold that entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from raft.encoding import decode_configuration
from raft.messages import NO_DIRECTORY, Configuration, Entry, EntryKind, SnapshotMetadata


class ChangeKind(Enum):
    ADD_VOTER = "add voter"  # a new member, or a learner promoted
    ADD_LEARNER = "add learner"  # a new member, or a voter demoted
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """`directory_id` names the member's disk; on REMOVE zeros remove whatever disk that member has."""

    kind: ChangeKind
    node_id: int
    directory_id: bytes = NO_DIRECTORY


class ConfigurationError(ValueError):
    """A change that may not be made to the configuration as it is."""


def apply_changes(configuration: Configuration, changes: Iterable[Change]) -> Configuration:
    """The configuration after all changes in order; raises ConfigurationError where one is not allowed."""
    voters, learners = dict(configuration.voters), dict(configuration.learners)
    for change in changes:
        _apply_change(voters, learners, change)
    if not voters:
        raise ConfigurationError("removed all voters")
    if _voters_changed(configuration.voters, voters) > 1:
        raise ConfigurationError("more than one voter changed at once")
    return Configuration(voters, learners)


def _voters_changed(old: dict[int, bytes], new: dict[int, bytes]) -> int:
    """How many voters differ. One id on two disks is two voters: {1, 2, 3a} and {1, 2, 3b} have majorities
    {1, 3a} and {2, 3b}. Learning the disk of a voter (zeros before) is one change."""
    changed = len(old.items() ^ new.items())
    return changed - sum(1 for node_id in old.keys() & new.keys() if old[node_id] == NO_DIRECTORY != new[node_id])


def _apply_change(voters: dict[int, bytes], learners: dict[int, bytes], change: Change) -> None:
    node_id = change.node_id
    if node_id < 0:
        raise ConfigurationError(f"node id {node_id} is negative")
    known = voters.get(node_id) or learners.get(node_id)
    if change.kind is ChangeKind.REMOVE:
        if known is not None and change.directory_id not in (NO_DIRECTORY, known):
            raise ConfigurationError(f"node {node_id} has another directory id")
        voters.pop(node_id, None)
        learners.pop(node_id, None)
        return
    target, other = (voters, learners) if change.kind is ChangeKind.ADD_VOTER else (learners, voters)
    directory_id = known if known is not None and change.directory_id == NO_DIRECTORY else change.directory_id
    if known not in (None, NO_DIRECTORY, directory_id):
        # KIP-853: a voter on a new disk is another voter; the old one is removed first.
        raise ConfigurationError(f"node {node_id} is a member with another directory id")
    other.pop(node_id, None)
    target[node_id] = directory_id


class ConfigurationHistory:
    """Every configuration that is in the log, with the index of its entry; the last one is in force."""

    def __init__(self, snapshot: SnapshotMetadata) -> None:
        self._history: list[tuple[int, Configuration]] = []
        self.restore(snapshot)

    @property
    def current(self) -> Configuration:
        return self._history[-1][1]

    @property
    def current_index(self) -> int:
        return self._history[-1][0]

    def at(self, index: int) -> Configuration | None:
        """The one in force after the entry at `index`: what a snapshot of that index must contain. None where
        a newer snapshot has taken the place of that part of the log."""
        for since, configuration in reversed(self._history):
            if since <= index:
                return configuration
        return None

    def restore(self, snapshot: SnapshotMetadata) -> None:
        self._history = [(snapshot.index, snapshot.configuration)]

    def appended(self, entries: Sequence[Entry]) -> bool:
        """Take in what was appended; True if that changed the configuration in force."""
        changed = False
        for entry in entries:
            if entry.kind is EntryKind.CONFIGURATION:
                assert entry.index > self.current_index, "configurations are appended in order"
                self._history.append((entry.index, decode_configuration(entry.data)))
                changed = True
        return changed

    def truncated(self, first: int) -> bool:
        """Entries from `first` on are gone; True if that changed the configuration in force."""
        changed = False
        while self._history[-1][0] >= first:
            self._history.pop()
            changed = True
        return changed

    def compacted(self, index: int) -> None:
        """Nobody will ask for configurations before the one in force at `index`."""
        while len(self._history) > 1 and self._history[1][0] <= index:
            del self._history[0]
