"""The log of cluster metadata: proposals in, committed entries out, applied to this broker's image in order.

`Quorum` is the seam. `OneNodeQuorum` commits an entry when it is durable here.
"""

from broker.quorum.meta_properties import (
    MetaProperties,
    WrongDirectory,
    load_or_create_meta_properties,
    new_uuid,
    uuid_text,
)
from broker.quorum.one_node import OneNodeQuorum
from broker.quorum.quorum import Quorum

__all__ = [
    "MetaProperties",
    "OneNodeQuorum",
    "Quorum",
    "WrongDirectory",
    "load_or_create_meta_properties",
    "new_uuid",
    "uuid_text",
]
