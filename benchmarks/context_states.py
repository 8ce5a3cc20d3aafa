"""Intervals and tests of the correlation by state, where states and correlation are unrelated.

Run it in an environment in which the package is installed::

    python benchmarks/context_states.py [--n 1000] [--n-jobs 1] [--n-boot 300] [--out FILE]

It writes ``docs/_results/context_states.json``. Samples are GARCH(.08, .90) pairs with t5 shocks,
so persistent that fourth moments do not exist. In the rows:

correlation
    ``constant``: .4. ``drifting``: .1 or .7 in spells of 150 rows on average. ``tied``: .55 in the
    high state and .25 in the low one.
states
    Spells of 30 or 120 rows on average, unrelated to everything (but ``tied``); ``volatility``:
    whether the smoothed square of the benchmark's returns of the days before is above its median of
    252 rows, as a volatility index is.

Columns: how often the 95 % intervals of the returns' and of the residuals' correlation hold the
mean of the simulated correlation over the rows in the state; how often the interval of the
difference leaves out zero, and how often the test by shifts rejects at 5 % (``tied``: power), and
at 5 % after adjustment for four series, any of them. Every sample is seeded on its own, so the
figures do not depend on the number of processes; beside every share stands its standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.errors import ConvergenceWarning
from regimecorr.inference.context.conditional import conditional_correlation

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "context_states.json"
N_OBS, N_SERIES, NU = 2000, 4, 5
ROWS = [
    ("constant", "30"),
    ("constant", "120"),
    ("constant", "volatility"),
    ("drifting", "30"),
    ("drifting", "120"),
    ("drifting", "volatility"),
    ("tied", "30"),
    ("tied", "120"),
]
COLUMNS = ("returns", "residuals", "interval", "test", "family")


def chain(mean_rows: float, rng: np.random.Generator) -> np.ndarray:
    return (np.cumsum(rng.random(N_OBS) < 1.0 / mean_rows) % 2).astype(float)


def garch(rho: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    z = rng.standard_normal((N_OBS, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    z *= np.sqrt((NU - 2.0) / rng.chisquare(NU, (N_OBS, 1)))
    out, variance = np.empty((N_OBS, 2)), np.ones(2)
    for t in range(N_OBS):
        out[t] = np.sqrt(variance) * z[t]
        variance = 0.02 + 0.08 * out[t] ** 2 + 0.90 * variance
    return out


def volatile(returns: np.ndarray) -> np.ndarray:
    smoothed = pd.Series(returns[:, 1] ** 2).ewm(halflife=20).mean().shift(1)
    median = smoothed.rolling(252).median()
    return (smoothed > median).astype(float).where(median.notna()).to_numpy()


def sample(correlation: str, kind: str, seed: list[int], n_boot: int) -> list[float]:
    rng = np.random.default_rng(seed)
    spells = 60.0 if kind == "volatility" else float(kind)
    states = np.column_stack([chain(spells, rng) for _ in range(N_SERIES)])
    if correlation == "constant":
        rho = np.full(N_OBS, 0.4)
    elif correlation == "drifting":
        rho = np.where(chain(150.0, rng) == 1.0, 0.7, 0.1)
    else:
        rho = np.where(states[:, 0] == 1.0, 0.55, 0.25)
    returns = garch(rho, rng)
    if kind == "volatility":
        states[:, 0] = volatile(returns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        by_state, contrasts = conditional_correlation(
            pd.DataFrame(returns, columns=["A", "B"]),
            pd.DataFrame(states),
            n_boot=n_boot,
            rng=rng,
        )
    mine, first = by_state.loc[0], contrasts.loc[0]
    truth = np.array([rho[states[:, 0] == value].mean() for value in (1.0, 0.0)])
    covered = [
        float(np.mean((mine[f"{of}lower"] < truth) & (truth < mine[f"{of}upper"])))
        for of in ("", "residual_")
    ]
    outside = first["lower"] > 0.0 or first["upper"] < 0.0
    family = (contrasts["adjusted"] < 0.05).any()
    return [*covered, float(outside), float(first["pvalue"] < 0.05), float(family)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--n-boot", type=int, default=300)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    for i, (correlation, kind) in enumerate(ROWS):
        found = np.array(
            Parallel(n_jobs=options.n_jobs)(
                delayed(sample)(correlation, kind, [i, k], options.n_boot) for k in range(options.n)
            )
        )
        share = found.mean(axis=0)
        error = found.std(axis=0, ddof=1) / np.sqrt(options.n)
        columns = {
            name: {"share": round(float(s), 4), "s.e.": round(float(e), 4)}
            for name, s, e in zip(COLUMNS, share, error, strict=True)
        }
        rows.append({"correlation": correlation, "states": kind, "columns": columns})
        print(correlation, kind, {k: v["share"] for k, v in columns.items()}, flush=True)
    record = {"n": options.n, "n_obs": N_OBS, "n_boot": options.n_boot, "rows": rows}
    options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
