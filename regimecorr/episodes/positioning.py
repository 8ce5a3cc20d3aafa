"""Where both legs of a pair stood on a day, from prices to that day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regimecorr.events import Array

#: Rows of the mean that stands for the trend.
TREND_ROWS = 200
#: Rows of the two momenta: a quarter and a year of trading days.
MOMENTUM_ROWS = (63, 252)

_LEGS = ("asset", "benchmark")
_MEASURES = ("drawdown", "trend", *(f"momentum_{rows}" for rows in MOMENTUM_ROWS))
POSITIONING = (
    "gap_z",
    *(f"{leg}_{measure}" for measure in _MEASURES for leg in (*_LEGS, "relative")),
)


def positioning_at(log_prices: Array) -> dict[str, float]:
    """Positioning on the last row of (n_rows, 2) log prices.

    For ``asset``, ``benchmark`` and ``relative`` (asset less benchmark), all in log points:
    ``drawdown`` from the highest price since the first row, at most 0; ``trend``, the distance from
    the mean of the last 200 rows; ``momentum_63`` and ``momentum_252``, the moves over so many
    rows. NaN where there are not enough rows.
    """
    now, n = log_prices[-1], len(log_prices)
    missing = np.full(2, np.nan)
    values = {
        "drawdown": now - log_prices.max(axis=0),
        "trend": now - log_prices[-TREND_ROWS:].mean(axis=0) if n >= TREND_ROWS else missing,
    }
    for rows in MOMENTUM_ROWS:
        values[f"momentum_{rows}"] = now - log_prices[-1 - rows] if n > rows else missing
    out = {}
    for measure, (asset, benchmark) in values.items():
        out[f"asset_{measure}"] = float(asset)
        out[f"benchmark_{measure}"] = float(benchmark)
        out[f"relative_{measure}"] = float(asset - benchmark)
    return out


def positioning_table(
    dates: pd.DatetimeIndex, log_prices: Array, rows: list[int], gap_z: list[float]
) -> pd.DataFrame:
    """Positioning by episode: ``start`` and the columns `POSITIONING`.

    Each is read off the prices to its own row and no others.
    """
    found = [
        {"start": dates[row], "gap_z": z} | positioning_at(log_prices[: row + 1])
        for row, z in zip(rows, gap_z, strict=True)
    ]
    types: dict[str, Any] = {"start": "datetime64[ns]", **dict.fromkeys(POSITIONING, float)}
    return pd.DataFrame(found, columns=list(types)).astype(types)
