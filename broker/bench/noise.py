"""What makes figures doubtful: how much of the machine somebody else used meanwhile, and a disk that is none."""

from __future__ import annotations

import os
import resource
import time

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

# Above this many cores used by others a measurement is called noisy.
NOISY_CORES = 0.2
_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD in a process's flags
IN_MEMORY = ("tmpfs", "ramfs")


class NoiseMeter:
    """Everything that the machine's processors did since it was made, less what was ours.

    The kernel's threads write to the disk what the broker wrote to files: that is no noise."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy_s() - _kernel_threads_s()
        self._ours = _ours_s()

    def others_cores(self, broker_cpu_s: float) -> float:
        """Cores that others used on average; `broker_cpu_s` is what the broker that still runs spent, and ours, too.

        0 where the system does not tell."""
        elapsed = time.monotonic() - self._began
        others = _busy_s() - _kernel_threads_s() - self._busy - (_ours_s() - self._ours) - broker_cpu_s
        return max(others / elapsed, 0.0) if elapsed else 0.0


def filesystem_of(path: str) -> str:
    """The type of what `path` is on: in memory a sync costs nothing, and durable is as fast as not. "" if unknown."""
    try:
        with open("/proc/mounts") as file:
            mounts = [line.split()[1:3] for line in file]
    except OSError:
        return ""
    path = os.path.realpath(path)
    on = [(point, kind) for point, kind in mounts if (path + "/").startswith(point.rstrip("/") + "/")]
    return max(on, key=lambda found: len(found[0]), default=("", ""))[1]


def _busy_s() -> float:
    try:
        with open("/proc/stat") as file:
            # user, nice, system, idle, iowait, irq, softirq, steal
            fields = [int(field) for field in file.readline().split()[1:9]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / _CLOCK_TICKS


def _kernel_threads_s() -> float:
    total = 0
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[6]) & _KERNEL_THREAD:
            total += int(fields[11]) + int(fields[12])
    return total / _CLOCK_TICKS


def _ours_s() -> float:
    """Of this process, and of those it waited for: load generators, and brokers that ended."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total
