"""`millstream bench`: chronik-bench's options by their names, and those it lacked."""

from __future__ import annotations

from typing import Annotated

import typer

BootstrapServers = Annotated[
    str, typer.Option("--bootstrap-servers", "-b", envvar="KAFKA_BOOTSTRAP_SERVERS", help="host:port,...")
]
WarmupDuration = Annotated[
    str, typer.Option("--warmup-duration", "-w", help="Before the measured part; counts for nothing.")
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Of librdkafka, in bytes; 16384 if not given.")]
MessageTimeoutMs = Annotated[
    int | None, typer.Option("--message-timeout-ms", help="Of librdkafka; 60000 if not given.")
]
ReportIntervalSecs = Annotated[int, typer.Option("--report-interval-secs", min=1, help="Where there is no terminal.")]
PrometheusPort = Annotated[
    int | None, typer.Option("--prometheus-port", min=1, max=65535, help="Serve gauges while the run lasts.")
]
FetchBytesMax = Annotated[int, typer.Option("--fetch-bytes-max", help="Of an answer, and of a partition in it.")]
ConsumerGroup = Annotated[
    str | None, typer.Option("--consumer-group", help="Of librdkafka: how the groups' names begin.")
]
RateLimit = Annotated[float, typer.Option("--rate-limit", help="Records/s of all together, open loop; 0: closed loop.")]
Validate = Annotated[
    bool, typer.Option("--validate/--no-validate", help="Read back and count every acknowledged record.")
]
MetadataStep = Annotated[str, typer.Option("--metadata-step", help="create|auto-create|delete|create-delete")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Who leads what, a line every second, what each process cost.")
]


def bench(
    bootstrap_servers: BootstrapServers = "localhost:9092",
    topic: Annotated[str, typer.Option("--topic", "-t", envvar="KAFKA_TOPIC")] = "millstream-bench",
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", help="Connections.")] = 64,
    message_size: Annotated[int, typer.Option("--message-size", "-s", help="Bytes of a record's value.")] = 1024,
    duration: Annotated[str, typer.Option("--duration", "-d", help="Measured part: 500ms, 60s, 5m, 1h.")] = "60s",
    warmup_duration: WarmupDuration = "5s",
    mode: Annotated[str, typer.Option("--mode", "-m", help="produce|consume|round-trip|metadata|soak")] = "produce",
    client: Annotated[str, typer.Option("--client", help="raw: prepared frames; librdkafka: as users see it.")] = "raw",
    in_flight: Annotated[int, typer.Option("--in-flight", help="Requests on the way on each connection.")] = 1,
    records_per_request: Annotated[int, typer.Option("--records-per-request", help="Of every partition.")] = 1,
    partitions_per_request: Annotated[int, typer.Option("--partitions-per-request")] = 1,
    processes: Annotated[int, typer.Option("--processes", help="Load generator processes.")] = 1,
    compression: Annotated[str, typer.Option("--compression", help="none|gzip|snappy|lz4|zstd")] = "none",
    partitions: Annotated[int, typer.Option("--partitions", "-p", help="Of a topic that is created.")] = 1,
    replication_factor: Annotated[int, typer.Option("--replication-factor", "-r")] = 1,
    topic_config: Annotated[list[str] | None, typer.Option("--topic-config", metavar="KEY=VALUE")] = None,
    acks: Annotated[str, typer.Option("--acks", help="0|1|-1|all")] = "1",
    idempotent: Annotated[bool, typer.Option("--idempotent", help="With producer ids and sequences.")] = False,
    linger_ms: Annotated[int | None, typer.Option("--linger-ms", help="Of librdkafka; 0 if not given.")] = None,
    batch_size: BatchSize = None,
    request_timeout_ms: Annotated[int, typer.Option("--request-timeout-ms")] = 30_000,
    message_timeout_ms: MessageTimeoutMs = None,
    report_interval_secs: ReportIntervalSecs = 5,
    prometheus_port: PrometheusPort = None,
    csv_output: Annotated[str | None, typer.Option("--csv-output", metavar="FILE", help="Append a row.")] = None,
    json_output: Annotated[str | None, typer.Option("--json-output", metavar="FILE")] = None,
    report: Annotated[str | None, typer.Option("--report", metavar="DIR", help="Pictures and an HTML page.")] = None,
    consumers: Annotated[int, typer.Option("--consumers", help="Of consume and round-trip.")] = 1,
    fan_out: Annotated[bool, typer.Option("--fan-out", help="Every consumer reads all partitions.")] = False,
    fetch_bytes_max: FetchBytesMax = 1 << 20,
    consumer_group: ConsumerGroup = None,
    message_count: Annotated[int, typer.Option("--message-count", "-n", help="Stop after as many; 0: by time.")] = 0,
    rate_limit: RateLimit = 0.0,
    key_pattern: Annotated[str, typer.Option("--key-pattern", help="random|sequential|fixed")] = "random",
    payload_pattern: Annotated[str, typer.Option("--payload-pattern", help="random|zeros|text")] = "random",
    create_topic: Annotated[bool, typer.Option("--create-topic", help="Create it, or fail if it is there.")] = False,
    delete_topic_after: Annotated[bool, typer.Option("--delete-topic-after")] = False,
    validate: Validate = True,
    disable_auto_commit: Annotated[bool, typer.Option("--disable-auto-commit", help="Of librdkafka.")] = False,
    metadata_step: MetadataStep = "create-delete",
    verbose: Verbose = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Measure a Kafka-compatible broker, and count that nothing which it acknowledged is missing.

    Without --create-topic a topic that does not exist is created with --partitions and --replication-factor."""
    arguments = locals()
    # Imported here, for this page is also imported by commands that must start fast.
    from broker.bench import command

    raise typer.Exit(command.execute(arguments))
