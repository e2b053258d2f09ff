"""Three nodes under test, as one broker is: started, stopped and measured together, and killed one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from broker.bench.servers import Place, Server, free_places

NODES = 3

# Makes a node of the one side or the other.
MakeNode = Callable[[Path, dict[str, str], Place, list[Place]], Server]


class ClusterServers:
    """Each node has a directory of its own. Figures are sums over the nodes."""

    def __init__(self, directory: Path, settings: dict[str, str], make: MakeNode) -> None:
        places = free_places(NODES)
        self.nodes = [make(directory / f"node-{place.node_id}", settings, place, places) for place in places]

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    def prepare(self) -> None:
        for node in self.nodes:
            node.prepare()

    def start(self) -> float:
        """Seconds until every node answers with all of them."""
        began = time.monotonic()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_ready(NODES)
        return time.monotonic() - began

    def stop(self) -> float:
        """Seconds that it took, one node after another."""
        return sum(node.stop() for node in self.nodes)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def at(self, port: int) -> Server:
        """The node that listens there."""
        return next(node for node in self.nodes if node.port == port)

    def resident_mb(self) -> float:
        return sum(node.resident_mb() for node in self.nodes)

    def cpu_s(self) -> float:
        return sum(node.cpu_s() for node in self.nodes)
