"""A group member as a process, for a test to kill -9; prints the partitions it is given, a line of JSON each time.

lonely_member.py BOOTSTRAP GROUP TOPIC SETTINGS-AS-JSON
"""

from __future__ import annotations

import json
import sys

from confluent_kafka import Consumer

_, bootstrap, group, topic, settings = sys.argv
defaults = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
client = Consumer({**defaults, "enable.auto.commit": False, **json.loads(settings)})
client.subscribe(
    [topic],
    on_assign=lambda client, given: print(json.dumps(sorted(part.partition for part in given)), flush=True),
)
while True:
    client.poll(0.2)
