"""The verdict's tables, made from the pool."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.evaluation.pool import Pool
from regimecorr.evaluation.readings import Events
from regimecorr.events import Array, gap_pathways, legs, read_gap
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.models.base import HasRegimes
from regimecorr.models.switching import regime_names

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
STAY_ROWS = (21, 63, 126, 252)
_DRAWS = 200
_GAP_COLUMNS = [f"p{walk}{way}" for walk in ("", "_random_walk") for way in ("", "_up", "_down")]


def regime_table(pool: Pool, sign: int, rng: np.random.Generator) -> pd.DataFrame:
    """By regime: correlation, probability today, expected duration and chance of staying.

    Each figure has its 5 and 95 % bounds.
    """
    fit = pool.members["switching"].fit
    columns = ["correlation", "p_today", "expected_duration", *(f"p_stay_{h}" for h in STAY_ROWS)]
    if not isinstance(fit, HasRegimes):
        return pd.DataFrame(columns=columns, index=pd.Index([], name="regime"))
    middle, draws = fit.regime_figures(_DRAWS, rng)
    drawn = np.array([_regime_figures(*figures, sign) for figures in draws])
    point = _regime_figures(*middle, sign)
    if "switching" in pool.idata:
        # Of a posterior it is the average chance of staying, not the chance at an average.
        stays = slice(-len(STAY_ROWS), None)
        point[:, stays] = drawn[:, :, stays].mean(axis=0)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    names = regime_names(len(point))
    table = pd.DataFrame(point, index=pd.Index(names, name="regime"), columns=columns)
    for i, column in enumerate(columns):
        table[f"{column}_low"], table[f"{column}_high"] = low[:, i], high[:, i]
    return table


def _regime_figures(rho: Array, today: Array, stay: Array, sign: int) -> Array:
    """(K, 7) figures in raw sign, regimes ascending."""
    duration = 1.0 / np.maximum(1.0 - stay, 1e-12)
    stays = [stay**h for h in STAY_ROWS]
    table = np.column_stack([sign * rho, today, duration, *stays])
    return table if sign > 0 else table[::-1]


def correlation_table(
    pair: AlignedPair,
    values: Array,
    pool: Pool,
    sign: int,
    short_window: int,
    long_window: int,
) -> pd.DataFrame:
    """By date: rolling correlations, DCC, regime-filtered and regime-smoothed."""
    table = pd.DataFrame(
        {
            "r_short": rolling_pearson(*legs(values), short_window),
            "r_long": rolling_pearson(*legs(values), long_window),
        },
        index=pair.prices.index[1:],
    )
    for column, member, path in (
        ("dcc", "dcc", "filtered"),
        ("regime_filtered", "switching", "filtered"),
        ("regime_smoothed", "switching", "smoothed"),
    ):
        fit = pool.members[member].fit if member in pool.members else None
        table[column] = np.nan if fit is None else sign * getattr(fit, path).to_numpy()
    return table


def forecast_table(pool: Pool, events: Events, n_paths: int) -> pd.DataFrame:
    """By row ahead: mean and quantiles of the conditional correlation, and the chart's rule."""
    paths = pool.mixture(n_paths).correlation
    table = pd.DataFrame(
        np.quantile(paths, QUANTILES, axis=0).T,
        index=pd.RangeIndex(1, paths.shape[1] + 1, name="horizon"),
        columns=[f"q{round(100 * q):02d}" for q in QUANTILES],
    )
    table.insert(0, "mean", paths.mean(axis=0))
    table["p_chart_resolved"] = pool.average(events.chart_resolved)
    return table


def gap_table(
    pair: AlignedPair,
    pool: Pool,
    long_window: int,
    n_paths: int,
    horizon: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Shares of paths on which asset or benchmark closes the log-price gap, or neither.

    The shares of random walks stand beside them.
    """
    gap = read_gap(np.log(pair.prices.to_numpy()), long_window)
    index = pd.Index(["asset-led", "benchmark-led", "open"], name="pathway")
    table = pd.DataFrame(np.nan, index=index, columns=_GAP_COLUMNS)
    table.attrs = {
        "level": gap.level,
        "z": gap.z,
        "mean": gap.mean,
        "sd": gap.sd,
        "closed": gap.closed,
    }
    if gap.closed:
        return table
    models = gap_pathways(gap, pool.mixture(n_paths).returns)
    spread = pair.returns.to_numpy().std(axis=0)
    walks = gap_pathways(gap, rng.standard_normal((n_paths, horizon, 2)) * spread)
    for name in index:
        for column, paths in (("p", models), ("p_random_walk", walks)):
            mine = paths["pathway"] == name
            table.loc[name, column] = mine.mean()
            if name != "open":
                table.loc[name, f"{column}_up"] = (mine & (paths["direction"] == "up")).mean()
                table.loc[name, f"{column}_down"] = (mine & (paths["direction"] == "down")).mean()
    return table
