"""Figures as functions of row weights: one for the sample, one for each bootstrap sample.

A bootstrap sample counts how often each row was drawn. Every row carries its own date, state and
neighbours with it, so a figure over some of the rows (after a date, in a state) is the same
weighted sum in the sample (all weights one) and in all bootstrap samples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data.dates import parse_day
from regimecorr.inference.blocks import resampled_rows
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.judgement import LEVEL
from regimecorr.models.base import Array, IntArray

#: Weights (n_samples, n_rows) to figures (n_samples,).
Figure: TypeAlias = Callable[[Array], Array]


def draws(rows: IntArray, n_rows: int) -> Array:
    """How often each row is in each bootstrap sample (n_boot, n_rows)."""
    shifted = rows + n_rows * np.arange(len(rows))[:, None]
    counted = np.bincount(shifted.ravel(), minlength=n_rows * len(rows))
    return counted.reshape(len(rows), n_rows).astype(float)


def bootstrap(figure: Figure, weights: Array) -> tuple[float, Array]:
    """Figure of the sample, and its values (n_boot,) in the bootstrap samples."""
    return float(figure(np.ones((1, weights.shape[1])))[0]), figure(weights)


def longer_blocks(sample: ClaimSample, least: float, block: float) -> IntArray:
    """Bootstrap rows (n_boot, n_rows) with mean block ``max(least, block)``.

    They come from the random numbers of ``sample.rows``: a longer block begins where a shorter one
    began, so samples of one row belong together across claims.
    """
    n = len(sample.returns)
    mean = float(np.clip(max(least, block), 1.0, n / 3.0))
    streams = sample.generator("rows").spawn(sample.n_boot)
    return np.stack([resampled_rows(n, mean, stream) for stream in streams])


def correlation(x: Array, y: Array, weights: Array) -> Array:
    """Weighted correlation (n_samples,) of series (n_rows,); NaN without spread."""
    covariance = covariances(np.column_stack([x, y]), weights)
    return correlation_of(covariance, 0, 1)


def covariances(columns: Array, weights: Array) -> Array:
    """Weighted covariance matrices (n_samples, k, k) of columns (n_rows, k)."""
    n, k = columns.shape
    centred = columns - columns.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, k * k)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights @ centred) / total[:, None]
        second = (weights @ products).reshape(-1, k, k) / total[:, None, None]
    return np.asarray(second - mean[:, :, None] * mean[:, None, :])


def correlation_of(covariance: Array, i: int, j: int) -> Array:
    """Correlations (n_samples,) from covariance matrices (n_samples, k, k)."""
    spread = covariance[:, i, i] * covariance[:, j, j]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0.0, covariance[:, i, j] / np.sqrt(spread), np.nan))


def partial_correlation_of(covariance: Array, i: int, j: int, given: int) -> Array:
    """Partial correlations (n_samples,) of i and j given another variable."""
    r, a, b = (correlation_of(covariance, *pair) for pair in ((i, j), (i, given), (j, given)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((r - a * b) / np.sqrt((1.0 - a**2) * (1.0 - b**2)))


def least_squares(design: Array, target: Array, weights: Array) -> Array:
    """Weighted least squares (n_samples, k); NaN where the weighted design is singular."""
    n, k = design.shape
    scale = np.sqrt((design**2).mean(axis=0))
    scaled = design / np.where(scale > 0.0, scale, 1.0)
    squares = (scaled[:, :, None] * scaled[:, None, :]).reshape(n, k * k)
    left = (weights @ squares).reshape(-1, k, k)
    right = weights @ (scaled * target[:, None])
    usable = np.linalg.cond(left) < 1e12
    out = np.full((len(weights), k), np.nan)
    if usable.any():
        out[usable] = np.linalg.solve(left[usable], right[usable][..., None])[..., 0]
    return out / np.where(scale > 0.0, scale, np.nan)


def mean_of(values: Array, weights: Array) -> Array:
    """Weighted mean (n_samples,); NaN without weight."""
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0.0, (weights @ values) / total, np.nan))


def interval(replicates: Array) -> tuple[float, float]:
    """95 % percentile interval; NaN without replicates."""
    known = replicates[np.isfinite(replicates)]
    if known.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def in_words(estimate: float, replicates: Array, digits: int = 2) -> str:
    """Write an estimate with its interval: "0.42 [0.31, 0.53]"."""
    low, high = interval(replicates)
    return f"{estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def shift_power(evidence: Evidence, effect: float, level: float = LEVEL) -> float:
    """Chance to reject at the level if the figure lay ``effect`` standard errors beyond the null.

    The null distribution, moved by the effect, against its own quantile.
    """
    if evidence.replicates.size == 0 or not np.isfinite(effect):
        return float("nan")
    critical = np.quantile(evidence.replicates, 1.0 - level)
    return float(np.mean(evidence.replicates + effect > critical))


def standard_error(evidence: Evidence, null: float = 0.0) -> float:
    """Bootstrap standard error behind a studentised statistic."""
    return abs((evidence.estimate - null) / evidence.statistic) if evidence.statistic else np.nan


def weakest(parts: Sequence[Evidence], names: Sequence[str]) -> Evidence:
    """Evidence of a claim that says several things at once: that of the part with the least.

    Every part must be shown, so the largest p-value is that of the whole (intersection-union).
    One refuted part refutes the whole.
    """
    refuted = [i for i, part in enumerate(parts) if part.contradicted]
    unknown = [i for i, part in enumerate(parts) if part.uninformative]
    least = int(np.argmin([part.statistic for part in parts]))
    told = (refuted or unknown or [least])[0]
    test = f"{parts[told].test} (the weakest part of the claim: {names[told]})"
    return replace(parts[told], test=test)


def known_since(dates: pd.DatetimeIndex, since: str) -> np.ndarray:
    """Whether each row lies on or after a date."""
    return np.asarray(dates >= parse_day(since, label="since"))


def later_returns(sample: ClaimSample) -> pd.DataFrame:
    """Log returns of the pair after the date of the trial."""
    returns = sample.whole.returns
    return returns.loc[returns.index > sample.dates[-1]]


def returns_with_others(sample: ClaimSample, *, later: bool = False) -> pd.DataFrame:
    """Log returns of asset, benchmark, peer and market (those given) on the pair's days.

    NaN where a peer or market has no price; with the rows after the date of the trial if ``later``.
    """
    prices = (sample.whole if later else sample.pair).prices
    prices = prices.assign(
        **{name: sample.column(name, later=later) for name in (sample.peer, sample.market) if name}
    )
    logs = np.log(prices.where(prices > 0.0).to_numpy())
    return pd.DataFrame(np.diff(logs, axis=0), prices.index[1:], prices.columns)


def overlapping(returns: Array, rows: int) -> Array:
    """Sums of the last ``rows`` returns (n_rows, k); NaN before there are so many."""
    total = np.cumsum(returns, axis=0)
    out = np.full_like(returns, np.nan)
    out[rows - 1 :] = total[rows - 1 :]
    out[rows:] -= total[:-rows]
    return out
