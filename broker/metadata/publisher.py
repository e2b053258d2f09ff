"""The current image of this broker, and those who act when it moves.

`apply` is given committed entries in order and moves the image once for all of them; then every subscriber is
called with the delta and the new image, in the order of subscription, before `apply` returns. So whoever is told
afterwards that their proposal was applied finds its effect everywhere in this broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from broker.metadata.delta import MetadataDelta
from broker.metadata.image import EMPTY_IMAGE, MetadataImage
from broker.metadata.records import MetadataRecord

Subscriber = Callable[[MetadataDelta, MetadataImage], None]


class MetadataPublisher:
    """Holds `image`; called from the event-loop thread only."""

    def __init__(self, image: MetadataImage = EMPTY_IMAGE) -> None:
        self.image = image
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Be called after every move of the image.

        Whoever subscribes while a move is told is told of the next one first.
        Subscribed before the quorum starts, the first call brings everything that its log holds, as one delta
        from the empty image. Subscribers act at once and never await or raise.
        """
        self._subscribers.append(subscriber)

    def apply(self, entries: Iterable[Sequence[MetadataRecord]], metadata_offset: int) -> None:
        """Replay committed entries, the last of which is at `metadata_offset`, and tell everyone."""
        delta = MetadataDelta(self.image)
        for records in entries:
            delta.replay_all(records)
        self.image = delta.complete(metadata_offset)
        for subscriber in tuple(self._subscribers):
            subscriber(delta, self.image)

    def replace(self, records: Sequence[MetadataRecord], metadata_offset: int) -> None:
        """Put what `records` make from nothing (a snapshot) in place of the image, and tell everyone what differs."""
        fresh = MetadataDelta(EMPTY_IMAGE)
        fresh.replay_all(records)
        image = fresh.complete(metadata_offset)
        delta = MetadataDelta.between(self.image, image)
        self.image = image
        for subscriber in tuple(self._subscribers):
            subscriber(delta, image)
