"""Who moves first: cross-correlations with bootstrap bands, Granger tests with robust errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from regimecorr.errors import DataError
from regimecorr.indicators.regression import robust_regression

Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_FEWEST_ROWS = 50


@dataclass(frozen=True, slots=True, eq=False)
class CrossCorrelation:
    """Cross-correlations of two series and their scatter in bootstrap samples.

    Attributes
    ----------
    lags : ndarray of shape (n_lags,)
        ``k``: the first series leads the second by ``k`` rows where it is positive.
    correlation : ndarray of shape (n_lags,)
        Of ``x[t - k]`` with ``y[t]``.
    error : ndarray of shape (n_lags,)
        Bootstrap standard errors.
    null_error : ndarray of shape (n_lags,)
        The same where there is no link: from the squares of the products alone.
    deviations : ndarray of shape (n_boot, n_lags)
        Bootstrap correlations minus the sample's, over the error.
    """

    lags: IntArray
    correlation: Array
    error: Array
    null_error: Array
    deviations: Array

    @property
    def statistic(self) -> Array:
        """Correlation over its error (n_lags,)."""
        return self.correlation / self.error

    def pointwise(self, level: float = 0.95) -> Array:
        """Half width (n_lags,) of the band that holds each lag by itself where it has no link."""
        size = np.abs(self.deviations)
        return np.asarray(np.quantile(size, level, axis=0, method="weibull") * self.null_error)

    def band(self, level: float = 0.95) -> Array:
        """Half width (n_lags,) of the band that holds all lags at once where none has a link."""
        widest = np.abs(self.deviations).max(axis=1)
        return np.asarray(np.quantile(widest, level, method="weibull") * self.null_error)


@dataclass(frozen=True, slots=True)
class GrangerTest:
    """Wald test that lags of one series do not help to predict another.

    Attributes
    ----------
    statistic : float
        Chi-squared under the null.
    df : int
        Coefficients tested.
    pvalue : float
    total : float
        Sum of the coefficients tested: effect of a lasting unit move of the cause.
    """

    statistic: float
    df: int
    pvalue: float
    total: float


def influence(x: Array, y: Array) -> tuple[Array, Array]:
    r"""Correlation of series, and its influence function.

    The influence of row t is :math:`u_t v_t - r (u_t^2 + v_t^2) / 2`, with u and v the standardised
    series: how the correlation moves with the weight of the row.

    Parameters
    ----------
    x, y : ndarray of shape (..., n_rows)
        The last axis is read, so that samples can be stacked before it.

    Returns
    -------
    r : ndarray of shape (...)
        NaN where a series is constant.
    influence : ndarray of shape (..., n_rows)

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.lead_lag import influence
    >>> r, moved = influence(np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, -1.0, -1.0, 1.0]))
    >>> float(r), moved.tolist()
    (0.0, [1.0, 1.0, -1.0, -1.0])
    """
    u, v = _standardised(x), _standardised(y)
    product = u * v
    r = product.mean(axis=-1)
    return r, product - 0.5 * r[..., None] * (u * u + v * v)


def resampled_means(values: Array, rows: IntArray) -> Array:
    """Means (n_boot, k) of the rows of ``values`` (n_rows, k) over bootstrap rows (n_boot, n).

    Of influences: how far the estimates lie from the sample's, to first order.
    """
    drawn = np.stack([np.bincount(row, minlength=len(values)) for row in rows]).astype(float)
    return np.asarray(drawn @ values / len(values))


def cross_correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, lags: npt.ArrayLike, rows: IntArray
) -> CrossCorrelation:
    r"""Cross-correlations at given lags with block-bootstrap errors and joint bands.

    The correlation at lag k is that of the pairs (x[t - k], y[t]). In a bootstrap sample it moves
    by the mean of its influence :math:`u v - r (u^2 + v^2) / 2` (u, v standardised) over the
    resampled pairs, so heavy tails, changing variances and, with blocks, serial dependence enter
    its error.

    The bands ask whether there is a link, so theirs is the error without one, as in the robust
    statistic of Dalla, Giraitis and Phillips (2022): the squares of the products u v stand in for
    those of the influences. A few large products that make a correlation large count in full in
    that error; the influences subtract a part of them, and bands made of these are left too often.

    Parameters
    ----------
    x, y : array_like of shape (n_rows,)
        Returns, best divided by their conditional volatility.
    lags : array_like of int
        Positive where x leads.
    rows : ndarray of shape (n_boot, n_rows)
        Bootstrap rows; pairs are resampled by the row of y.

    Returns
    -------
    CrossCorrelation

    Raises
    ------
    DataError
        If the series differ in length or are short, or a lag leaves fewer than 50 pairs.

    References
    ----------
    Dalla, V., Giraitis, L. and Phillips, P. C. B. (2022). Robust tests for white noise and
    cross-correlation. Econometric Theory 38, 913-941.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.lead_lag import cross_correlation
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(500)
    >>> y = 0.5 * np.roll(x, 3) + rng.standard_normal(500)
    >>> found = cross_correlation(x, y, [-3, 3], rng.integers(0, 500, (200, 500)))
    >>> (np.abs(found.correlation) > found.band()).tolist()
    [False, True]
    """
    first, second = _pair(x, y)
    n = first.size
    steps = np.asarray(lags, dtype=np.int64)
    if n - np.abs(steps).max(initial=0) < _FEWEST_ROWS:
        raise DataError(
            f"{n} rows leave fewer than {_FEWEST_ROWS} pairs at lags to "
            f"{np.abs(steps).max()}; use smaller lags or a longer sample."
        )
    correlation = np.empty(steps.size)
    moved, null = np.zeros((n, steps.size)), np.empty(steps.size)
    for column, k in enumerate(steps):
        earlier, here = _shifted(n, int(k))
        u, v = _standardised(first[earlier]), _standardised(second[here])
        correlation[column], moved[here, column] = influence(u, v)
        null[column] = np.sqrt(np.sum((u * v) ** 2))
    moves = resampled_means(moved, rows) * (n / (n - np.abs(steps)))
    error = moves.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        null_error = error * null / np.sqrt(np.sum(moved**2, axis=0))
    return CrossCorrelation(steps, correlation, error, null_error, moves / error)


def granger(
    cause: npt.ArrayLike,
    effect: npt.ArrayLike,
    lags: int,
    *,
    skip: int = 0,
    gap: npt.ArrayLike | None = None,
) -> GrangerTest:
    """Granger test in one equation of a vector autoregression, or of an error-correction model.

    The effect is regressed on a constant, its own past and that of the cause, ``lags`` rows of
    each, and, if there is one, on the gap of the levels before them; the coefficients of the cause
    are tested with the heteroskedasticity-robust covariance HC3.

    With closes some hours apart the market that closes first takes in the other's news on the day
    after: returns are a moving average of order one, and every lag of an autoregression shows a
    lead that is none, not the first one only. ``skip=1`` leaves the row before out for both
    series; what remains is uncorrelated with the effect in that case, and Newey and West's
    covariance takes care of the moving average in the errors.

    Parameters
    ----------
    cause, effect : array_like of shape (n_rows,)
        Returns.
    lags : int
        Rows of the past, at least 1.
    skip : int, default 0
        Rows left out between the effect and the past that it is regressed on; the lags are
        skip + 1 to skip + ``lags``.
    gap : array_like of shape (n_rows,) or None
        Log-price gap at the end of every row, the error-correction term; None: no such term.

    Returns
    -------
    GrangerTest

    Raises
    ------
    DataError
        If lengths differ, lags or skip are out of range, or the rows are too few for the lags.

    References
    ----------
    Granger, C. W. J. (1969). Investigating causal relations by econometric models and
    cross-spectral methods. Econometrica 37, 424-438. MacKinnon, J. G. and White, H. (1985). Some
    heteroskedasticity-consistent covariance matrix estimators with improved finite sample
    properties. Journal of Econometrics 29, 305-325. Newey, W. K. and West, K. D. (1987). A simple,
    positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix.
    Econometrica 55, 703-708.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.lead_lag import granger
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(500)
    >>> y = 0.3 * np.roll(x, 2) + rng.standard_normal(500)
    >>> granger(x, y, 3).pvalue < 0.001, granger(y, x, 3).pvalue > 0.05
    (True, True)
    """
    first, second = _pair(cause, effect)
    if lags < 1 or skip < 0:
        raise DataError(f"lags={lags} must be at least 1 and skip={skip} at least 0.")
    n, last, size = first.size, lags + skip, 1 + 2 * lags + (gap is not None)
    if n - last < size + _FEWEST_ROWS:
        raise DataError(f"{n} rows are too few for {lags} lags; use fewer or a longer sample.")
    steps = range(skip + 1, last + 1)
    columns = [series[last - k : n - k] for series in (second, first) for k in steps]
    if gap is not None:
        columns.insert(0, np.asarray(gap, dtype=float)[last - skip - 1 : n - skip - 1])
    design = np.column_stack([np.ones(n - last), *columns])
    fitted = robust_regression(design, second[last:], last if skip else 0)
    b, v = fitted.coefficients[-lags:], fitted.covariance[-lags:, -lags:]
    statistic = float(b @ np.linalg.solve(v, b))
    return GrangerTest(statistic, b.size, float(chdtrc(b.size, statistic)), float(b.sum()))


def _standardised(x: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.einsum("...i,...i->...", centred, centred) / x.shape[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(centred / scale[..., None])


def _shifted(n: int, k: int) -> tuple[slice, slice]:
    return (slice(0, n - k), slice(k, n)) if k >= 0 else (slice(-k, n), slice(0, n + k))


def _pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    first, second = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(f"The series have shapes {first.shape} and {second.shape}; pass (n,) each.")
    for values in (first, second):
        if not np.isfinite(values).all() or np.ptp(values) == 0.0:
            raise DataError("A series is constant, or not finite everywhere; drop such rows first.")
    return first, second
