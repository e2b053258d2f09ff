"""`millstream cluster`: which brokers there are and what they serve, and a cluster of several on this machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_settings,
)
from broker.cli.output import say, show_json, show_rows
from protocol import ApiKey

app = typer.Typer(no_args_is_help=True, help="Start several nodes here; show brokers and the APIs they serve.")

Directory = Annotated[Path, typer.Option("--data", "-d", metavar="DIRECTORY", help="Where the nodes keep everything.")]
NodeNumber = Annotated[int, typer.Argument(metavar="NODE", help="Its number.")]
DEFAULT_DIRECTORY = Path("cluster-data")


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


@app.command("start")
def start(
    nodes: Annotated[int, typer.Option("--nodes", "-n", min=1, max=99, help="How many.")] = 3,
    data: Directory = DEFAULT_DIRECTORY,
    port: Annotated[
        int, typer.Option("--port", min=1, max=55000, help="Of the first node; the others take the next ones.")
    ] = 9092,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting of every node; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say that it is ready as a line of JSON.")] = False,
) -> None:
    """Run a cluster on this machine until Ctrl-C, and follow its state.

    Topics get three replicas where there are three nodes, and a record that is acknowledged is on most of them.
    Single nodes are killed, stopped, paused and started by typing so (kill 2), or from elsewhere with
    millstream cluster kill 2.

    \b
    Examples:
      millstream cluster start
      millstream cluster start --nodes 5 --data /var/tmp/five --set num.partitions=6
    """
    # Here and not above: the other commands need none of it, and the nodes are forked with all of it.
    import broker.node  # noqa: F401
    from broker.cli.cluster_console import HELP, Console, wake_on_signals
    from broker.cli.local_cluster import LocalCluster

    wanted = parse_settings(settings or [], option="--set")
    cluster = LocalCluster(data, node_count=nodes, first_port=port, settings=wanted)
    wake = wake_on_signals()
    console = Console(cluster, reads_terminal=sys.stdin.isatty())
    try:
        cluster.start(cluster.node_ids)
        if as_json:
            show_json({"bootstrap": cluster.bootstrap, "nodes": cluster.node_ids})
        else:
            print(f"{nodes} nodes are ready.\n  bootstrap   {cluster.bootstrap}\n  data        {data.resolve()}")
            if sys.stdin.isatty():
                print(f"  commands    {HELP}")
        sys.stdout.flush()
        console.run(wake)
    finally:
        console.close()
        say("stopping ...")
        cluster.end(cluster.node_ids, signal.SIGTERM)


def _command(name: str, help: str) -> None:
    @app.command(name, help=f"{help}, of a cluster that `millstream cluster start` runs.")
    def command(node: NodeNumber, data: Directory = DEFAULT_DIRECTORY) -> None:
        from broker.cli.cluster_console import ask_console

        print(ask_console(data, f"{name.removesuffix('-node')} {node}"))


_command("kill", "Kill a node, as kill -9 does")
_command("stop", "Stop a node in order")
_command("pause", "Let a node hang")
_command("resume", "Let a hanging node go on")
_command("start-node", "Start a node again")
