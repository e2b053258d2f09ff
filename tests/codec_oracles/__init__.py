"""Other people's codecs of Kafka's protocol, to compare ours with, and values to compare them on.

generated      messages full of seeded random values, for every class and version
kafka_java     Kafka's own generated code, several versions of it, in a Java process
kio_codec      kio: dataclasses for each version, generated from Kafka's schemas
kafka_python   kafka-python: its own codec over Kafka's schemas, and its older one written by hand
"""
