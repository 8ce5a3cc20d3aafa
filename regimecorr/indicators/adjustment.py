"""Which leg closes a gap of log prices: error correction, component and information shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from regimecorr.errors import DataError
from regimecorr.indicators.cointegration import checked
from regimecorr.indicators.regression import Regression, robust_regression

Array: TypeAlias = npt.NDArray[np.float64]

_ROWS_PER_REGRESSOR = 5


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCorrection:
    """A vector error-correction model of two log prices with a given relation.

    Leg 0 is the asset, leg 1 the benchmark; the gap is ``ln A - slope ln B``.

    Attributes
    ----------
    slope : float
        Of the relation.
    lags : int
        Lagged changes of both legs in the regressions.
    n : int
        Rows of the regressions.
    adjustment, error : ndarray of shape (2,)
        Change of each leg for a gap of one the row before, and robust standard errors. The asset
        closes the gap where its coefficient is negative, the benchmark where its is positive.
    influence : ndarray of shape (n, 2)
        The adjustments are the truth plus the mean of these rows.
    omega : ndarray of shape (2, 2)
        Covariance of the residuals.
    above, above_error, below, below_error : ndarray of shape (2,)
        Adjustments to a gap above and below its mean.
    asymmetry : ndarray of shape (2,)
        P-values by leg of the Wald test that both are alike.
    asymmetry_both : float
        P-value of the test of both legs at once.
    """

    slope: float
    lags: int
    n: int
    adjustment: Array
    error: Array
    influence: Array
    omega: Array
    above: Array
    above_error: Array
    below: Array
    below_error: Array
    asymmetry: Array
    asymmetry_both: float


def error_correction(
    log_prices: npt.ArrayLike, *, slope: float = 1.0, lags: int = 1
) -> ErrorCorrection:
    r"""Estimate which leg adjusts to the gap, and whether alike from above and below.

    Both equations
    :math:`\Delta p_{i,t} = c_i + a_i s_{t-1} + \sum_k \Gamma_{ik} \Delta p_{t-k} + e_{i,t}`
    are estimated by least squares, and again with :math:`a_i^+ s^+_{t-1} + a_i^- s^-_{t-1}` in
    place of :math:`a_i s_{t-1}`, where s is the gap less its mean. Row t uses prices to t - 1. The
    covariance is HC3. Given cointegration and a known slope the Wald tests are chi-squared; an
    estimate of the slope converges so fast that it counts as known. The threshold is the mean of
    the gap, not estimated to fit best; for that one, and for tests of cointegration with
    asymmetric adjustment, the critical values are those of Enders and Siklos.

    Parameters
    ----------
    log_prices : array_like of shape (n_rows, 2)
        Log prices of asset and benchmark.
    slope : float, default 1.0
        Of the relation; 1: the ratio of the prices returns to its mean.
    lags : int, default 1
        Lagged changes of both legs.

    Returns
    -------
    ErrorCorrection

    Raises
    ------
    DataError
        If there are too few rows for the lags, values are not finite, a price is constant, the
        slope is not finite, or the gap does not move.

    References
    ----------
    Engle, R. F. and Granger, C. W. J. (1987). Co-integration and error correction. Econometrica 55,
    251-276. Enders, W. and Siklos, P. L. (2001). Cointegration and threshold adjustment. Journal
    of Business and Economic Statistics 19, 166-176.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.adjustment import error_correction
    >>> rng = np.random.default_rng(0)
    >>> leader = np.cumsum(0.01 * rng.standard_normal(1000))
    >>> follower = leader + 0.01 * rng.standard_normal(1000)
    >>> found = error_correction(np.column_stack([leader, follower]))
    >>> (np.abs(found.adjustment / found.error) > 2).tolist()
    [False, True]
    """
    values = checked(log_prices, 2)
    if lags < 0 or len(values) - 1 - lags < _ROWS_PER_REGRESSOR * (3 + 2 * lags):
        raise DataError(
            f"lags={lags} must be at least 0 and leave {_ROWS_PER_REGRESSOR} rows for each of the "
            f"3 + 2 lags regressors; there are {len(values)} rows."
        )
    gap = values[:, 0] - slope * values[:, 1]
    if not np.isfinite(slope) or np.ptp(gap) <= 1e-9 * np.ptp(values[:, 0]):
        raise DataError(f"With slope={slope} there is no gap that moves between the legs.")
    changes = np.diff(values, axis=0)
    target = changes[lags:]
    n = len(target)
    fixed = [np.ones(n), *(changes[lags - k : len(changes) - k] for k in range(1, lags + 1))]
    s = gap[lags:-1] - gap[lags:-1].mean()
    alike = robust_regression(np.column_stack([s, *fixed]), target)
    sides = robust_regression(
        np.column_stack([np.maximum(s, 0.0), np.minimum(s, 0.0), *fixed]), target
    )
    k = alike.coefficients.shape[0]
    omega = alike.residual.T @ alike.residual / (n - k)
    errors = _errors(sides)
    difference, covariance = _difference(sides)
    joint = float(difference @ np.linalg.solve(covariance, difference))
    return ErrorCorrection(
        slope=float(slope),
        lags=lags,
        n=n,
        adjustment=alike.coefficients[0],
        error=_errors(alike)[0],
        influence=alike.influence[:, [0, k]],
        omega=omega,
        above=sides.coefficients[0],
        above_error=errors[0],
        below=sides.coefficients[1],
        below_error=errors[1],
        asymmetry=np.asarray(chdtrc(1, difference**2 / np.diag(covariance))),
        asymmetry_both=float(chdtrc(2, joint)),
    )


def gonzalo_granger(adjustment: npt.ArrayLike) -> Array:
    """Share (...) of the asset in the common permanent component, ``a_2 / (a_2 - a_1)``.

    The leg that does not adjust is the permanent one. Outside [0, 1] where a leg moves away from
    the other; unstable where neither adjusts.

    Parameters
    ----------
    adjustment : array_like of shape (..., 2)
        Adjustments of asset and benchmark to ``ln A - slope ln B``.

    Returns
    -------
    ndarray of shape (...)
        The benchmark's share is one minus it.

    References
    ----------
    Gonzalo, J. and Granger, C. (1995). Estimation of common long-memory components in cointegrated
    systems. Journal of Business and Economic Statistics 13, 27-35.

    Examples
    --------
    >>> from regimecorr.indicators.adjustment import gonzalo_granger
    >>> float(gonzalo_granger([-0.02, 0.06]).round(6))
    0.75
    """
    a = np.asarray(adjustment, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a[..., 1] / (a[..., 1] - a[..., 0]))


def hasbrouck(adjustment: npt.ArrayLike, omega: npt.ArrayLike) -> tuple[float, float]:
    r"""Bounds of the asset's information share over both orderings.

    :math:`(\psi F)_1^2 / (\psi \Omega \psi')` with :math:`\psi = (a_2, -a_1)`, to which all rows
    of the long-run impact are proportional, and F the Cholesky factor of :math:`\Omega` with the
    asset first or last. The common part of the news of a row goes to the first, so the bounds are
    as wide as the residuals are correlated.

    Parameters
    ----------
    adjustment : array_like of shape (2,)
        Adjustments of asset and benchmark.
    omega : array_like of shape (2, 2)
        Covariance of the residuals.

    Returns
    -------
    lower, upper : float
        The benchmark's are one minus the upper and one minus the lower.

    References
    ----------
    Hasbrouck, J. (1995). One security, many markets: determining the contributions to price
    discovery. Journal of Finance 50, 1175-1199.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.adjustment import hasbrouck
    >>> [round(bound, 6) for bound in hasbrouck([-0.03, 0.06], np.eye(2))]
    [0.8, 0.8]
    """
    a1, a2 = np.asarray(adjustment, dtype=float)
    covariance = np.asarray(omega, dtype=float)
    psi = np.array([a2, -a1])
    total = float(psi @ covariance @ psi)
    if not total > 0.0:
        raise DataError(f"Neither leg adjusts ({a1:g}, {a2:g}), or the residuals do not vary.")
    factor = np.linalg.cholesky(covariance)
    first = float((psi @ factor)[0] ** 2 / total)
    factor = np.linalg.cholesky(covariance[::-1, ::-1])
    last = float((psi[::-1] @ factor)[1] ** 2 / total)
    return min(first, last), max(first, last)


def _errors(fitted: Regression) -> Array:
    """Standard errors (k, 2) of the coefficients of both equations."""
    k = fitted.coefficients.shape[0]
    return np.sqrt(np.diag(fitted.covariance)).reshape(2, k).T


def _difference(sides: Regression) -> tuple[Array, Array]:
    """Adjustments above less below (2,), and their covariance (2, 2)."""
    k = sides.coefficients.shape[0]
    contrast = np.zeros((2, 2 * k))
    for leg in range(2):
        contrast[leg, leg * k : leg * k + 2] = 1.0, -1.0
    difference = sides.coefficients[0] - sides.coefficients[1]
    return difference, contrast @ sides.covariance @ contrast.T
