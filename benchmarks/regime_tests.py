"""Size and power of the bootstrap test of K against K + 1 correlation regimes.

Run it in an environment in which the package is installed::

    python benchmarks/regime_tests.py [--reps 1000] [--n-obs 1000]

Every replication simulates a sample, takes its likelihood ratio and that of one sample simulated
at its null estimates. The statistics of the second kind, over all replications together, are the
bootstrap distribution (Giacomini, Politis and White 2013, the "warp-speed" method), so one run of
R replications costs 2 R fits instead of (B + 1) R. Writes ``docs/_results/regime_tests.json``.

Giacomini, R., Politis, D. N. and White, H. (2013). A warp-speed method for conducting Monte Carlo
experiments involving bootstrap estimators. Econometric Theory 29, 567-589.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from regimecorr.errors import ConvergenceWarning
from regimecorr.inference.regimes import likelihood_ratio, simulated_residuals
from regimecorr.models.margins import GARCH
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission

RESULTS = Path(__file__).parents[1] / "docs" / "_results" / "regime_tests.json"
LEVELS = (0.10, 0.05, 0.01)
# GARCH(1,1) of both legs: daily percent returns.
OMEGA, ALPHA, BETA = 0.02, 0.08, 0.90


def regimes(
    rho: tuple[float, ...], stay: tuple[float, ...], nu: float
) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Residuals of a pair whose correlation follows a chain (one regime: constant)."""
    k = len(rho)
    leave = (1.0 - np.array(stay)) / max(k - 1, 1)
    matrix = np.tile(leave[:, None], (1, k))
    np.fill_diagonal(matrix, stay)
    truth = RegimeParams(np.array(rho)[:, None], matrix, nu)

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        return simulated_residuals(PairEmission(np.zeros((n, 2))), truth, rng)

    return sample


def one_break(n: int, rng: np.random.Generator) -> np.ndarray:
    """Residuals whose correlation falls from .5 to 0 for good in the middle, t5."""
    before, after = (regimes((r,), (1.0,), 5.0) for r in (0.5, 0.0))
    return np.vstack([before(n // 2, rng), after(n - n // 2, rng)])


def garch_t5(n: int, rng: np.random.Generator) -> np.ndarray:
    """Residuals of fitted margins; the returns are GARCH with t5 errors, correlation .4."""
    z = regimes((0.4,), (1.0,), 5.0)(n + 500, rng)
    returns = np.empty_like(z)
    h = np.ones(2)
    for t, row in enumerate(z):
        returns[t] = np.sqrt(h) * row
        h = OMEGA + ALPHA * returns[t] ** 2 + BETA * h
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        margins = GARCH().fit(returns[500:])
    return np.ascontiguousarray(margins.z)


RECURRENT = regimes((0.2, 0.7), (0.98, 0.97), 5.0)
#: name: (sample, K under the null, heavy tails, share of the replications)
CASES = {
    "size, normal": (regimes((0.4,), (1.0,), np.inf), 1, False, 1.0),
    "size, t5": (regimes((0.4,), (1.0,), 5.0), 1, True, 1.0),
    "size, GARCH-t5, margins fitted": (garch_t5, 1, True, 1.0),
    "size of 2 against 3, t5": (RECURRENT, 2, True, 0.4),
    "t5 data, normal likelihood (wrong)": (regimes((0.4,), (1.0,), 5.0), 1, False, 0.4),
    "power, .2/.7, 50 and 33 days, t5": (RECURRENT, 1, True, 0.4),
    "power, .35/.6, 100 days, t5": (regimes((0.35, 0.6), (0.99, 0.99), 5.0), 1, True, 0.4),
    "power, .1/.6, 250 and 60 days, t5": (
        regimes((0.1, 0.6), (1 - 1 / 60, 1 - 1 / 250), 5.0),
        1,
        True,
        0.4,
    ),
    "power, one break .5 to 0, t5": (one_break, 1, True, 0.4),
}


def pair_of_statistics(
    name: str, n: int, n_starts: int, stream: np.random.Generator
) -> tuple[float, float]:
    """Statistic of a sample, and of one simulated at its null estimates."""
    sample, k, heavy, _ = CASES[name]
    with threadpool_limits(limits=1, user_api="blas"):
        emission = PairEmission(sample(n, stream))
        null, observed = likelihood_ratio(emission, k, heavy, n_starts)
        again = emission.on(simulated_residuals(emission, null, stream))
        return observed, likelihood_ratio(again, k, heavy, n_starts)[1]


def rejections(
    name: str, reps: int, n: int, n_starts: int, n_jobs: int = 1
) -> dict[str, float | int]:
    """Share of samples that are rejected at every level, with Monte-Carlo errors."""
    streams = np.random.default_rng([reps, n, *name.encode()]).spawn(reps)
    found = np.array(
        Parallel(n_jobs=n_jobs)(
            delayed(pair_of_statistics)(name, n, n_starts, stream) for stream in streams
        )
    )
    out: dict[str, float | int] = {"replications": reps}
    for level in LEVELS:
        share = float(np.mean(found[:, 0] > np.quantile(found[:, 1], 1.0 - level)))
        out[f"{level:g}"] = round(share, 4)
        out[f"{level:g} error"] = round(float(np.sqrt(share * (1.0 - share) / reps)), 4)
    return out


def main() -> None:
    """Run every case, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reps", type=int, default=1000, help="replications (default 1000)")
    parser.add_argument("--n-obs", type=int, default=1000, help="rows of a sample (default 1000)")
    parser.add_argument("--n-starts", type=int, default=6, help="starts of a fit (default 6)")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (default 1)")
    arguments = parser.parse_args()

    table = {}
    for name, (_, _, _, share) in CASES.items():
        reps = max(20, int(share * arguments.reps))
        table[name] = rejections(name, reps, arguments.n_obs, arguments.n_starts, arguments.n_jobs)
        print(f"{name:<40}{table[name]}", flush=True)
    record = {"n_obs": arguments.n_obs, "n_starts": arguments.n_starts, "rejected": table}
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
