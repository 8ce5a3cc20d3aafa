"""Size and power of the Carrasco-Hu-Ploberger test of a constant correlation, by simulation.

    python benchmarks/chp_size.py [--size 800] [--power 500] [--n-boot 99]

It writes ``docs/_results/chp_size.json``: shares of rejections at 5 and 10 % with their Monte-Carlo
standard errors, on samples of 1,000 rows, and the power by the range of the persistence, against
critical values simulated at the true null.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning
from regimecorr.inference.chp import _Null, carrasco_hu_ploberger
from regimecorr.inference.chp_process import persistence_grid
from regimecorr.kernels.paths import correlate

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "chp_size.json"
N_OBS = 1000
Path_ = Callable[[np.random.Generator], np.ndarray]


def constant(rng: np.random.Generator) -> np.ndarray:
    return np.full(N_OBS, 0.45)


def recurrent(low: float, high: float, stay_low: float, stay_high: float) -> Path_:
    """Two Markov regimes, from their stationary distribution."""

    def path(rng: np.random.Generator) -> np.ndarray:
        leave = (1.0 - stay_low, 1.0 - stay_high)
        state = int(rng.random() < leave[0] / sum(leave))
        states = np.empty(N_OBS, dtype=int)
        for t, u in enumerate(rng.random(N_OBS)):
            states[t] = state
            state = 1 - state if u < leave[state] else state
        return np.where(states == 1, high, low)

    return path


def broken(before: float, after: float) -> Path_:
    """One lasting break at a random row of the middle half."""

    def path(rng: np.random.Generator) -> np.ndarray:
        return np.where(np.arange(N_OBS) < rng.integers(N_OBS // 4, 3 * N_OBS // 4), before, after)

    return path


STRONG = recurrent(0.2, 0.7, 0.98, 0.97)
WEAK = recurrent(0.35, 0.6, 0.99, 0.99)
BREAK = broken(0.35, 0.6)


def residuals(path: Path_, nu: float, rng: np.random.Generator) -> np.ndarray:
    """Standardized residuals (N_OBS, 2) along a correlation path."""
    z = correlate(rng.standard_normal((1, N_OBS, 2)), path(rng)[None])[0]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, N_OBS))[:, None]
    return z


def garch_t5(rng: np.random.Generator) -> pd.DataFrame:
    """Returns with t5 shocks, GARCH(1,1) volatility and a constant correlation."""
    return rc.simulate("constant", n_obs=N_OBS, nu=5.0, rng=rng).returns


def independent_t5(rng: np.random.Generator) -> np.ndarray:
    """Two independent t5 shocks, correlated: not elliptical."""
    shocks = rng.standard_t(5.0, (1, N_OBS, 2)) * np.sqrt(0.6)
    return correlate(shocks, constant(rng)[None])[0]


# Name: (sample, options of the test).
SIZE = {
    "normal errors": (lambda rng: residuals(constant, np.inf, rng), {"margins": None}),
    "t5 errors": (lambda rng: residuals(constant, 5.0, rng), {"margins": None}),
    "GARCH-t5 returns, fitted margins": (garch_t5, {}),
    "GARCH-t5 returns, fitted margins, permutation": (garch_t5, {"bootstrap": "permutation"}),
    "independent t5 shocks": (independent_t5, {"margins": None}),
    "independent t5 shocks, permutation": (
        independent_t5,
        {"margins": None, "bootstrap": "permutation"},
    ),
    "t5 errors, test with normal errors": (
        lambda rng: residuals(constant, 5.0, rng),
        {"margins": None, "dist": "normal"},
    ),
}
POWER = {
    "recurrent .2/.7, p .98/.97, normal errors": (
        lambda rng: residuals(STRONG, np.inf, rng),
        {"margins": None},
    ),
    "recurrent .2/.7, p .98/.97, t5 errors": (
        lambda rng: residuals(STRONG, 5.0, rng),
        {"margins": None},
    ),
    "recurrent .35/.6, p .99, normal errors": (
        lambda rng: residuals(WEAK, np.inf, rng),
        {"margins": None},
    ),
    "recurrent .35/.6, p .99, t5 errors": (
        lambda rng: residuals(WEAK, 5.0, rng),
        {"margins": None},
    ),
    "recurrent .35/.6, p .99, t5 errors, permutation": (
        lambda rng: residuals(WEAK, 5.0, rng),
        {"margins": None, "bootstrap": "permutation"},
    ),
    "lasting break .35 to .6, t5 errors": (
        lambda rng: residuals(BREAK, 5.0, rng),
        {"margins": None},
    ),
}
RANGES = ((-0.7, 0.7), (-0.98, 0.98), (0.0, 0.98), (0.5, 0.98), (0.5, 0.99), (0.8, 0.99))


def rejections(name: str, n: int, n_boot: int, seed: int = 0) -> dict[str, float]:
    """Share of rejections of ``n`` samples."""
    sample, options = {**SIZE, **POWER}[name]
    pvalues = np.empty((n, 2))
    for i, rng in enumerate(np.random.default_rng(seed).spawn(n)):
        with warnings.catch_warnings():
            # A margin of integrated variance is part of what is measured.
            warnings.simplefilter("ignore", ConvergenceWarning)
            test = carrasco_hu_ploberger(sample(rng), n_boot=n_boot, rng=rng, **options)
        pvalues[i] = test.sup_pvalue, test.exp_pvalue
    found: dict[str, float] = {"replications": n, "n_boot": n_boot}
    for level in (0.05, 0.10):
        shares = (pvalues <= level + 1e-12).mean(axis=0)
        for statistic, share in zip(("supTS", "expTS"), shares, strict=True):
            found[f"{statistic} at {level:.0%}"] = round(float(share), 4)
            error = np.sqrt(max(share * (1 - share), level * (1 - level)) / n)
            found[f"{statistic} at {level:.0%}, s.e."] = round(float(error), 4)
    return found


def power_by_range(nu: float, n_null: int, n: int, seed: int = 1) -> dict[str, dict[str, float]]:
    """Power at 5 % by range of the persistence, with simulated critical values."""

    def statistics(path: Path_, count: int, rng: np.random.Generator) -> np.ndarray:
        out = np.empty((count, len(RANGES), 2))
        for i in range(count):
            z = residuals(path, nu, rng)
            null = _Null.fit(z, heavy=True)
            for j, bounds in enumerate(RANGES):
                process = null.process(z, persistence_grid(*bounds))
                out[i, j] = process.sup_ts, process.log_exp_ts
        return out

    rng = np.random.default_rng(seed)
    critical = np.quantile(statistics(constant, n_null, rng), 0.95, axis=0)
    worlds = {"recurrent .2/.7": STRONG, "recurrent .35/.6": WEAK, "break .35 to .6": BREAK}
    power = {w: (statistics(path, n, rng) > critical).mean(axis=0) for w, path in worlds.items()}
    return {
        f"{low:g} to {high:g}": {
            f"{world}, {statistic}": round(float(power[world][j, k]), 3)
            for world in worlds
            for k, statistic in enumerate(("supTS", "expTS"))
        }
        for j, (low, high) in enumerate(RANGES)
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--power", type=int, default=500)
    parser.add_argument("--n-boot", type=int, default=99)
    arguments = parser.parse_args()
    found: dict[str, object] = {
        "n_obs": N_OBS,
        "size": {name: rejections(name, arguments.size, arguments.n_boot) for name in SIZE},
        "power": {name: rejections(name, arguments.power, arguments.n_boot) for name in POWER},
        "power by range of the persistence, t5 errors": power_by_range(5.0, 2000, arguments.power),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
