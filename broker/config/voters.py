"""Other nodes as settings name them: voters by id and address, servers by address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from broker.config.definition import ConfigError

_ADDRESS = r"(?P<host>\[[0-9a-fA-F:.%\w]+\]|[^:/\s\[\]@]+):(?P<port>\d+)"
_SERVER = re.compile(_ADDRESS)
_VOTER = re.compile(rf"(?P<id>\d+)@{_ADDRESS}")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Voter:
    node_id: int
    address: ServerAddress

    def __str__(self) -> str:
        return f"{self.node_id}@{self.address}"


def parse_voters(key: str, entries: Sequence[str]) -> tuple[Voter, ...]:
    voters: list[Voter] = []
    for entry in entries:
        match = _VOTER.fullmatch(entry)
        if match is None:
            raise ConfigError(f"{key}: {entry} is not valid: it must be id@host:port", key=key)
        node_id = int(match["id"])
        if any(voter.node_id == node_id for voter in voters):
            raise ConfigError(f"{key}: node {node_id} is named twice", key=key)
        voters.append(Voter(node_id, _address(key, entry, match)))
    return tuple(voters)


def parse_servers(key: str, entries: Sequence[str]) -> tuple[ServerAddress, ...]:
    servers = []
    for entry in entries:
        match = _SERVER.fullmatch(entry)
        if match is None:
            raise ConfigError(f"{key}: {entry} is not valid: it must be host:port", key=key)
        servers.append(_address(key, entry, match))
    return tuple(servers)


def _address(key: str, entry: str, match: re.Match[str]) -> ServerAddress:
    port = int(match["port"])
    if not 0 < port <= 65535:
        raise ConfigError(f"{key}: {entry} is not valid: a port is from 1 to 65535", key=key)
    return ServerAddress(match["host"].strip("[]"), port)
