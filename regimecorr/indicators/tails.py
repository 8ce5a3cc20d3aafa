"""How two assets fall together: downside beta and exceedance correlation.

All functions read the last axis, so that samples can be stacked before it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from regimecorr.errors import DataError

Array: TypeAlias = npt.NDArray[np.float64]


def downside_beta(
    asset: npt.ArrayLike,
    benchmark: npt.ArrayLike,
    threshold: npt.ArrayLike,
    *,
    centred: bool = False,
) -> Array:
    r"""Beta over the rows on which the benchmark returns less than a threshold.

    Parameters
    ----------
    asset, benchmark : array_like of shape (..., n_rows)
        Returns.
    threshold : array_like of shape (...)
        Rows with a benchmark return strictly below it count.
    centred : bool, default False
        False: :math:`\sum a_t b_t / \sum b_t^2`, the fall of the asset per unit of the benchmark's
        fall (the co-lower partial moment of Bawa and Lindenberg, read about zero). True: the slope
        of the regression with a constant (Ang, Chen and Xing), which does not see a fall that is
        the same on all those days.

    Returns
    -------
    ndarray of shape (...)
        NaN with fewer than three such rows.

    Raises
    ------
    DataError
        If the shapes differ.

    References
    ----------
    Bawa, V. S. and Lindenberg, E. B. (1977). Capital market equilibrium in a mean-lower partial
    moment framework. Journal of Financial Economics 5, 189-200. Ang, A., Chen, J. and Xing, Y.
    (2006). Downside risk. Review of Financial Studies 19, 1191-1239.

    Examples
    --------
    >>> from regimecorr.indicators.tails import downside_beta
    >>> asset, benchmark = [1.0, -3.0, -5.0, -6.0], [2.0, -1.0, -2.0, -3.0]
    >>> float(downside_beta(asset, benchmark, 0.0).round(3))
    2.214
    """
    a, b = _pair(asset, benchmark)
    down = b < np.asarray(threshold, dtype=float)[..., None]
    count = down.sum(axis=-1)
    if centred:
        a, b = a - _mean(a, down)[..., None], b - _mean(b, down)[..., None]
    squares = np.where(down, b * b, 0.0).sum(axis=-1)
    products = np.where(down, a * b, 0.0).sum(axis=-1)
    return _ratio(products, squares, count)


def exceedance_correlation(
    asset: npt.ArrayLike,
    benchmark: npt.ArrayLike,
    asset_threshold: npt.ArrayLike,
    benchmark_threshold: npt.ArrayLike,
) -> Array:
    """Correlation over the rows on which both returns lie below their thresholds.

    For normal returns it falls towards zero as the thresholds do, so a figure in the tail must be
    held against another one with the same thresholds, not against the plain correlation.

    Parameters
    ----------
    asset, benchmark : array_like of shape (..., n_rows)
        Returns.
    asset_threshold, benchmark_threshold : array_like of shape (...)
        Quantiles or other levels.

    Returns
    -------
    ndarray of shape (...)
        NaN with fewer than three such rows.

    References
    ----------
    Longin, F. and Solnik, B. (2001). Extreme correlation of international equity markets. Journal
    of Finance 56, 649-676. Ang, A. and Chen, J. (2002). Asymmetric correlations of equity
    portfolios. Journal of Financial Economics 63, 443-494.

    Examples
    --------
    >>> from regimecorr.indicators.tails import exceedance_correlation
    >>> exceedance_correlation([-1.0, -2.0, -3.0, 4.0], [-2.0, -4.0, -6.0, 1.0], 0.0, 0.0).round(6)
    np.float64(1.0)
    """
    a, b = _pair(asset, benchmark)
    both = (a < np.asarray(asset_threshold, dtype=float)[..., None]) & (
        b < np.asarray(benchmark_threshold, dtype=float)[..., None]
    )
    u, v = a - _mean(a, both)[..., None], b - _mean(b, both)[..., None]
    products, first, second = (
        np.where(both, value, 0.0).sum(axis=-1) for value in (u * v, u * u, v * v)
    )
    return _ratio(products, np.sqrt(first * second), both.sum(axis=-1))


def _mean(values: Array, rows: npt.NDArray[np.bool_]) -> Array:
    total = np.where(rows, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(rows.sum(axis=-1), 1))


def _ratio(top: Array, bottom: Array, count: Array) -> Array:
    enough = (count >= 3) & (bottom > 0.0)
    return np.where(enough, top / np.where(enough, bottom, 1.0), np.nan)[()]


def _pair(asset: npt.ArrayLike, benchmark: npt.ArrayLike) -> tuple[Array, Array]:
    a, b = np.asarray(asset, dtype=float), np.asarray(benchmark, dtype=float)
    if a.shape != b.shape or a.ndim < 1:
        raise DataError(f"The returns have shapes {a.shape} and {b.shape}; they must be the same.")
    return a, b
