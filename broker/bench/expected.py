"""How long a round of a scenario takes that was not timed yet: for a budget of minutes, and for --list."""

from __future__ import annotations

from typing import Any

from broker.bench.scenario import OURS, QUICK_KILLS, Scenario
from broker.bench.warm_up import INTERPRETER_WARMUP_S

# A start with what is prepared for it, and its end; the warm-up of a produce load; reading back and the rest.
_START_S = {"ours": 1.0, "peer": 6.0}
_WARM_UP_S = {"ours": 5.0, "peer": 16.0}
_WARM_UP_SHARED_S = {"ours": 5.0, "peer": 11.0}  # where the broker did other work before, most of the time
_AROUND_S = 3.0
_PER_NODE_S = 4.0
_PER_PARTITION_S = 0.015
_PER_KILL_S = {"ours": 6.0, "peer": 25.0}


def guess_s(scenario: Scenario, sides: list[str], *, quick: bool) -> float:
    return sum(_side_s(scenario, "ours" if side in OURS else "peer", quick=quick) for side in sides)


def _side_s(scenario: Scenario, side: str, *, quick: bool) -> float:
    options: dict[str, Any] = {**scenario.options, **(scenario.quick if quick else {})}
    total_s = scenario.partitions_before * _PER_PARTITION_S + (_AROUND_S if scenario.kind != "start" else 0.0)
    if not scenario.shares:
        total_s += _START_S[side] + (scenario.nodes - 1) * _PER_NODE_S
    total_s += (min(scenario.kills, QUICK_KILLS) if quick else scenario.kills) * _PER_KILL_S[side]
    if scenario.kind not in ("bench", "idle") or "message_count" in options:
        return total_s
    warmup_s = float(options.get("warmup_s", 0.0))
    if options.get("mode", "produce") == "produce":
        warmup_s += (_WARM_UP_SHARED_S if scenario.shares else _WARM_UP_S)[side]
    elif side == "ours" and scenario.kind == "bench":
        warmup_s = min(warmup_s, INTERPRETER_WARMUP_S)
    return total_s + warmup_s + float(options["duration_s"])
