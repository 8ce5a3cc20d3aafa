"""Correlations of closes some hours apart: bias, error and coverage; size of the tests of `timing`.

Run it in an environment in which the package is installed::

    python benchmarks/timing.py [--n 1000] [--n-jobs 1] [--out docs/_results/timing.json]

correlations
    GARCH(1,1)-t(5) returns with correlation .5, the second leg closing 0, 4 or 8 hours before the
    first, 252 and 1,000 rows: every reading of `timing` on all rows. ``target``: what the reading
    estimates, (1 - f / h) of the truth with f the share of the day after the close and h its rows.
ccf
    Shares of samples of 1,000 rows in which a lag from -5 to 5 but 0 leaves the joint 95 % band,
    and of lags that leave the pointwise one, residuals of fitted margins. With 8 hours between the
    closes the lags next to 0, which are linked then, are left out.
adjustment
    Two markets whose gap closes alike from either side: shares of rejections of the tests of
    asymmetric adjustment at 5 %, coverage of the interval of Gonzalo and Granger's share.

Every sample is seeded on its own; figures do not depend on the number of processes.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from constancy_size import correlated, parallel, returns

import regimecorr as rc
from regimecorr.indicators.adjustment import gonzalo_granger
from regimecorr.indicators.lead_lag import cross_correlation
from regimecorr.inference.timing.build import residual_rows
from regimecorr.inference.timing.closing import adjustment_table
from regimecorr.inference.timing.frequencies import figures, influence_block, readings
from regimecorr.kernels.paths import correlate
from regimecorr.worlds import _BURN, _innovations

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "timing.json"
RHO, NU = 0.5, 5.0
HOURS = (0, 4, 8)
SIZES = (252, 1000)
N_BOOT = 299
ADJUSTMENT = np.array([-0.02, 0.04])
LAGS = np.array([k for k in range(-5, 6) if k])
Rng = np.random.Generator


def asynchronous(n: int, hours: float, rng: Rng) -> pd.DataFrame:
    """Returns (n, 2) on business days; the second leg closes ``hours`` before the first.

    The news of a day before and after that close are shocks of their own with correlation .5 and
    the day's t(5) scale. Both legs share one GARCH(1,1) volatility, so that .5 is the correlation
    of the returns too.
    """
    late = hours / 24.0
    rows = n + _BURN + 1
    parts = correlate(rng.standard_normal((2, rows, 2)), np.full((2, rows), RHO))
    parts *= np.sqrt([1.0 - late, late])[:, None, None]
    parts *= np.sqrt((NU - 2.0) / rng.chisquare(NU, rows))[:, None]
    first = parts.sum(axis=0)
    parts *= (_innovations(first, rng)[:, 0] / first[:, 0])[:, None]
    day, evening = parts
    seen = np.column_stack([(day + evening)[1:, 0], day[1:, 1] + evening[:-1, 1]])[-n:]
    return pd.DataFrame(seen, pd.bdate_range("2015-01-01", periods=n), columns=["A", "B"])


def measured(n: int, hours: float, rng: Rng) -> list[tuple[float, ...]]:
    """Estimate, error and interval of every reading on all rows."""
    sample = asynchronous(n, hours, rng)
    values, dates = sample.to_numpy(), pd.DatetimeIndex(sample.index)
    block = influence_block(values)
    out = []
    for reading in readings(1):
        series, _ = reading.series(values, dates)
        window = len(series) * reading.step
        found = figures(
            reading, values, dates, window, block=block, n_boot=N_BOOT, ci_prob=0.95, rng=rng
        )
        out.append((found.correlation, found.error, found.lower, found.upper))
    return out


def correlations(n: int, n_jobs: int) -> list[dict[str, Any]]:
    """Bias, RMSE and coverage by hours, rows and reading."""
    rows = []
    spans = {"daily": 1, "2-day": 2, "3-day": 3, "weekly": 5}
    for i, (hours, size) in enumerate((h, s) for h in HOURS for s in SIZES):
        sample = np.array(
            parallel(lambda rng, s=size, h=hours: measured(s, h, rng), n, [2, i], n_jobs)
        )
        for k, reading in enumerate(readings(1)):
            r, error, low, high = sample[:, k].T
            span = spans.get(reading.name, np.inf)
            target = RHO * (1.0 - hours / 24.0 / span)
            rows.append(
                {
                    "hours": hours,
                    "rows": size,
                    "reading": reading.name,
                    "n": n,
                    "target": round(target, 4),
                    "bias": round(float(np.mean(r) - RHO), 4),
                    "bias, s.e.": round(float(np.std(r) / np.sqrt(n)), 4),
                    "rmse": round(float(np.sqrt(np.mean((r - RHO) ** 2))), 4),
                    "sd": round(float(np.std(r)), 4),
                    "mean error": round(float(np.mean(error)), 4),
                    "covers truth": round(float(np.mean((low <= RHO) & (high >= RHO))), 4),
                    "covers target": round(float(np.mean((low <= target) & (high >= target))), 4),
                }
            )
    return rows


def outside(hours: float, rng: Rng) -> tuple[bool, float]:
    """Whether any lag leaves the joint band, and the share of lags outside their own."""
    sample = asynchronous(1000, hours, rng)
    z = rc.GARCH().fit(sample).z
    lags = LAGS[np.abs(LAGS) > 1] if hours else LAGS
    found = cross_correlation(z[:, 0], z[:, 1], lags, residual_rows(z, N_BOOT, rng))
    size = np.abs(found.correlation)
    return bool(np.any(size > found.band())), float(np.mean(size > found.pointwise()))


def ccf(n: int, n_jobs: int) -> dict[str, Any]:
    """Sizes of the bands at 5 %."""
    out = {}
    for i, hours in enumerate((0, 8)):
        found = np.array(parallel(lambda rng, h=hours: outside(h, rng), n, [3, i], n_jobs), float)
        out[f"{hours} hours"] = {
            "n": n,
            "joint": round(float(found[:, 0].mean()), 4),
            "pointwise": round(float(found[:, 1].mean()), 4),
            "s.e.": round(float(np.sqrt(0.05 * 0.95 / n)), 4),
        }
    return out


def two_markets(n: int, rng: Rng, correlation: float = 0.3) -> pd.DataFrame:
    """Prices whose log gap closes by `ADJUSTMENT` a row, GARCH-t(5) shocks."""
    shocks = returns(correlated(np.full(n + _BURN, correlation), NU, rng), rng).to_numpy()
    shocks = shocks / shocks.std(axis=0)  # alike in size, so that the gap is no leg alone
    logs = np.zeros((n + 1, 2))
    for t in range(n):
        logs[t + 1] = logs[t] + ADJUSTMENT * (logs[t, 0] - logs[t, 1]) + 0.01 * shocks[t]
    return pd.DataFrame(
        np.exp(logs), pd.bdate_range("2015-01-01", periods=n + 1), columns=["A", "B"]
    )


def adjusted(n: int, rng: Rng) -> list[float]:
    """P-values of the three tests and coverage of the share, for both gaps of daily rows."""
    table = adjustment_table(two_markets(n, rng), 1, n_boot=N_BOOT, ci_prob=0.95, rng=rng)
    share = float(gonzalo_granger(ADJUSTMENT))
    out = []
    for gap in ("ratio", "estimated"):
        row = table.loc[("daily", gap)]
        covered = row["gonzalo_granger_lower"] <= share <= row["gonzalo_granger_upper"]
        out += [row["p_asset"], row["p_benchmark"], row["p_symmetric"], 1.0 - float(covered)]
    return out


def adjustment(n: int, n_jobs: int) -> dict[str, Any]:
    """Sizes at 5 % and coverages at 95 % by gap."""
    names = ("asset", "benchmark", "both", "Gonzalo-Granger")
    out: dict[str, Any] = {}
    for i, size in enumerate((1000, 2500)):
        found = np.array(parallel(lambda rng, s=size: adjusted(s, rng), n, [4, i], n_jobs))
        rejected = (found <= 0.05).mean(axis=0)
        for k, gap in enumerate(("ratio", "estimated")):
            own, missed = rejected[4 * k : 4 * k + 3], found[:, 4 * k + 3].mean()
            values = [*own, 1.0 - missed]
            out[f"{size} rows, {gap}"] = {"n": n} | {
                name: round(float(v), 4) for name, v in zip(names, values, strict=True)
            }
    return out


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    n, n_jobs = options.n, options.n_jobs
    found = {
        "correlation": RHO,
        "correlations": correlations(n, n_jobs),
        "ccf": ccf(n, n_jobs),
        "adjustment": adjustment(n, n_jobs),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
