"""This node's part in the cluster's metadata: the log, the controller that it may be, and the way to the one that is.

Built before the rooms that hold records, started before them and stopped after them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import replace

from broker.cluster import (
    BrokerLifecycle,
    ClusterIdentity,
    ControllerChannel,
    Forwarder,
    QuorumJoiner,
    member_addresses,
    quorum_settings,
    stands_alone,
)
from broker.config import BrokerConfig, Listener, validate_topic_configs
from broker.controller import BrokerManager, Controller, ControllerElsewhere, FeatureManager, VoterManager
from broker.handlers.controller_apis import serve_here
from broker.handlers.services import Services
from broker.machine import Machine
from broker.metadata import MetadataImage, MetadataPublisher
from broker.network import Address, PeerConnection
from broker.quorum import MemberAddresses, RaftQuorum, RaftTransport, new_uuid, uuid_text

# A broker that is no controller has no listener for controllers, but the leader of the log must reach it.
LEARNERS_LISTENER = "METADATA"


class Member:
    """`services` are those of this node, by the time that they are asked for. `on_new_cluster` may refuse, by raising,
    to begin one where this node alone is the quorum and its log is empty."""

    def __init__(
        self,
        config: BrokerConfig,
        *,
        machine: Machine,
        identity: ClusterIdentity,
        publisher: MetadataPublisher,
        services: Callable[[], Services],
        on_new_cluster: Callable[[], None],
        on_joined: Callable[[MetadataImage], None],
        on_cut_off: Callable[[bool], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._config = config
        self._machine = machine
        self._identity = identity
        self._publisher = publisher
        self._services = services
        self._on_new_cluster = on_new_cluster
        self._on_failure = on_failure
        self._bound_ports: Mapping[str, int] = {}
        # Where other nodes' messages about metadata arrive.
        self.listeners = metadata_listeners(config)
        self.incarnation_id = machine.chance.randbytes(16)
        loop = asyncio.get_running_loop()
        self._build_log(loop)
        self._build_controller(loop)
        self.lifecycle = BrokerLifecycle(
            node_id=config.node_id,
            channel=self.channel,
            publisher=publisher,
            config=lambda: services().config,
            incarnation_id=self.incarnation_id,
            directory_id=self._directory_id,
            on_joined=on_joined,
            on_cut_off=on_cut_off,
            barrier=self.quorum.barrier,
            lost=lambda: self.quorum.watch.lost,
        )
        self.quorum.watch.on_leader(self.lifecycle.controller_changed)
        self.quorum.watch.on_lost(self.lifecycle.node_lost)

    def _build_log(self, loop: asyncio.AbstractEventLoop) -> None:
        config, identity = self._config, self._identity
        identity.follow(self._publisher)
        self.members = MemberAddresses(member_addresses(config), self._publisher)
        self._transport = transport = RaftTransport(
            node_id=config.node_id,
            address_of=self.members.address_of,
            own_address=self._own_address,
            cluster_id=lambda: identity.cluster_id or None,
            loop=loop,
            chance=self._machine.chance.random,
        )
        self._directory_id = directory_id = base64.urlsafe_b64decode(identity.directory_id + "==")
        self.quorum = RaftQuorum(
            self._machine.filesystem,
            f"{config.data_directory}/metadata",
            node_id=config.node_id,
            settings=replace(
                quorum_settings(config), directory_id=directory_id, log_must_exist=must_have_log(config, identity)
            ),
            transport=transport,
            on_failure=self._on_failure,
            random_source=self._machine.chance,
        )
        transport.begin(self.quorum)
        self._joiner = QuorumJoiner(
            node_id=config.node_id,
            directory_id=directory_id,
            cluster_id=lambda: identity.cluster_id,
            own_address=self._own_address,
            addresses=self._controllers_to_ask,
            address_of=self.members.address_of,
            is_configured_voter=config.node_id in self.members.configured,
            following=self.quorum,
            loop=loop,
            chance=self._machine.chance.random,
        )

    def _build_controller(self, loop: asyncio.AbstractEventLoop) -> None:
        config, quorum, publisher = self._config, self.quorum, self._publisher
        self.channel = ControllerChannel(
            node_id=config.node_id,
            leadership=quorum,
            address_of=self.members.address_of,
            publisher=publisher,
            serve_here=lambda request, version: serve_here(self._services(), request, version),
            loop=loop,
            chance=self._machine.chance.random,
        )
        self.forwarder = Forwarder(self.channel, quorum)
        self.controller = Controller(
            node_id=config.node_id,
            config=lambda: self._services().config,
            quorum=quorum,
            publisher=publisher,
            validate_topic_configs=validate_topic_configs,
            make_uuid=self._new_uuid,
            remote=ControllerElsewhere(
                node_id=config.node_id, forwarder=self.forwarder, channel=self.channel, publisher=publisher
            ),
            cluster_id_if_new=lambda: self._identity.cluster_id or uuid_text(self._new_uuid()),
            features_if_new=lambda: self.features.first_records(),
        )
        quorum.watch.on_active(self.controller.active_changed)
        proposals = self.controller.proposals
        self.features = FeatureManager(
            node_id=config.node_id,
            proposals=proposals,
            quorum=quorum,
            features_of=self._transport.features_of,
        )
        self.brokers = BrokerManager(
            proposals=proposals,
            watch=quorum.watch,
            config=lambda: self._services().config,
            clock=self._machine.clock,
            loop=loop,
            node_id=config.node_id,
            incarnation_id=self.incarnation_id,
        )
        self.voters = VoterManager(
            proposals=proposals,
            quorum=quorum,
            configured=self.members.configured,
            node_id=config.node_id,
            directory_id=self._directory_id,
        )
        quorum.watch.on_active(self.voters.active_changed)

    # --- start and stop ------------------------------------------------------------------------------------------

    async def start(self, bound_ports: Mapping[str, int]) -> None:
        """Begin to follow the log, and, with a majority of votes, to write it. `bound_ports` by listener name."""
        self._bound_ports = bound_ports
        await self.quorum.start(self._publisher)
        self._joiner.start()
        if self.quorum.is_leader:
            if not self._publisher.image.cluster_id:
                self._on_new_cluster()
            await self.controller.begin_cluster(self._identity.cluster_id)

    async def join(self, endpoints: Mapping[str, tuple[str, int]]) -> None:
        """Become a broker of the cluster that clients reach at `endpoints`."""
        await self.lifecycle.start(endpoints)

    async def stop(self) -> None:
        """After `lifecycle.shut_down` and everything that asks the controller."""
        await self.lifecycle.stop()
        await self.quorum.transfer_leadership()
        await self._joiner.stop()
        self.brokers.close()
        self.channel.close()
        await self.quorum.stop()

    def connection_to(self, node_id: int, client_id: str) -> PeerConnection:
        """To where brokers reach each other about records."""
        listener = self._config.inter_broker_listener_name or ""
        return PeerConnection(
            lambda: self._publisher.image.endpoint(node_id, listener),
            client_id=client_id,
            loop=asyncio.get_running_loop(),
            chance=self._machine.chance.random,
        )

    def _new_uuid(self) -> bytes:
        return new_uuid(self._machine.chance)

    # --- addresses -----------------------------------------------------------------------------------------------

    def _own_address(self) -> Address:
        """Where other nodes reach this one about metadata."""
        if not self.listeners:
            return "", 0
        bound = self.listeners[0]
        advertised = self._config.advertised_controller_listeners
        if bound.name == LEARNERS_LISTENER:
            name = self._config.inter_broker_listener_name
            host = next(told.host for told in self._config.advertised_listeners if told.name == name)
            return host, self._bound_ports[bound.name]
        return advertised[0].host, advertised[0].port or self._bound_ports[bound.name]

    def _controllers_to_ask(self) -> list[Address]:
        own = self._own_address()
        servers = [(server.host, server.port) for server in self._config.controller_quorum_bootstrap_servers]
        known = [*self.members.configured.values(), *servers, *self._publisher.image.members.values()]
        return [address for address in dict.fromkeys(known) if address != own]


def must_have_log(config: BrokerConfig, identity: ClusterIdentity) -> bool:
    """A voter without its log would vote as if it remembered. Who knows its cluster has had one; alone it is told so
    elsewhere, and a node without a vote is sent the log anew."""
    return config.is_controller and bool(identity.cluster_id) and not stands_alone(config)


def metadata_listeners(config: BrokerConfig) -> tuple[Listener, ...]:
    if config.is_controller:
        return config.controller_listeners
    between_brokers = next(each for each in config.listeners if each.name == config.inter_broker_listener_name)
    return (replace(between_brokers, name=LEARNERS_LISTENER, port=0),)
