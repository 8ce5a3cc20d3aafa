"""Forecasts of regimes and of their correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.models.base import Array


def ahead(today: Array, transition: Array, horizon: int) -> Array:
    """Regime probabilities (horizon, K) of the next rows."""
    out = np.empty((horizon, today.size))
    for h in range(horizon):
        today = today @ transition
        out[h] = today
    return out


def passage(today: Array, transition: Array, goal: int, horizon: int) -> Array:
    """Probability (horizon,) that a regime has been reached by each of the next rows."""
    outside = today @ transition
    missed = np.empty(horizon)
    for h in range(horizon):
        outside[goal] = 0.0
        missed[h] = outside.sum()
        outside = outside @ transition
    return 1.0 - missed


def weighted_quantiles(values: Array, weights: Array, quantiles: Sequence[float]) -> Array:
    """Quantiles (horizon, Q) of a discrete distribution: values (V,), weights (horizon, V)."""
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[:, order], axis=1)
    mass /= mass[:, -1:]
    columns = [
        values[order][np.minimum((mass < q - 1e-12).sum(axis=1), values.size - 1)]
        for q in quantiles
    ]
    return np.column_stack(columns)


def forecast_frame(
    probabilities: Array,
    regimes: Sequence[str],
    figures: dict[str, tuple[Array, Array]],
    quantiles: Sequence[float],
) -> pd.DataFrame:
    """Table by row ahead: regimes, then mean (H,) and quantiles (H, Q) of every named pair."""
    index = pd.RangeIndex(1, len(probabilities) + 1, name="horizon")
    table = pd.DataFrame(probabilities, index=index, columns=list(regimes))
    for suffix, (mean, spread) in figures.items():
        table[f"mean{suffix}"] = mean
        for i, q in enumerate(quantiles):
            table[f"{quantile_name(q)}{suffix}"] = spread[:, i]
    return table


def quantile_name(q: float) -> str:
    """Name of a quantile: q05, q50, q97.5."""
    percent = round(100.0 * q, 6)
    return f"q{percent:02.0f}" if percent == round(percent) else f"q{percent:g}"


def check_quantiles(quantiles: Sequence[float]) -> None:
    """Raise `ModelError` unless the quantiles lie between 0 and 1 and differ."""
    inside = all(0.0 < q < 1.0 for q in quantiles)
    if not quantiles or not inside or len({quantile_name(q) for q in quantiles}) < len(quantiles):
        raise ModelError(f"quantiles={quantiles} must lie between 0 and 1 and differ.")
