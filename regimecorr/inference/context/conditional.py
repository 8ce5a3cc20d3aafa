"""The correlation of returns by state of the world: bootstrap intervals, and a test by shifts."""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np
import pandas as pd

from regimecorr.errors import DataError
from regimecorr.indicators.lead_lag import influence
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.inference.claims.weights import draws
from regimecorr.inference.stepdown import romano_wolf
from regimecorr.models.base import Array, check_count
from regimecorr.models.margins import GARCH, MarginsResult

#: Fewer rows in a state give no interval and no test.
FEWEST_ROWS = 60
#: Share of bootstrap samples that must have the figure.
_USABLE = 0.95
_STATES = {"high": 1.0, "low": 0.0}


class ConditionalCorrelation(NamedTuple):
    """By state, and the difference of the two states of each series; see the function."""

    by_state: pd.DataFrame
    contrasts: pd.DataFrame


def conditional_correlation(
    returns: pd.DataFrame,
    states: pd.DataFrame,
    *,
    margins: GARCH | MarginsResult | None = None,
    n_boot: int = 500,
    ci_prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> ConditionalCorrelation:
    """Correlation of a pair in the two states of each of several series.

    A correlation can differ between states although the link is the same: where the common factor
    alone is more volatile, the same betas give a higher one (Forbes and Rigobon 2002). So the
    correlation of the standardized residuals of GARCH margins, the legs' volatilities and the beta
    stand beside that of the returns.

    *Intervals.* Rows of returns and states are resampled together in blocks (stationary bootstrap,
    the same rows for all series), as long as the influence of the rows on the correlations asks
    for. They tell how well the average correlation over these very rows is known, not what it will
    be over others in the same state. Returns with fat tails and persistent volatility have
    correlations whose intervals are too short, by any method; those of the residuals hold.

    *Test.* A correlation that drifts slowly differs between the states of any other slow series by
    chance, more often than bootstrap intervals allow for. The difference of the residuals'
    correlations (as Fisher's z) is therefore held against those of the same states shifted in
    time, round the circle, by every possible number of rows: that keeps the dependence of both
    sides and cuts the tie between them. The p-values are adjusted for the number of series by
    Romano and Wolf's stepdown, the shifts being common.

    Parameters
    ----------
    returns : DataFrame of shape (n_rows, 2)
        Log returns of asset and benchmark.
    states : DataFrame of shape (n_rows, n_series)
        1 (high), 0 (low) or NaN (unknown), known *before* the return of the row begins.
    margins : GARCH or MarginsResult, optional
        Margins of the residuals, to be fitted or fitted to these returns; default ``GARCH()``.
    n_boot : int, default 500
        Bootstrap samples, at least 100.
    ci_prob : float, default 0.95
        Mass of the intervals.
    rng : int, Generator or None, default 0
        Seed or generator.

    Returns
    -------
    ConditionalCorrelation
        ``by_state``, indexed by series and state: ``rows``, ``spells`` (runs of the state; where
        they are few, so is what can be learned), ``correlation`` of the returns with its percentile
        interval ``lower``, ``upper`` (NaN with fewer than 60 rows), ``residual_correlation`` with
        ``residual_lower``, ``residual_upper``, ``beta``, and the standard deviations ``asset_sd``,
        ``benchmark_sd`` of the returns.

        ``contrasts``, indexed by series: ``difference`` (high less low) of the returns'
        correlations with its interval ``lower``, ``upper``; ``residual_difference`` with the
        test's ``pvalue`` and ``adjusted`` p-value.

    Raises
    ------
    DataError
        If rows do not fit, or a state is neither 0, 1 nor NaN.
    ModelError
        If ``n_boot`` is too small.

    References
    ----------
    Forbes, K. J. and Rigobon, R. (2002). No contagion, only interdependence. Journal of Finance
    57, 2223-2261. Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. Journal of
    the American Statistical Association 89, 1303-1313.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from regimecorr.inference.context.conditional import conditional_correlation
    >>> rng = np.random.default_rng(0)
    >>> high = np.repeat(rng.integers(0, 2, 40), 25)
    >>> x, e = rng.standard_normal((2, 1000))
    >>> returns = pd.DataFrame({"A": np.where(high, x, 0.0) + e, "B": x})
    >>> found = conditional_correlation(returns, pd.DataFrame({"VIX": high}), n_boot=200)
    >>> bool(found.contrasts.loc["VIX", "pvalue"] < 0.01)
    True
    """
    check_count("n_boot", n_boot, 100)
    check_mass(ci_prob)
    masks = _masks(returns, states)
    enough = masks.sum(axis=0) >= FEWEST_ROWS
    fitted = margins if isinstance(margins, MarginsResult) else (margins or GARCH()).fit(returns)
    x, z = returns.to_numpy(dtype=float), fitted.z
    weights = _weights(x, masks[:, enough], n_boot, np.random.default_rng(rng))
    one = np.ones((1, len(x)))
    observed, residual = _figures(x, masks, one), _figures(z, masks, one).correlation[0]
    r = observed.correlation[0]
    drawn, drawn_z = (
        np.where(enough, _figures(v, masks, weights).correlation, np.nan) for v in (x, z)
    )
    low_z, high_z = _interval(drawn_z, ci_prob)
    low_r, high_r = _interval(drawn, ci_prob)
    by_state = pd.DataFrame(
        {
            "rows": masks.sum(axis=0).astype(int),
            "spells": _spells(masks).astype(int),
            "correlation": r,
            "lower": low_r,
            "upper": high_r,
            "residual_correlation": residual,
            "residual_lower": low_z,
            "residual_upper": high_z,
            "beta": observed.beta[0],
            "asset_sd": observed.sd_x[0],
            "benchmark_sd": observed.sd_y[0],
        },
        index=pd.MultiIndex.from_product([states.columns, _STATES], names=["series", "state"]),
    )
    low_d, high_d = _interval(drawn[:, 0::2] - drawn[:, 1::2], ci_prob)
    pvalue, adjusted = shift_test(z, masks, enough[0::2] & enough[1::2])
    contrasts = pd.DataFrame(
        {
            "difference": r[0::2] - r[1::2],
            "lower": low_d,
            "upper": high_d,
            "residual_difference": residual[0::2] - residual[1::2],
            "pvalue": pvalue,
            "adjusted": adjusted,
        },
        index=pd.Index(states.columns, name="series"),
    )
    return ConditionalCorrelation(by_state, contrasts)


def check_mass(ci_prob: float) -> None:
    """Raise `DataError` unless the mass of the intervals lies between 0 and 1."""
    if not isinstance(ci_prob, numbers.Real) or not 0.0 < ci_prob < 1.0:
        raise DataError(f"ci_prob={ci_prob!r} must lie between 0 and 1, for example 0.95.")


def shift_test(z: Array, masks: Array, testable: Array) -> tuple[Array, Array]:
    """P-values (n_series,) of the differences between states, and those adjusted for their number.

    ``masks`` (n_rows, 2 n_series) are the high and low rows of each series in turn. The p-value is
    the share of all circular shifts of the states, none included, with as large a difference of
    Fisher's z; at least 1 / n_rows. NaN where ``testable`` (n_series,) is false.
    """
    pvalue, adjusted = np.full((2, testable.size), np.nan)
    if testable.any():
        shifted = np.arctanh(_shifted_correlation(z, masks[:, np.repeat(testable, 2)]))
        difference = np.abs(shifted[:, 0::2] - shifted[:, 1::2])
        difference = difference / difference.std(axis=0)
        # Rounding of the transforms must not count a shift by a period of the states as smaller.
        others = np.where(np.isfinite(difference[1:]), difference[1:] + 1e-9, -np.inf)
        pvalue[testable] = (1.0 + np.sum(others >= difference[0], axis=0)) / len(z)
        adjusted[testable] = romano_wolf(difference[0], others)
    return pvalue, adjusted


def _shifted_correlation(z: Array, masks: Array) -> Array:
    """Correlation (n_rows, n_masks) over the rows of each mask after each circular shift."""
    u, v = (z - z.mean(axis=0)).T
    transformed = np.conj(np.fft.rfft(masks, axis=0))
    total = masks.sum(axis=0)
    mean_u, mean_v, uu, vv, uv = (
        np.fft.irfft(transformed * np.fft.rfft(column)[:, None], n=len(u), axis=0) / total
        for column in (u, v, u * u, v * v, u * v)
    )
    spread = (uu - mean_u**2) * (vv - mean_v**2)
    return np.asarray((uv - mean_u * mean_v) / np.sqrt(spread))


class _Figures(NamedTuple):
    correlation: Array
    beta: Array
    sd_x: Array
    sd_y: Array


def _figures(values: Array, masks: Array, weights: Array) -> _Figures:
    """Figures (n_samples, n_masks) of (n_rows, 2) series over the rows of each mask."""
    u, v = (values - values.mean(axis=0)).T
    total = weights @ masks
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_u, mean_v, uu, vv, uv = (
            weights @ (masks * column[:, None]) / total for column in (u, v, u * u, v * v, u * v)
        )
        uu, vv, uv = uu - mean_u**2, vv - mean_v**2, uv - mean_u * mean_v
        moving = (total > 2.0) & (uu > 0.0) & (vv > 0.0)
        unbiased = np.where(total > 1.0, total / (total - 1.0), np.nan)
        return _Figures(
            np.where(moving, uv / np.sqrt(uu * vv), np.nan),
            np.where(moving, uv / vv, np.nan),
            np.sqrt(np.maximum(uu, 0.0) * unbiased),
            np.sqrt(np.maximum(vv, 0.0) * unbiased),
        )


def _masks(returns: pd.DataFrame, states: pd.DataFrame) -> Array:
    """High and low rows of each series in turn, (n_rows, 2 n_series)."""
    if len(returns) != len(states):
        raise DataError(f"There are {len(returns)} returns and {len(states)} rows of states.")
    known = states.to_numpy(dtype=float)
    if not np.isin(known[~np.isnan(known)], list(_STATES.values())).all():
        raise DataError("States must be 1 (high), 0 (low) or NaN (unknown).")
    masks = np.stack([(known == value).astype(float) for value in _STATES.values()], axis=-1)
    return masks.reshape(len(known), -1)


def _weights(x: Array, masks: Array, n_boot: int, rng: np.random.Generator) -> Array:
    """How often each row is in each bootstrap sample (n_boot, n_rows)."""
    n = len(x)
    lengths = [block_length(influence(*x.T)[1])]
    for mask in masks.T.astype(bool):
        moved = np.zeros(n)
        moved[mask] = influence(*x[mask].T)[1]
        lengths.append(block_length(moved))
    # Short blocks miss slow changes; the longest estimate of many is noise.
    block = float(np.quantile(lengths, 0.8))
    return draws(np.stack([resampled_rows(n, block, s) for s in rng.spawn(n_boot)]), n)


def _spells(masks: Array) -> Array:
    """Runs of each mask (n_rows, n_masks)."""
    before = np.vstack([np.zeros(masks.shape[1]), masks[:-1]])
    return np.asarray(np.sum((masks == 1.0) & (before == 0.0), axis=0), dtype=float)


def _interval(drawn: Array, ci_prob: float) -> Array:
    """Percentile bounds (2, k) of each column (n_boot, k); NaN where too few samples have one."""
    tail = 0.5 * (1.0 - ci_prob)
    usable = np.isfinite(drawn).mean(axis=0) >= _USABLE
    bounds = np.full((2, drawn.shape[1]), np.nan)
    if usable.any():
        bounds[:, usable] = np.nanquantile(drawn[:, usable], [tail, 1.0 - tail], axis=0)
    return bounds
