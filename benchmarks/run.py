"""Measure the package: time and memory of a verdict, and the cost of importing it.

Run it in an environment in which the package is installed::

    python benchmarks/run.py [--repeats 5] [--n-obs 2500]

It prints a table and writes ``benchmarks/results.json``: the best and the median of the repeats,
with the versions and the number of cores. Nothing that names the machine or the day is recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")
LIBRARIES = ("regimecorr", "numpy", "scipy", "pandas", "numba", "arch")

# Everything a new process does: interpreter, imports, compiled code from the cache, one verdict.
NEW_PROCESS = """
import sys, warnings
warnings.simplefilter("ignore")
import regimecorr as rc
world = rc.simulate("recurrent", n_obs=int(sys.argv[1]), rng=1)
rc.assess(world.prices, calibration=None)
import pathlib
status = pathlib.Path("/proc/self/status")  # the high-water mark of this program alone (Linux)
if status.exists():
    print(next(int(r.split()[1]) / 1024 for r in status.open() if r.startswith("VmHWM")))
"""
IMPORT = """
import time
begun = time.perf_counter()
import regimecorr
print(time.perf_counter() - begun)
"""


def run(program: str, *arguments: str) -> str:
    """Run a program in a new interpreter and return what it prints."""
    command = [sys.executable, "-P", "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def summarise(values: list[float], unit: str) -> dict[str, float | str]:
    """Return the best and the median of the repeats."""
    return {
        "unit": unit,
        "repeats": len(values),
        "best": round(min(values), 4),
        "median": round(statistics.median(values), 4),
    }


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def warm_verdict(n_obs: int, repeats: int) -> list[float]:
    """Time verdicts in this process, after one that does not count."""
    import regimecorr as rc

    world = rc.simulate("recurrent", n_obs=n_obs, rng=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rc.assess(world.prices, calibration=None)
        return [timed(lambda: rc.assess(world.prices, calibration=None)) for _ in range(repeats)]


def measure(n_obs: int, repeats: int) -> dict[str, dict[str, float | str]]:
    """Run every benchmark; the warm verdicts come first and fill the cache of compiled code."""
    warm = warm_verdict(n_obs, repeats)
    seconds, peaks = [], []
    for _ in range(repeats):
        begun = time.perf_counter()
        peak = run(NEW_PROCESS, str(n_obs))
        seconds.append(time.perf_counter() - begun)
        if peak:
            peaks.append(float(peak))
    imports = [float(run(IMPORT)) for _ in range(repeats)]
    table = {
        "import": summarise(imports, "s"),
        "verdict, warm": summarise(warm, "s"),
        "verdict, new process": summarise(seconds, "s"),
    }
    if peaks:
        table["peak memory, new process"] = summarise(peaks, "MiB")
    return table


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--n-obs", type=int, default=2500, help="days of the pair (default 2500)")
    arguments = parser.parse_args()

    results = measure(arguments.n_obs, arguments.repeats)
    print(f"{'':<26}{'best':>10}{'median':>10}")
    for name, row in results.items():
        print(f"{name:<26}{row['best']:>10.3f}{row['median']:>10.3f} {row['unit']}")
    record = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "n_obs": arguments.n_obs,
        "results": results,
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
