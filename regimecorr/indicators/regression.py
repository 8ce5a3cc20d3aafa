"""Least squares with errors that hold under changing variance or serial dependence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """One or several regressions on the same regressors.

    Attributes
    ----------
    coefficients : ndarray of shape (k,) or (k, m)
    covariance : ndarray of shape (k, k) or (m k, m k)
        Of the coefficients; of several equations one after the other.
    residual : ndarray of shape (n_rows,) or (n_rows, m)
    influence : ndarray of shape (n_rows, k) or (n_rows, m k)
        The estimates are the truth plus the mean of these rows.
    """

    coefficients: Array
    covariance: Array
    residual: Array
    influence: Array


def robust_regression(design: Array, target: Array, lags: int = 0) -> Regression:
    """Least squares with White's HC3 covariance, or Newey and West's where there are lags.

    Parameters
    ----------
    design : ndarray of shape (n_rows, k)
    target : ndarray of shape (n_rows,) or (n_rows, m)
        One column for every equation.
    lags : int, default 0
        Lags of Newey and West's covariance; 0: HC3.

    Returns
    -------
    Regression

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.regression import robust_regression
    >>> x = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    >>> robust_regression(x, np.array([1.0, 3.0, 5.0, 7.0])).coefficients.round(6).tolist()
    [1.0, 2.0]
    """
    n = len(design)
    orthogonal, triangle = np.linalg.qr(design)
    coefficients = np.linalg.solve(triangle, orthogonal.T @ target)
    residual = target - design @ coefficients
    error = residual.reshape(n, -1)
    if not lags:
        error = error / np.maximum(1.0 - (orthogonal**2).sum(axis=1), 1e-8)[:, None]
    inverse = np.linalg.solve(triangle, orthogonal.T)
    scores = (inverse[None] * error.T[:, None]).reshape(-1, n)
    covariance = scores @ scores.T
    for lag in range(1, lags + 1):
        cross = scores[:, lag:] @ scores[:, :-lag].T
        covariance += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return Regression(coefficients, covariance, residual, n * scores.T)
