"""The log of cluster metadata: proposals in, committed entries out, applied to this broker's image in order.

`Quorum` is the seam. `RaftQuorum` commits an entry when it is durable on a majority of the voters; of one, as of any
other number.
"""

from broker.quorum.driver import RaftQuorum
from broker.quorum.dump import dump_entry, dump_snapshot
from broker.quorum.members import MemberAddresses
from broker.quorum.meta_properties import (
    MetaProperties,
    WrongDirectory,
    load_or_create_meta_properties,
    new_uuid,
    uuid_text,
    write_meta_properties,
)
from broker.quorum.quorum import Quorum, QuorumSettings
from broker.quorum.transport import RaftTransport, Transport
from broker.quorum.watch import LeadershipWatch

__all__ = [
    "LeadershipWatch",
    "MemberAddresses",
    "MetaProperties",
    "Quorum",
    "QuorumSettings",
    "RaftQuorum",
    "RaftTransport",
    "Transport",
    "WrongDirectory",
    "dump_entry",
    "dump_snapshot",
    "load_or_create_meta_properties",
    "new_uuid",
    "uuid_text",
    "write_meta_properties",
]
