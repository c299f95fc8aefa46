"""Timing several things in one run, peak memory, and what the machine could do at best."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.this_machine import ROOT

RESULTS = ROOT / ".benchmarks/engine"


def interleaved(
    works: dict[str, Callable[[], object]], repeats: int, patience: float = 60.0
) -> dict[str, list[float]]:
    """Seconds of each piece of work, taken in turns; what takes long is repeated less often.

    The first turn warms up and is thrown away, of work above `patience` seconds it is kept.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            if sum(times[name]) > patience:
                continue
            started = time.perf_counter()
            work()
            took = time.perf_counter() - started
            if turn or took > patience:
                times[name].append(took)
    return times


def spread(times: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, high = (min(times), max(times)) if len(times) < 4 else statistics.quantiles(times)[::2]
    return {"median": statistics.median(times), "low": low, "high": high, "runs": len(times)}


def in_process(module: str, *arguments: object, limit: float | None = None) -> dict[str, Any]:
    """Run a module's `child` in a process of its own, so that its peak memory is its own.

    Raises:
        subprocess.TimeoutExpired: It took longer than the limit, in seconds.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=limit
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(module, *arguments, result, flush=True)
    return result


def peak_memory() -> float:
    """GB that this process held at most, libraries and input included."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count what the parent had when it forked
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def gemm_rates() -> dict[str, float]:
    """Measured multiply-adds a second, in 1e9, of large matrix products."""
    rates = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        a = torch.rand((2000, 2000), dtype=dtype)
        times = interleaved({"product": lambda a=a: a @ a}, 5)["product"]
        rates[name] = 2000**3 / statistics.median(times) / 1e9
    return rates
