"""A cluster whose nodes reach each other only through proxies; clients reach them directly."""

from __future__ import annotations

from pathlib import Path

from harness.broker_process import BrokerProcess
from harness.cluster_process import ClusterProcess
from harness.link_proxy import LinkProxy
from harness.ports import free_ports


class ProxiedCluster(ClusterProcess):
    """`links.cut(1, 2, 3)` isolates node 1 from the others, for replication as for metadata."""

    def __init__(self, directory: Path, count: int = 3, settings: dict[str, str] | None = None) -> None:
        self.links = LinkProxy()
        self.internal_ports = dict(enumerate(free_ports(count), 1))
        super().__init__(directory, count, settings)

    def _node(self, node_id: int) -> BrokerProcess:
        if not hasattr(self, "_proxied"):
            self._proxied = {
                other: (self.links.listen(other, self.internal_ports[other]), self.links.listen(other, port))
                for other, port in self.controller_ports.items()
            }
        node = super()._node(node_id)
        internal, controller = self._proxied[node_id]
        client_port = self.client_ports[node_id]
        voters = [f"{voter}@127.0.0.1:{ports[1]}" for voter, ports in self._proxied.items()]
        node.settings |= {
            "listeners": f"PLAINTEXT://127.0.0.1:{client_port},INTERNAL://127.0.0.1:{self.internal_ports[node_id]},"
            f"CONTROLLER://127.0.0.1:{self.controller_ports[node_id]}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client_port},INTERNAL://127.0.0.1:{internal},"
            f"CONTROLLER://127.0.0.1:{controller}",
            "inter.broker.listener.name": "INTERNAL",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": ",".join(voters),
        }
        return node

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.links.close()
