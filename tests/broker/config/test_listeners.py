"""Listeners: what is bound, and what clients are told."""

from __future__ import annotations

import socket

import pytest

from broker.config import BrokerConfig, ConfigError, Listener


def config(listeners: str, advertised: str | None = None, **more: str) -> BrokerConfig:
    settings = {"listeners": listeners} | {key.replace("_", "."): value for key, value in more.items()}
    if advertised is not None:
        settings["advertised.listeners"] = advertised
    return BrokerConfig.from_properties(settings)


def test_a_listener_has_a_name_a_host_a_port_and_a_protocol() -> None:
    assert config("PLAINTEXT://127.0.0.1:9092").listeners == (Listener("PLAINTEXT", "127.0.0.1", 9092, "PLAINTEXT"),)
    assert config("PLAINTEXT://[::1]:9092").listeners == (Listener("PLAINTEXT", "::1", 9092, "PLAINTEXT"),)


def test_named_listeners_speak_what_the_map_says() -> None:
    several = config(
        "INTERNAL://10.0.0.1:9092,external://10.0.0.1:9093",
        "INTERNAL://broker.internal:9092,EXTERNAL://kafka.example.org:443",
        listener_security_protocol_map="INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    )

    assert [listener.name for listener in several.listeners] == ["INTERNAL", "EXTERNAL"]
    assert several.advertised_endpoints({}) == {
        "INTERNAL": ("broker.internal", 9092),
        "EXTERNAL": ("kafka.example.org", 443),
    }


def test_a_bound_address_is_advertised_as_it_is() -> None:
    assert config("PLAINTEXT://127.0.0.1:9092").advertised_endpoints({}) == {"PLAINTEXT": ("127.0.0.1", 9092)}


@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]"])
def test_every_interface_is_advertised_as_this_machine_with_a_warning(host: str) -> None:
    everywhere = config(f"PLAINTEXT://{host}:9092")

    told, port = everywhere.advertised_endpoints({})["PLAINTEXT"]
    assert told in (socket.gethostname(), "localhost")
    assert port == 9092
    assert told in everywhere.warnings[0]
    assert "advertised.listeners" in everywhere.warnings[0]


def test_a_port_chosen_by_the_system_is_advertised_once_it_is_bound() -> None:
    free = config("PLAINTEXT://127.0.0.1:0")
    assert free.advertised_endpoints({"PLAINTEXT": 40123}) == {"PLAINTEXT": ("127.0.0.1", 40123)}

    behind_a_name = config("PLAINTEXT://127.0.0.1:0", "PLAINTEXT://broker:0")
    assert behind_a_name.advertised_endpoints({"PLAINTEXT": 40123}) == {"PLAINTEXT": ("broker", 40123)}


@pytest.mark.parametrize(
    ("listeners", "advertised", "sentence"),
    [
        ("127.0.0.1:9092", None, "must be NAME://host:port"),
        ("PLAINTEXT://127.0.0.1:65536", None, "from 0 to 65535"),
        ("", None, "names no listener"),
        ("MINE://127.0.0.1:9092", None, "MINE has no protocol"),
        ("SSL://127.0.0.1:9092", None, "not supported yet"),
        ("PLAINTEXT://127.0.0.1:9092,PLAINTEXT://127.0.0.1:9093", None, "two listeners are named PLAINTEXT"),
        ("PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://0.0.0.0:9092", "no address a client can connect to"),
        ("PLAINTEXT://127.0.0.1:9092", "SSL://host:9092", "SSL is not one of listeners"),
    ],
)
def test_what_no_client_could_use_is_refused(listeners: str, advertised: str | None, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config(listeners, advertised)
    assert sentence in str(refusal.value)
    assert refusal.value.key == ("listeners" if advertised is None else "advertised.listeners")


def test_two_listeners_cannot_share_a_port() -> None:
    both = "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT"
    with pytest.raises(ConfigError, match="want the same port"):
        config("PLAINTEXT://127.0.0.1:9092,OTHER://0.0.0.0:9092", listener_security_protocol_map=both)
    config("PLAINTEXT://127.0.0.1:0,OTHER://127.0.0.1:0", listener_security_protocol_map=both)
    config("PLAINTEXT://127.0.0.1:9092,OTHER://127.0.0.2:9092", listener_security_protocol_map=both)


def test_the_listener_between_brokers_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"inter\.broker\.listener\.name=INSIDE is not one of listeners"):
        config("PLAINTEXT://127.0.0.1:9092", inter_broker_listener_name="INSIDE")
