"""Measure regime models, next to statsmodels' Markov regression in the same run.

Run it in an environment in which the package is installed::

    python benchmarks/regimes.py [--repeats 7]

It prints a table and writes ``benchmarks/regimes_results.json``: the best and the median of the
repeats. statsmodels fits a univariate switching mean to the product of the residuals, the nearest
thing that it has. Nothing that names the machine or the day is recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

import regimecorr as rc
from regimecorr.inference.regimes import simulated_residuals
from regimecorr.kernels.hamilton import hamilton_filter, kim_smoother, regime_log_densities
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission

RESULTS = Path(__file__).with_name("regimes_results.json")
LIBRARIES = ("regimecorr", "numpy", "scipy", "pandas", "numba", "statsmodels")
N_OBS = 2500
TRUTH = RegimeParams(np.array([[0.1], [0.6]]), np.array([[0.995, 0.005], [0.005, 0.995]]), 8.0)
#: What was wanted, in seconds.
WANTED = {
    "fit, 2 regimes, 10 starts, normal": 0.3,
    "fit, 2 regimes, 10 starts, t": 0.3,
    "filter and smoother": 0.0005,
    "bootstrap LR, 199 samples": 60.0,
}


def timed(action: Callable[[], object], repeats: int, number: int = 1) -> dict[str, float]:
    """Best and median seconds of an action after one that does not count."""
    action()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        for _ in range(number):
            action()
        seconds.append((time.perf_counter() - begun) / number)
    return {"best": min(seconds), "median": statistics.median(seconds)}


def statsmodels_fit(product: np.ndarray, k: int) -> None:
    """Univariate switching mean and variance, one start, as statsmodels does by default."""
    MarkovRegression(product, k_regimes=k, switching_variance=True).fit()


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Run every case."""
    z = simulated_residuals(PairEmission(np.zeros((N_OBS, 2))), TRUTH, np.random.default_rng(1))
    product = z[:, 0] * z[:, 1]
    dens = regime_log_densities(z, TRUTH.own[:, 0].copy(), TRUTH.nu)

    def filter_and_smooth() -> None:
        _, predicted, filtered = hamilton_filter(dens, TRUTH.transition, TRUTH.start)
        kim_smoother(predicted, filtered, TRUTH.transition)

    def densities_too() -> None:
        regime_log_densities(z, TRUTH.own[:, 0].copy(), TRUTH.nu)
        filter_and_smooth()

    def fit(**options: object) -> Callable[[], object]:
        spec = rc.SwitchingCorrelation(margins=None, **options)  # type: ignore[arg-type]
        return lambda: spec.fit(z)

    def bootstrap(n_jobs: int) -> Callable[[], object]:
        return lambda: rc.test_regimes(z, margins=None, n_boot=199, n_jobs=n_jobs)

    cores = os.cpu_count() or 1
    return {
        "filter and smoother": timed(filter_and_smooth, repeats, 200),
        "densities, filter and smoother": timed(densities_too, repeats, 200),
        "fit, 2 regimes, 10 starts, normal": timed(fit(dist="normal", n_starts=10), repeats),
        "fit, 2 regimes, 10 starts, t": timed(fit(n_starts=10), repeats),
        "fit, 3 regimes, 10 starts, t": timed(fit(n_regimes=3, n_starts=10), repeats),
        "SwitchingDCC, 2 regimes": timed(lambda: rc.SwitchingDCC(margins=None).fit(z), repeats),
        "statsmodels, univariate, 2 regimes, 1 start": timed(
            lambda: statsmodels_fit(product, 2), repeats
        ),
        "statsmodels, univariate, 3 regimes, 1 start": timed(
            lambda: statsmodels_fit(product, 3), min(repeats, 3)
        ),
        "bootstrap LR, 199 samples": timed(bootstrap(cores), 1),
        "bootstrap LR, 199 samples, one core": timed(bootstrap(1), 1),
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7, help="runs of each (default 7)")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = measure(arguments.repeats)
    for name, row in results.items():
        wanted = f"   wanted {WANTED[name]}" if name in WANTED else ""
        print(f"{name:<46}{row['best']:>10.5f}{row['median']:>10.5f} s{wanted}")
    record = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "n_obs": N_OBS,
        "results": {k: {n: round(v, 6) for n, v in row.items()} for k, row in results.items()},
        "wanted": WANTED,
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
