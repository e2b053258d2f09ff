"""Simulated clients on the raw wire: they record what they did and saw, and take time and chance from their world."""

from simulation.clients.admin import Mover, TopicClient, admin_create_topic
from simulation.clients.client import Client, ClientStuck, Surroundings
from simulation.clients.connection import Address, Connection, Disconnected, NeverSent
from simulation.clients.consumer import Consumer
from simulation.clients.offsets import OffsetCommitter, OffsetReader
from simulation.clients.producer import CarelessProducer, IdempotentProducer

__all__ = [
    "Address",
    "CarelessProducer",
    "Client",
    "ClientStuck",
    "Connection",
    "Consumer",
    "Disconnected",
    "IdempotentProducer",
    "Mover",
    "NeverSent",
    "OffsetCommitter",
    "OffsetReader",
    "Surroundings",
    "TopicClient",
    "admin_create_topic",
]
