"""How fast is a scan, what takes the time, and does its memory grow with the pairs?

Run it in an environment in which the package and its test extra are installed::

    python benchmarks/scan.py [--sizes 10 30 100 435] [--n-jobs 2] [--parts 20] [--out ...json]

A panel of 30 assets with one factor, GARCH volatility and t(5) shocks, 2,500 returns each, is
scanned with ``method="pool"`` and the default 4,000 paths into a store, the first so many pairs of
it, each time in new processes. Written are seconds, pairs per minute, the peak memory of the
calling process and of one worker; the seconds that every part of a pair takes in one process; and a
straight line through the seconds of all sizes, prolonged to 5,000 pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import psutil

import regimecorr as rc
from regimecorr.evaluation.outlook import OutlookOptions, look_ahead, question_of, streams_of
from regimecorr.evaluation.panel import pairs_of
from regimecorr.scanning import pair as pair_module
from regimecorr.scanning.pair import job_of, short_window_test

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "scan_speed.json"
N_ASSETS, N_OBS = 30, 2500
FAR = 5000
MB = 2**20


def factor_panel(
    n_assets: int, loading: np.ndarray, rng: np.random.Generator, start: str = "2014-01-01"
) -> pd.DataFrame:
    """Prices of assets with a common factor, GARCH(.05, .90) volatility and t(5) shocks.

    ``loading`` is (n_obs, n_assets): the correlation of each asset with the factor on each day.
    """
    n_obs, burn = len(loading), 500
    full = np.vstack([np.repeat(loading[:1], burn, axis=0), loading])
    mixing = np.sqrt(3.0 / rng.chisquare(5.0, burn + n_obs))[:, None]  # t(5) of unit variance
    common = rng.standard_normal((burn + n_obs, 1))
    own = rng.standard_normal((burn + n_obs, n_assets))
    z = mixing * (full * common + np.sqrt(1.0 - full**2) * own)
    h, returns = np.ones(n_assets), np.empty_like(z)
    for t, shock in enumerate(z):
        returns[t] = np.sqrt(h) * shock
        h = 0.05 + 0.05 * returns[t] ** 2 + 0.90 * h
    days = pd.bdate_range(start, periods=n_obs + 1)
    logs = np.vstack([np.zeros(n_assets), 0.01 * returns[burn:].cumsum(axis=0)])
    return pd.DataFrame(100 * np.exp(logs), days, [f"X{k:02d}" for k in range(n_assets)])


def speed_panel() -> pd.DataFrame:
    """The panel of this benchmark."""
    rng = np.random.default_rng(0)
    loading = np.tile(rng.uniform(0.3, 0.9, N_ASSETS), (N_OBS, 1))
    return factor_panel(N_ASSETS, loading, rng)


class Peak(threading.Thread):
    """Largest resident memory of this process and of any child, looked at twice a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mine = self.child = 0
        self._end = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._end.wait(0.5):
            self.mine = max(self.mine, me.memory_info().rss)
            for child in me.children(recursive=True):
                try:
                    self.child = max(self.child, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    def stop(self) -> None:
        self._end.set()
        self.join()


def one_size(size: int, n_jobs: int) -> dict[str, Any]:
    """Scan so many pairs in this process and its workers."""
    panel = speed_panel()
    pairs = pairs_of(panel)[:size]
    peak = Peak()
    with tempfile.TemporaryDirectory() as folder:
        peak.start()
        begun = time.perf_counter()
        found = rc.scan(panel, pairs=pairs, n_jobs=n_jobs, store=Path(folder) / "s")
        seconds = time.perf_counter() - begun
        peak.stop()
    assert len(found.table) == size
    return {
        "pairs": size,
        "seconds": round(seconds, 1),
        "pairs per minute": round(60 * size / seconds, 1),
        "failed": len(found.failed),
        "MB, calling process": round(peak.mine / MB),
        "MB, a worker": round(peak.child / MB),
    }


def in_new_process(size: int, n_jobs: int) -> dict[str, Any]:
    """`one_size` in a process that has done nothing else."""
    command = [sys.executable, __file__, "--one", str(size), "--n-jobs", str(n_jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def parts_of(n_pairs: int) -> dict[str, float]:
    """Mean seconds of each part of a pair, in one process."""
    panel, options = speed_panel(), OutlookOptions()
    total: dict[str, float] = {}

    def mark(name: str) -> None:
        now = time.perf_counter()
        total[name] = total.get(name, 0.0) + now - clock[0]
        clock[0] = now

    for place, names in enumerate(pairs_of(panel)[: n_pairs + 1]):
        if place == 1:
            total.clear()  # the first pair has loaded libraries and compiled code
        clock = [time.perf_counter()]
        job = job_of(panel, names, panel.index[-1], options, 0)
        mark("sending")
        pair = pair_module.align(job.prices, as_of=job.as_of)
        question = question_of(pair, options)
        mark("alignment, situation, panel forecast")
        look_ahead(question, streams_of(job.seed), done=mark)
        mark("interval")
        short_window_test(pair, 90, 252)
        mark("test of the short window")
    return {name: round(value / n_pairs, 4) for name, value in total.items()}


def line(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Straight line through the seconds of all sizes, prolonged."""
    sizes = np.array([run["pairs"] for run in runs], dtype=float)
    seconds = np.array([run["seconds"] for run in runs])
    slope, start = np.polyfit(sizes, seconds, 1) if len(runs) > 1 else (seconds / sizes, 0.0)
    return {
        "seconds at the start": round(float(start), 1),
        "seconds a pair": round(float(slope), 3),
        "pairs": FAR,
        "hours": round(float(start + slope * FAR) / 3600, 2),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100, 435])
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--parts", type=int, default=20, help="pairs whose parts are timed")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    # The simulated days are of the vintages' time; nothing is to be warned of.
    warnings.simplefilter("error", rc.errors.RegimeCorrWarning)
    if options.one:
        print(json.dumps(one_size(options.one, options.n_jobs)))
        return
    in_new_process(options.n_jobs, options.n_jobs)  # compiles the kernels; they are kept on disk
    runs = [in_new_process(size, options.n_jobs) for size in options.sizes]
    found = {
        "n_assets": N_ASSETS,
        "n_obs": N_OBS,
        "n_paths": OutlookOptions().n_paths,
        "n_jobs": options.n_jobs,
        "runs": runs,
        "line": line(runs),
        "seconds by part": parts_of(options.parts),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
