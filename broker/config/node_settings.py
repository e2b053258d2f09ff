"""Settings of the node itself: who it is, where it listens, what a request may cost."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import INT_MAX, boolean, integer, listing, long, string
from broker.config.listeners import Listener


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """Identity and sockets."""

    node_id: int = integer(
        1,
        "The number of this node in its cluster. Kafka insists on one; a single node is 1 here unless told otherwise.",
        minimum=0,
    )
    broker_id: int = integer(
        -1, "The older name of node.id; read where node.id is not set, -1 for not set.", minimum=-1
    )
    broker_rack: str | None = string(None, "The rack or zone of this node, told to clients in metadata.")
    listeners: tuple[Listener, ...] = listing(
        ("PLAINTEXT://127.0.0.1:9092",),
        "Where to listen, as NAME://host:port. An empty host or 0.0.0.0 is every interface, port 0 any free port. "
        "Kafka's default is every interface; here it is this machine alone until you say otherwise.",
    )
    advertised_listeners: tuple[Listener, ...] = listing(
        None,
        "The addresses clients are told to connect to, per listener name. Where it is not set: the listener's own "
        "host, or this machine's host name for 0.0.0.0. Port 0 is the bound port.",
    )
    listener_security_protocol_map: tuple[str, ...] = listing(
        (
            "PLAINTEXT:PLAINTEXT",
            "SSL:SSL",
            "SASL_PLAINTEXT:SASL_PLAINTEXT",
            "SASL_SSL:SASL_SSL",
        ),
        "Which security protocol each listener name speaks. Only PLAINTEXT is supported yet.",
    )
    inter_broker_listener_name: str | None = string(
        None,
        "The listener by which other brokers reach this one; must be one of listeners. Where it is not set: the first.",
    )
    controller_listener_names: tuple[str, ...] = listing(
        None, "Those of listeners that are for controllers alone. A single node needs none."
    )
    socket_request_max_bytes: int = integer(
        104857600,
        "The largest request a client may send; a larger length closes the connection.",
        unit="bytes",
        minimum=1,
    )
    connections_max_idle_ms: int = long(
        600000, "A connection without a request for so long is closed; -1 for never.", unit="ms", minimum=-1
    )
    max_connections: int = integer(
        INT_MAX,
        "How many connections the broker holds; those beyond are closed at once.",
        unit="connections",
        minimum=0,
    )
    max_connections_per_ip: int = integer(
        INT_MAX,
        "How many connections one address may hold; those beyond are closed at once.",
        unit="connections",
        minimum=0,
    )
    max_incremental_fetch_session_cache_slots: int = integer(
        1000, "How many incremental fetch sessions are kept.", unit="sessions", minimum=0
    )
    fetch_max_bytes: int = integer(
        57671680,
        "The most a Fetch answer holds, whatever the client asks for; the first batch is sent even if larger.",
        unit="bytes",
        minimum=1024,
    )
    auto_create_topics_enable: bool = boolean(
        True, "Whether a topic that a client asks for or writes to is created with the defaults below."
    )
    delete_topic_enable: bool = boolean(True, "Whether topics may be deleted; TOPIC_DELETION_DISABLED otherwise.")
