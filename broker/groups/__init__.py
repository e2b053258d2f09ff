"""Groups: who consumes together, what each member was assigned, and how far the group has read."""

from broker.groups.coordinator import OFFSETS_TOPIC, GroupCoordinator

__all__ = ["OFFSETS_TOPIC", "GroupCoordinator"]
