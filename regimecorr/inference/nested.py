"""Does a signal improve a forecast: expanding regressions, and Clark and West's comparison."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regimecorr.errors import ModelError
from regimecorr.models.base import Array


def expanding_coefficients(
    design: npt.ArrayLike, outcome: npt.ArrayLike, horizon: int, first: int
) -> Array:
    """Coefficients of an expanding least-squares regression, with outcomes that lie ahead.

    Those at row t use the pairs of rows s whose outcome was known at t, s + horizon <= t, so that
    ``(design * coefficients).sum(axis=1)`` are forecasts.

    Parameters
    ----------
    design : array_like of shape (n_rows, k)
        Known at the end of each row. Rows with NaN are not used.
    outcome : array_like of shape (n_rows,)
        What follows over the next ``horizon`` rows; NaN where it is not known.
    horizon : int
        Rows until an outcome is known, at least 1.
    first : int
        Fewest pairs before the first estimate, above k.

    Returns
    -------
    ndarray of shape (n_rows, k)
        NaN before the first estimate, and where the pairs so far do not identify it.

    Raises
    ------
    ModelError
        If shapes, horizon or first do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.nested import expanding_coefficients
    >>> outcome = [1.0, 3.0, 5.0, 7.0, 9.0]
    >>> expanding_coefficients(np.ones((5, 1)), outcome, horizon=1, first=2)[:, 0].tolist()
    [nan, nan, 2.0, 3.0, 4.0]
    """
    x, y = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ModelError(f"design {x.shape} and outcome {y.shape} do not fit; pass (n, k), (n,).")
    n, k = x.shape
    if horizon < 1 or first <= k:
        raise ModelError(f"horizon={horizon} must be at least 1 and first={first} above {k}.")
    known = np.isfinite(x).all(axis=1) & np.isfinite(y)
    scale = np.sqrt((x[known] ** 2).mean(axis=0)) if known.any() else np.ones(k)
    z = np.where(known[:, None], x, 0.0) / np.where(scale > 0.0, scale, 1.0)
    squares = np.cumsum(z[:, :, None] * z[:, None, :], axis=0)
    products = np.cumsum(z * np.where(known, y, 0.0)[:, None], axis=0)
    past = np.arange(n) - horizon
    seen = np.where(past >= 0, np.cumsum(known)[np.maximum(past, 0)], 0)
    ready = seen >= first
    ready[ready] = np.linalg.cond(squares[past[ready]]) < 1e12
    out = np.full((n, k), np.nan)
    if ready.any():
        out[ready] = np.linalg.solve(squares[past[ready]], products[past[ready]][..., None])[..., 0]
    return out / np.where(scale > 0.0, scale, np.nan)


def clark_west(outcome: Array, without: Array, with_signal: Array) -> Array:
    r"""Gain of the larger of two nested models at every row (n_rows,); NaN without a forecast.

    :math:`e_0^2 - (e_1^2 - (f_0 - f_1)^2)`: the squared errors' difference, without the noise
    that estimating coefficients of no use adds to the larger model. Its mean is zero if the signal
    does not help.

    References
    ----------
    Clark, T. E. and West, K. D. (2007). Approximately normal tests for equal predictive accuracy
    in nested models. Journal of Econometrics 138, 291-311.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.nested import clark_west
    >>> clark_west(np.array([1.0]), np.array([0.0]), np.array([0.5]))
    array([1.])
    """
    return np.asarray(
        (outcome - without) ** 2 - (outcome - with_signal) ** 2 + (without - with_signal) ** 2
    )
