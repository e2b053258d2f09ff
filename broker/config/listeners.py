"""Listeners: named sockets, the address each binds to and the address clients are told.

A listener is `NAME://host:port`; its name says which security protocol it speaks (by
`listener.security.protocol.map`) and pairs it with its advertised address. What is never advertised is an address
that no client can connect to: 0.0.0.0, ::, or port 0.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.config.definition import ConfigError

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

_WILDCARD_HOSTS = frozenset({"", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"})
_LISTENER = re.compile(r"(?P<name>[^:/\s]+)://(?P<host>\[[0-9a-fA-F:.%\w]*\]|[^:/\s\[\]]*):(?P<port>\d+)")


@dataclass(frozen=True, slots=True)
class Listener:
    """`host` is "" for every interface; `port` 0 is any free port (bound) or the bound port (advertised)."""

    name: str
    host: str
    port: int
    security_protocol: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name}://{host}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        return self.host in _WILDCARD_HOSTS


def parse_protocol_map(entries: Sequence[str]) -> dict[str, str]:
    """`INTERNAL:PLAINTEXT,EXTERNAL:SSL` as a mapping; names are compared in capitals, as Kafka does."""
    result: dict[str, str] = {}
    for entry in entries:
        name, separator, protocol = entry.partition(":")
        if not separator or protocol.strip().upper() not in SECURITY_PROTOCOLS:
            raise ConfigError(
                f"listener.security.protocol.map: {entry} is not valid: it must be NAME:PROTOCOL "
                f"with one of {', '.join(SECURITY_PROTOCOLS)}",
                key="listener.security.protocol.map",
            )
        if name.strip().upper() in result:
            raise ConfigError(
                f"listener.security.protocol.map: {name.strip()} is mapped twice", key="listener.security.protocol.map"
            )
        result[name.strip().upper()] = protocol.strip().upper()
    return result


def parse_listeners(key: str, entries: Sequence[str], protocols: Mapping[str, str]) -> tuple[Listener, ...]:
    """The listeners of one setting, in order; names are unique, ports in range, protocols known."""
    result: list[Listener] = []
    for entry in entries:
        match = _LISTENER.fullmatch(entry)
        if match is None or int(match["port"]) > 65535:
            raise ConfigError(
                f"{key}: {entry} is not valid: it must be NAME://host:port, the port from 0 to 65535", key=key
            )
        name = match["name"].upper()
        if name not in protocols:
            raise ConfigError(
                f"{key}: {name} has no protocol; add {name}:PLAINTEXT to listener.security.protocol.map", key=key
            )
        if any(other.name == name for other in result):
            raise ConfigError(f"{key}: two listeners are named {name}", key=key)
        result.append(Listener(name, match["host"].strip("[]"), int(match["port"]), protocols[name]))
    return tuple(result)


def require_plaintext(listeners: Sequence[Listener]) -> None:
    for listener in listeners:
        if listener.security_protocol != "PLAINTEXT":
            raise ConfigError(
                f"listeners: {listener} speaks {listener.security_protocol}, which is not supported yet; "
                f"map {listener.name} to PLAINTEXT",
                key="listeners",
            )


def require_distinct_ports(listeners: Sequence[Listener]) -> None:
    for index, listener in enumerate(listeners):
        for other in listeners[:index]:
            same_host = listener.host == other.host or listener.is_wildcard or other.is_wildcard
            if listener.port and listener.port == other.port and same_host:
                raise ConfigError(f"listeners: {other} and {listener} want the same port", key="listeners")


def advertise(listeners: Sequence[Listener], advertised: Sequence[Listener]) -> tuple[tuple[Listener, ...], list[str]]:
    """One advertised address per listener, and a warning for each that had to be guessed."""
    told = {listener.name: listener for listener in advertised}
    bound = {listener.name for listener in listeners}
    for listener in advertised:
        if listener.name not in bound:
            raise ConfigError(
                f"advertised.listeners: {listener.name} is not one of listeners", key="advertised.listeners"
            )
        if listener.is_wildcard:
            raise ConfigError(
                f"advertised.listeners: {listener} is no address a client can connect to; give a host name or IP",
                key="advertised.listeners",
            )
    result, warnings = [], []
    for listener in listeners:
        address = told.get(listener.name)
        if address is None:
            address = replace(listener, host=reachable_host(listener.host))
            if listener.is_wildcard:
                warnings.append(
                    f"{listener} listens on every interface and advertised.listeners does not say how clients "
                    f"reach it: they are told {address.host}"
                )
        result.append(address)
    return tuple(result), warnings


def reachable_host(host: str) -> str:
    """The name to advertise for a bound host: itself, or for every interface this machine's name.

    127.0.0.1 stays as it is: clients try ::1 first for localhost, and nobody listens there.
    """
    if host not in _WILDCARD_HOSTS:
        return host
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        # A name that not even this machine resolves helps no client.
        return "localhost"
    return name
