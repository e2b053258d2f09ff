"""The benchmark: wire-level load against any Kafka-compatible broker, and the proof of what it acknowledged.

Knows the protocol and no broker: what is measured here is what any client sees. Load is made by processes of
their own (`worker`), which send frames prepared beforehand and look at nothing but length, correlation id and
error code of what comes back. After a produce run every acknowledged record is read back and counted.
"""

from __future__ import annotations
