"""Rolling beta: how much the asset moves with a move of the benchmark."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from regimecorr.errors import DataError

Array: TypeAlias = npt.NDArray[np.float64]

FEWEST_ROWS = 10
_CHUNK = 1000


class RollingBeta(NamedTuple):
    """Slopes of rolling regressions and their standard errors, (n_rows,) each."""

    beta: Array
    error: Array


def rolling_beta(asset: npt.ArrayLike, benchmark: npt.ArrayLike, window: int) -> RollingBeta:
    r"""Slope of the asset's returns on the benchmark's, with a constant, in rolling windows.

    The error is that of Newey and West (1987) with Bartlett weights and
    :math:`\lfloor 4 (w / 100)^{2/9} \rfloor` lags, so that volatility that changes with the
    benchmark's moves is allowed for; there is no small-sample correction.

    Parameters
    ----------
    asset, benchmark : array_like of shape (n_rows,)
        Returns. If the two close at different hours, part of a common move falls on two rows and
        the daily slope is too small; pass returns of several days then.
    window : int
        Rows, at least 10.

    Returns
    -------
    RollingBeta
        The values at t use rows to t; NaN before the first full window and where the benchmark
        does not move.

    Raises
    ------
    DataError
        If the series differ in length, values are not finite, or the window is too short.

    References
    ----------
    Newey, W. K. and West, K. D. (1987). A simple, positive semi-definite, heteroskedasticity and
    autocorrelation consistent covariance matrix. Econometrica 55, 703-708.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.beta import rolling_beta
    >>> x = np.random.default_rng(0).standard_normal(300)
    >>> rolling_beta(2.0 * x + 1.0, x, 90).beta[-1].round(12)
    np.float64(2.0)
    """
    y, x = np.asarray(asset, dtype=float), np.asarray(benchmark, dtype=float)
    if y.shape != x.shape or x.ndim != 1:
        raise DataError(f"The returns have shapes {y.shape} and {x.shape}; both must be (n_rows,).")
    if not np.isfinite(y).all() or not np.isfinite(x).all():
        raise DataError("The returns must be finite; leave out rows with missing ones.")
    if isinstance(window, bool) or not isinstance(window, (int, np.integer)):
        raise DataError(f"window={window!r} must be a whole number of rows.")
    if window < FEWEST_ROWS:
        raise DataError(f"window={window} must be at least {FEWEST_ROWS} rows.")
    beta, error = np.full(x.size, np.nan), np.full(x.size, np.nan)
    for begin in range(0, x.size - window + 1, _CHUNK):
        stop = min(begin + _CHUNK + window - 1, x.size)
        rows = slice(begin + window - 1, stop)
        beta[rows], error[rows] = _slopes(y[begin:stop], x[begin:stop], int(window))
    return RollingBeta(beta, error)


def _slopes(y: Array, x: Array, window: int) -> tuple[Array, Array]:
    """Slope and error of every full window of (n,) series."""
    v = np.lib.stride_tricks.sliding_window_view(y, window)
    u = np.lib.stride_tricks.sliding_window_view(x, window)
    v, u = v - v.mean(axis=1, keepdims=True), u - u.mean(axis=1, keepdims=True)
    squares = np.einsum("ij,ij->i", u, u)
    # A constant that is no binary fraction leaves rounding behind.
    moving = squares > 1e-28 * window * np.square(x).max()
    squares = np.where(moving, squares, np.nan)
    beta = np.einsum("ij,ij->i", u, v) / squares
    score = u * (v - beta[:, None] * u)
    total = np.einsum("ij,ij->i", score, score)
    lags = int(4.0 * (window / 100.0) ** (2.0 / 9.0))
    for lag in range(1, lags + 1):
        weight = 2.0 * (1.0 - lag / (lags + 1.0))
        total = total + weight * np.einsum("ij,ij->i", score[:, lag:], score[:, :-lag])
    return beta, np.sqrt(np.maximum(total, 0.0)) / squares
