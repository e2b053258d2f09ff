"""`millstream cluster`: which brokers there are, and what they serve."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
)
from broker.cli.output import show_json, show_rows
from protocol import ApiKey

app = typer.Typer(no_args_is_help=True, help="Show the brokers of the cluster and the APIs they serve.")


@app.command("describe")
def describe(
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show the cluster's id, its controller and its brokers.

    \b
    Example:
      millstream cluster describe -b localhost:9092
    """
    with connected(bootstrap_server, timeout) as client:
        answer = client.attempt(lambda: client.metadata([]))
    brokers = [
        {
            "node_id": broker.node_id,
            "host": broker.host,
            "port": broker.port,
            "rack": broker.rack,
            "controller": broker.node_id == answer.controller_id,
        }
        for broker in sorted(answer.brokers, key=lambda broker: broker.node_id)
    ]
    if as_json:
        show_json({"cluster_id": answer.cluster_id, "controller_id": answer.controller_id, "brokers": brokers})
        return
    print(f"Cluster {answer.cluster_id}")
    columns = {"node_id": "NODE", "host": "HOST", "port": "PORT", "rack": "RACK", "controller": "CONTROLLER"}
    show_rows(brokers, columns=columns, as_json=False)


@app.command("api-versions")
def api_versions(
    node: Annotated[int | None, typer.Option("--node", "-n", help="Ask this broker; any one otherwise.")] = None,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show which APIs a broker serves, in which versions.

    \b
    Example:
      millstream cluster api-versions --json
    """
    with connected(bootstrap_server, timeout) as client:
        connection = client.any() if node is None else client.broker(node)
        ranges = connection.ranges
    names = {int(key): key.name for key in ApiKey}
    rows = [
        {"key": key, "api": names.get(key, "unknown"), "min": ranges[key][0], "max": ranges[key][1]}
        for key in sorted(ranges)
    ]
    show_rows(rows, columns={"key": "KEY", "api": "API", "min": "MIN", "max": "MAX"}, as_json=as_json)
