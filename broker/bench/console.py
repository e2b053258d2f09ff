"""What a person sees: a line that moves while a run goes on, and a table when it is over."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from broker.bench.load import Second
from broker.bench.options import BenchOptions
from broker.bench.results import MEBIBYTE, BenchResult
from protocol import ErrorCode


def duration_text(value_us: float) -> str:
    if value_us >= 1_000_000:
        return f"{value_us / 1_000_000:.2f} s"
    return f"{value_us / 1000:.2f} ms" if value_us >= 1000 else f"{value_us:.0f} µs"


def error_name(name: str) -> str:
    """Errors are counted by code number, or by a sentence where the wire has no code."""
    return ErrorCode(int(name)).name if name.lstrip("-").isdigit() else name


class Progress:
    """On a terminal a line that is rewritten; in a pipe one line every `interval_s`."""

    def __init__(
        self,
        console: Console,
        *,
        total_s: float,
        warmup_s: float,
        interval_s: float,
        quiet: bool,
        verbose: bool = False,
    ) -> None:
        self._console = console
        self._total_s = total_s
        self._warmup_s = warmup_s
        self._interval_s = interval_s
        self._quiet = quiet
        self._verbose = verbose
        self._last_line_s = 0.0
        self._failed = 0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> Progress:
        if self._live is not None and not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, message: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.update(Text(message, style="dim"))
        else:
            self._console.print(message, highlight=False)

    def on_plan(self, lines: list[str]) -> None:
        if self._verbose:
            for line in lines:
                self._console.print(line, highlight=False, soft_wrap=True)

    def on_start(self) -> None:
        self.say(f"warming up for {self._warmup_s:g} s" if self._warmup_s else "running")

    def on_verify(self, records: int) -> None:
        if self._live is not None:
            self.say(f"reading back: {records:,} records")

    def on_second(self, second: Second) -> None:
        self._failed += second.failed
        if self._quiet or not second.elapsed_s:
            return
        line = (
            f"{second.at_s:5.0f}/{self._total_s:.0f} s  Rate: {second.records / second.elapsed_s:,.0f} msg/s | "
            f"{second.bytes / second.elapsed_s / MEBIBYTE:,.1f} MB/s | "
            f"p50: {duration_text(second.p50_us)} | "
            f"p99: {duration_text(second.p99_us)} | errors: {self._failed:,}"
        )
        if self._live is not None:
            self._live.update(Text(line))  # which takes a second row where the terminal is narrow
        elif second.at_s - self._last_line_s >= self._interval_s - 0.5:
            self._last_line_s = second.at_s
            self._console.print(line, highlight=False, soft_wrap=True)


def result_table(result: BenchResult) -> RenderableType:
    options = result.options
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    acks = f", acks={'all' if options.acks < 0 else options.acks}" if options.mode != "consume" else ""
    table.add_row("Mode", f"{options.mode} ({options.client}){acks}")
    table.add_row("Load", load_text(options))
    table.add_row("Measured", f"{result.duration_secs:.3f} s")
    table.add_row("Messages", f"{result.total_messages:,}")
    table.add_row("Failed", f"{result.failed_messages:,} ({100 - result.success_rate_pct:.2f} %)")
    table.add_row("Message rate", f"{result.throughput_msg_per_sec:,.0f} msg/s")
    if abs(result.requests_per_sec - result.throughput_msg_per_sec) > 1:
        # librdkafka's consumer does not say how many there were.
        table.add_row("Requests", f"{result.requests_per_sec:,.0f} req/s" if result.requests_per_sec else "not counted")
    table.add_row("Bandwidth", f"{result.throughput_bytes_per_sec / MEBIBYTE:,.2f} MB/s")
    if not result.distribution:
        table.add_row("Latency", "not measured")
    for name, value in result.latency_us.items() if result.distribution else ():
        label = "p99.9" if name == "p999" else name
        # What is not answered can be timed no further than that.
        label += " until sent" if options.mode == "produce" and not options.acks else ""
        table.add_row(f"Latency {label}", f"{value:,} µs  {value / 1000:10,.3f} ms")
    for name, value in result.extra.items():
        table.add_row(name.replace("_", " ").capitalize(), str(value))
    _add_verification(table, result)
    generator = f"{result.generator_cpu_share:.0%} of a core"
    if result.generator_us_per_request:
        generator += f", {result.generator_us_per_request:.1f} µs a request"
    table.add_row("Load generator", generator)
    lines: list[RenderableType] = [table]
    lines += [Text(f"{error_name(name)}: {count:,}", style="red") for name, count in result.errors.items()]
    lines += [Text(f"warning: {warning}", style="yellow") for warning in result.warnings]
    if result.verification is not None:
        lines += [Text(example, style="red") for example in result.verification.examples]
    return Group(*lines)


def load_text(options: BenchOptions) -> str:
    """Who did what at once, in the words of the mode and the client."""
    consumers = f"{options.consumers:,} {'consumer' if options.consumers == 1 else 'consumers'}"
    if options.mode == "consume":
        return consumers
    if options.mode == "metadata":
        return f"{options.concurrency:,} clients, {options.metadata_step}"
    if options.client == "librdkafka":
        text = f"{options.concurrency * options.in_flight:,} records on their way"
    else:
        text = f"{options.concurrency:,} connections × {options.in_flight} in flight"
    if options.rate_limit:
        text += f", {options.rate_limit:g} msg/s open loop"
    return text if options.mode == "produce" else f"{text}, {consumers}"


def workers_table(result: BenchResult) -> RenderableType:
    """What each load generator process cost."""
    table = Table("process", "CPU", "its loop", "starved", box=None, pad_edge=False)
    for number, found in enumerate(result.workers):
        shares = (found[name] for name in ("cpu_share", "loop_share", "starved_share"))
        table.add_row(str(number + 1), *(f"{share:.0%}" for share in shares))
    return table


def _add_verification(table: Table, result: BenchResult) -> None:
    found = result.verification
    if found is None:
        if result.options.mode in ("produce", "soak"):
            table.add_row("Read back", "not asked for")
        return
    table.add_row("Acknowledged", f"{found.acknowledged:,}")
    table.add_row("Read back", f"{found.read_back:,}")
    for name in ("lost", "duplicated", "out_of_order", "corrupted"):
        value = getattr(found, name)
        table.add_row(name.replace("_", " ").capitalize(), Text(f"{value:,}", style="red bold" if value else "green"))
    if found.unacknowledged:
        there = f"{found.unacknowledged_found:,} of {found.unacknowledged:,}"
        table.add_row("Not acknowledged, but there", there)
