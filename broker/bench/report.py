"""`--report DIR`: pictures as SVG files and one HTML page that holds them and the figures."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from broker.bench.console import duration_text, error_name
from broker.bench.results import MEBIBYTE, BenchResult
from broker.bench.scenario import UNITS
from broker.bench.suite import Outcome
from broker.bench.svg import Line, chart

_STYLE = """<style>
:root { color-scheme: light dark; }
body { font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.45; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem; border-bottom: 1px solid #8884; }
th { text-align: left; } td { text-align: right; font-variant-numeric: tabular-nums; }
.figures { display: grid; gap: 1rem; } svg { max-width: 100%; height: auto; } .fault { color: #e03131; }
</style>"""


def write_report(directory: str, runs: list[tuple[str, BenchResult]]) -> str:
    """Of one run, or of several side by side; returns where the page is."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    pictures = {
        "throughput": _throughput([(label, result.seconds) for label, result in runs]),
        "latency": _latency([(label, result.distribution) for label, result in runs]),
    }
    for name, picture in pictures.items():
        (target / f"{name}.svg").write_text(picture)
    body = [f"<h1>{escape(runs[0][1].options.mode)} benchmark</h1>", _result_table(runs)]
    body += ['<div class="figures">', *pictures.values(), "</div>"]
    body += [f"<p>{escape(warning)}</p>" for _, result in runs for warning in result.warnings]
    body += [f'<p class="fault">{escape(line)}</p>' for _, result in runs for line in _what_went_wrong(result)]
    options = json.dumps({label: result.as_json()["options"] for label, result in runs}, indent=1)
    body.append(f"<details><summary>Options</summary><pre>{escape(options)}</pre></details>")
    return _write_page(target, "benchmark", body)


def write_suite_report(directory: str, outcomes: list[Outcome]) -> str:
    """Every scenario with its pictures, ours against the peer; returns where the page is."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    body = ["<h1>Benchmark suite</h1>"]
    for outcome in outcomes:
        scenario = outcome.scenario
        body += [f"<h2>{escape(scenario.name)}</h2>", f"<p>{escape(scenario.title)}</p>", _outcome_table(outcome)]
        # Of each side the last round, which is its warmest.
        last = {found.side: found for found in outcome.measurements}
        pictures = {}
        if any(found.seconds for found in last.values()):
            pictures["throughput"] = _throughput([(side, found.seconds) for side, found in last.items()])
        if any(found.distribution for found in last.values()):
            pictures["latency"] = _latency([(side, found.distribution) for side, found in last.items()])
        for name, picture in pictures.items():
            (target / f"{scenario.name}-{name}.svg").write_text(picture)
        body += ['<div class="figures">', *pictures.values(), "</div>"]
    return _write_page(target, "benchmark suite", body)


def _throughput(runs: list[tuple[str, list[dict[str, float]]]]) -> str:
    lines = [Line(label, [(second["at_s"], second["messages_per_s"]) for second in found]) for label, found in runs]
    return chart("Throughput over time", lines, x_label="seconds after the warm-up", y_label="records/s")


def _latency(runs: list[tuple[str, list[tuple[float, float]]]]) -> str:
    lines = [Line(label, [(us / 1000, share * 100) for us, share in found]) for label, found in runs]
    title = "Latency: how many were answered within"
    return chart(title, lines, x_label="milliseconds (logarithmic)", y_label="% of requests", x_is_log=True)


def _result_table(runs: list[tuple[str, BenchResult]]) -> str:
    rows: list[tuple[str, list[str]]] = [
        ("Records/s", [f"{result.throughput_msg_per_sec:,.0f}" for _, result in runs]),
        ("MB/s", [f"{result.throughput_bytes_per_sec / MEBIBYTE:,.2f}" for _, result in runs]),
        ("Measured", [f"{result.duration_secs:.3f} s" for _, result in runs]),
    ]
    for name in ("p50", "p90", "p95", "p99", "p999", "max"):
        label = "p99.9" if name == "p999" else name
        rows.append((f"Latency {label}", [duration_text(result.latency_us[name]) for _, result in runs]))
    rows.append(("Failed", [f"{result.failed_messages:,}" for _, result in runs]))
    for name in ("acknowledged", "read_back", "lost", "duplicated", "out_of_order", "corrupted"):
        values = ["" if r.verification is None else f"{getattr(r.verification, name):,}" for _, r in runs]
        rows.append((name.replace("_", " ").capitalize(), values))
    rows.append(("Load generator", [f"{result.generator_cpu_share:.0%} of a core" for _, result in runs]))
    return _table([label for label, _ in runs], rows)


def _what_went_wrong(result: BenchResult) -> list[str]:
    lines = [f"{error_name(name)}: {count:,}" for name, count in result.errors.items()]
    return lines + (result.verification.examples if result.verification else [])


def _outcome_table(outcome: Outcome) -> str:
    if not outcome.measurements:
        return f"<p>{escape('; '.join(outcome.failures))}</p>"
    unit, factor = UNITS[outcome.scenario.metric]
    sides = list(dict.fromkeys(found.side for found in outcome.measurements))
    values = [
        " / ".join(f"{found.figures[outcome.scenario.metric] * factor:,.1f}" for found in outcome.of(side))
        for side in sides
    ]
    rows = [(f"{unit}, each round", values)]
    for found in outcome.ratios:
        rounds = f"{min(found.rounds):.2f} to {max(found.rounds):.2f}"
        text = f"{found.median:.2f} × ({rounds}); must {found.bar.must:g}, aim {found.bar.aim:g}"
        rows.append((f"{found.bar.ours} ÷ {found.bar.peer}", [text]))
    if outcome.faults:
        rows.append(("Faults", [f"{outcome.faults:,}"]))
    return _table(sides, rows)


def _table(headings: list[str], rows: list[tuple[str, list[str]]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in ["", *headings])
    lines = [
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>"
        for name, values in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _write_page(target: Path, title: str, body: list[str]) -> str:
    page = target / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>{_STYLE}\n'
        + "\n".join(body)
        + "</html>\n"
    )
    return str(page)
