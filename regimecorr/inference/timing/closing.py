"""Which leg adjusts to a gap of prices, at several frequencies, with bootstrap intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regimecorr.indicators.adjustment import error_correction, gonzalo_granger, hasbrouck
from regimecorr.indicators.cointegration import engle_granger, gap_unit_root, johansen
from regimecorr.indicators.frequency import week_ends
from regimecorr.indicators.lead_lag import resampled_means
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.models.base import Array, IntArray

#: Level of the tests of cointegration.
LEVEL = 0.05
FREQUENCIES = {"daily": 1, "3-day": 3, "weekly": 5}
GAPS = ("ratio", "estimated")


def adjustment_table(
    prices: pd.DataFrame,
    max_lag: int,
    *,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Error correction of log prices by frequency and gap; see `Timing.adjustment`."""
    logs = np.log(prices.to_numpy(dtype=float))
    dates = pd.DatetimeIndex(prices.index)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for name, length in FREQUENCIES.items():
        chosen = logs[_ends(dates, name, length)]
        lags = max(1, round(max_lag / length))
        for gap in GAPS:
            rows[name, gap] = _row(chosen, gap, lags, n_boot, ci_prob, rng)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["frequency", "gap"])
    return frame


def _ends(dates: pd.DatetimeIndex, name: str, length: int) -> IntArray:
    """Rows of the prices that are kept, the last one among them."""
    if name == "weekly":
        return week_ends(dates)
    return np.arange(len(dates) - 1, -1, -length, dtype=np.int64)[::-1]


def _row(
    logs: Array, gap: str, lags: int, n_boot: int, ci_prob: float, rng: np.random.Generator
) -> dict[str, Any]:
    """One frequency and gap."""
    if gap == "ratio":
        tested, slope, rank = gap_unit_root(logs[:, 0] - logs[:, 1]), 1.0, None
    else:
        trace = johansen(logs, lags)
        tested, slope, rank = engle_granger(logs), trace.slope, trace.rank
    found = error_correction(logs, slope=slope, lags=lags)
    draws = _drawn(found.adjustment, found.influence, n_boot, rng)
    tail = 0.5 * (1.0 - ci_prob)
    low, high = np.quantile(gonzalo_granger(draws), [tail, 1.0 - tail])
    least, most = hasbrouck(found.adjustment, found.omega)
    return {
        "slope": slope,
        "n": found.n,
        "lags": lags,
        "p_unit_root": tested.pvalue,
        "rank": np.nan if rank is None else rank,
        "cointegrated": bool(tested.pvalue < LEVEL and rank in (None, 1)),
        "asset": found.adjustment[0],
        "asset_error": found.error[0],
        "benchmark": found.adjustment[1],
        "benchmark_error": found.error[1],
        "asset_above": found.above[0],
        "asset_below": found.below[0],
        "benchmark_above": found.above[1],
        "benchmark_below": found.below[1],
        "p_asset": found.asymmetry[0],
        "p_benchmark": found.asymmetry[1],
        "p_symmetric": found.asymmetry_both,
        "gonzalo_granger": float(gonzalo_granger(found.adjustment)),
        "gonzalo_granger_lower": float(low),
        "gonzalo_granger_upper": float(high),
        "hasbrouck_lower": least,
        "hasbrouck_upper": most,
        "residual_correlation": float(found.omega[0, 1] / np.sqrt(np.prod(np.diag(found.omega)))),
    }


def _drawn(estimate: Array, influence: Array, n_boot: int, rng: np.random.Generator) -> Array:
    """Adjustments (n_boot, 2) of bootstrap samples, by blocks of their influence."""
    n = len(influence)
    length = max(block_length(column) for column in influence.T)
    rows = np.stack([resampled_rows(n, length, rng) for _ in range(n_boot)])
    return np.asarray(estimate + resampled_means(influence, rows))
