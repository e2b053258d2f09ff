"""What `millstream bench` does with its options: read the texts, run, show, write, and choose the exit status.

0 everything acknowledged was read back, 1 the run could not be made, 2 records were lost, duplicated, out of
order or corrupted, or nothing was measured at all.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rich.console import Console

from broker.bench.console import Progress, result_table, workers_table
from broker.bench.options import LIBRDKAFKAS_OWN, BenchOptions, parse_acks, parse_duration
from broker.bench.prometheus import PrometheusGauges
from broker.bench.report import write_report
from broker.bench.results import BenchResult, append_csv, write_json
from broker.bench.run import run_benchmark
from broker.bench.wire import BenchError
from protocol import KafkaError, ProtocolError

DONE, FAILED, FAULTS_FOUND = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go besides the terminal; None for nowhere."""

    csv_output: str | None = None
    json_output: str | None = None
    report: str | None = None
    report_interval_secs: int = 5
    prometheus_port: int | None = None
    verbose: bool = False
    quiet: bool = False


_OUTPUTS = tuple(field.name for field in dataclasses.fields(Outputs))


def execute(arguments: Mapping[str, Any]) -> int:
    """The exit status of a benchmark with these options of the command line, by their Python names."""
    fields = dict(arguments)
    try:
        outputs = Outputs(**{name: fields.pop(name) for name in _OUTPUTS})
        options = read_options(fields)
        _require_writable(outputs)
        result = _run(options, outputs)
        _write(result, outputs)
    except (BenchError, KafkaError, ProtocolError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'the results'} could not be written: {error.strerror or error}")
    return DONE if result.is_clean else FAULTS_FOUND


def read_options(arguments: Mapping[str, Any]) -> BenchOptions:
    # What was not given has its default there, and so is told from what was.
    fields = {name: value for name, value in arguments.items() if value is not None or name not in LIBRDKAFKAS_OWN}
    fields["duration_s"] = parse_duration(fields.pop("duration"))
    fields["warmup_s"] = parse_duration(fields.pop("warmup_duration"))
    fields["acks"] = parse_acks(fields["acks"])
    fields["topic_configs"] = _settings(fields.pop("topic_config") or [])
    fields["verify"] = fields.pop("validate")
    return BenchOptions(**fields)


def _settings(items: list[str]) -> dict[str, str]:
    found = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator:
            raise BenchError(f"--topic-config {item} must be KEY=VALUE")
        found[key] = value
    return found


def _run(options: BenchOptions, outputs: Outputs) -> BenchResult:
    console = Console(highlight=False)
    interrupt = Interrupt()
    warmup_s = 0.0 if options.message_count else options.warmup_s
    with (
        interrupt,
        Progress(
            console,
            total_s=options.duration_s,
            warmup_s=warmup_s,
            interval_s=1 if outputs.verbose else outputs.report_interval_secs,
            quiet=outputs.quiet,
            verbose=outputs.verbose,
        ) as progress,
    ):
        if outputs.prometheus_port is None:
            result = run_benchmark(options, progress, seen_enough=interrupt.is_set)
        else:
            with PrometheusGauges(outputs.prometheus_port, progress) as gauges:
                result = run_benchmark(options, gauges, seen_enough=interrupt.is_set)
    console.print(result_table(result))
    if outputs.verbose:
        console.print(workers_table(result))
    return result


class Interrupt:
    """The first Ctrl-C lets a run end with its second and be told, the next one ends it at once."""

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._ring)

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        self._is_set = True
        signal.signal(signal.SIGINT, self._before)
        sys.stderr.write("millstream: ending with this second of the measured part; Ctrl-C again ends at once\n")


def _require_writable(outputs: Outputs) -> None:
    """Found out before the run and not behind it, which may have taken hours."""
    for path in filter(None, (outputs.csv_output, outputs.json_output)):
        with open(path, "a"):
            pass
    if outputs.report:
        os.makedirs(outputs.report, exist_ok=True)


def _write(result: BenchResult, outputs: Outputs) -> None:
    if outputs.csv_output:
        append_csv(outputs.csv_output, result)
    if outputs.json_output:
        write_json(outputs.json_output, result)
    if outputs.report:
        Console(highlight=False).print(write_report(outputs.report, [("this run", result)]))


def _refuse(message: str) -> int:
    sys.stderr.write(f"millstream: {message}\n")
    return FAILED
