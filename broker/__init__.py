"""The program: a Kafka-compatible broker on the libraries `protocol`, `wal` and `raft`."""
