"""Does a pair of prices return to each other: tests of cointegration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from regimecorr.errors import DataError

Array: TypeAlias = npt.NDArray[np.float64]

FEWEST_ROWS = 60


@dataclass(frozen=True, slots=True)
class UnitRootTest:
    """A test of the null hypothesis that nothing pulls a series back.

    Attributes
    ----------
    statistic : float
        Dickey and Fuller's t; small values speak against the null hypothesis.
    pvalue : float
        By MacKinnon's response surface.
    critical_value : float
        At 5 %, for this many rows (MacKinnon 2010).
    lags : int
        Lagged changes in the regression, chosen by AIC.
    beta : float
        Slope of the asset's log price on the benchmark's; 1 where it was not estimated.
    """

    statistic: float
    pvalue: float
    critical_value: float
    lags: int
    beta: float


@dataclass(frozen=True, slots=True)
class TraceTest:
    """Johansen's trace test of two series.

    Attributes
    ----------
    statistics, critical_values : tuple of float
        For at most 0 and at most 1 cointegrating relations, at 5 %.
    rank : int
        Number of relations that the sequence of tests finds: 0 (none), 1, or 2 (no unit root).
    slope : float
        Of the estimated relation, ``asset - slope * benchmark`` in logs: the combination that
        returns to its mean the most, whether or not the tests believe in it.
    """

    statistics: tuple[float, float]
    critical_values: tuple[float, float]
    rank: int
    slope: float


class _Regression(NamedTuple):
    statistic: float
    lags: int


def engle_granger(log_prices: Array) -> UnitRootTest:
    """Test a pair for cointegration with an estimated slope (Engle and Granger 1987).

    The residuals of the asset's log price on a constant and the benchmark's are tested for a unit
    root; MacKinnon's critical values allow for the estimated slope.

    Parameters
    ----------
    log_prices : ndarray of shape (n_rows, 2)
        Log prices of asset and benchmark.

    Returns
    -------
    UnitRootTest

    Raises
    ------
    DataError
        If there are fewer than 60 rows, values are not finite, a price is constant, or the legs
        are one series up to scale.

    References
    ----------
    MacKinnon, J. G. (2010). Critical values for cointegration tests. Queen's University, working
    paper 1227.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.cointegration import engle_granger
    >>> rng = np.random.default_rng(0)
    >>> walk = np.cumsum(0.01 * rng.standard_normal(800))
    >>> tied = np.column_stack([walk + 0.02 * rng.standard_normal(800), walk])
    >>> engle_granger(tied).pvalue < 0.01
    True
    """
    values = checked(log_prices, 2)
    x = np.column_stack([np.ones(len(values)), values[:, 1]])
    coefficients, *_ = np.linalg.lstsq(x, values[:, 0], rcond=None)
    residual = values[:, 0] - x @ coefficients
    if np.ptp(residual) <= 1e-9 * np.ptp(values[:, 0]):
        raise DataError("The legs are one series up to scale; there is no gap between them.")
    # The constant is in the first step, so the second has none.
    return _judged(_dickey_fuller(residual, constant=False), 2, len(values), coefficients[1])


def gap_unit_root(gap: Array) -> UnitRootTest:
    """Test whether a given gap has a unit root (augmented Dickey-Fuller, with a constant).

    For the log-price gap, whose slope of one is not estimated.

    Parameters
    ----------
    gap : ndarray of shape (n_rows,)
        For example the asset's log price less the benchmark's.

    Returns
    -------
    UnitRootTest

    Raises
    ------
    DataError
        If there are fewer than 60 rows, values are not finite, or the gap is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.cointegration import gap_unit_root
    >>> walk = np.cumsum(np.random.default_rng(1).standard_normal(500))
    >>> gap_unit_root(walk).pvalue > 0.05
    True
    """
    values = checked(gap, 1)
    return _judged(_dickey_fuller(values, constant=True), 1, len(values), 1.0)


def johansen(log_prices: Array, lags: int = 1) -> TraceTest:
    """Johansen's (1991) trace test of a pair, with a constant.

    Parameters
    ----------
    log_prices : ndarray of shape (n_rows, 2)
        Log prices of asset and benchmark.
    lags : int, default 1
        Lagged changes in the vector error correction model.

    Returns
    -------
    TraceTest

    Raises
    ------
    DataError
        If there are fewer than 60 rows, values are not finite, a price is constant, or ``lags``
        does not fit.

    References
    ----------
    Johansen, S. (1991). Estimation and hypothesis testing of cointegration vectors in Gaussian
    vector autoregressive models. Econometrica 59, 1551-1580.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.cointegration import johansen
    >>> rng = np.random.default_rng(0)
    >>> walk = np.cumsum(0.01 * rng.standard_normal(800))
    >>> johansen(np.column_stack([walk + 0.02 * rng.standard_normal(800), walk])).rank
    1
    """
    from statsmodels.tsa.coint_tables import c_sjt

    values = checked(log_prices, 2)
    if not 0 <= lags <= len(values) // 10:
        raise DataError(f"lags={lags} must be 0 to {len(values) // 10} with {len(values)} rows.")
    eigenvalues, relation, n = _canonical_correlations(values, lags)
    terms = -n * np.log1p(-eigenvalues)
    statistics = (float(terms.sum()), float(terms[1]))
    critical = (float(c_sjt(2, 0)[1]), float(c_sjt(1, 0)[1]))
    # The tests are made in order; the first that does not reject gives the rank.
    rank = 0
    while rank < 2 and statistics[rank] > critical[rank]:
        rank += 1
    return TraceTest(statistics, critical, rank, float(-relation[1] / relation[0]))


def _canonical_correlations(values: Array, lags: int) -> tuple[Array, Array, int]:
    """Squared canonical correlations (2,) of changes and levels, largest first.

    And the combination (2,) of the levels that belongs to the first, and the number of rows.

    A constant and the lagged changes are partialled out of both.
    """
    changes = np.diff(values, axis=0)
    n = len(changes) - lags
    short = [changes[lags - k : len(changes) - k] for k in range(1, lags + 1)]
    q, _ = np.linalg.qr(np.column_stack([np.ones(n), *short]))
    now, before = (x - q @ (q.T @ x) for x in (changes[lags:], values[lags:-1]))
    # Orthonormal bases of both; their cross product has the correlations as singular values.
    (first, _), (second, triangle) = np.linalg.qr(now), np.linalg.qr(before)
    _, correlations, right = np.linalg.svd(first.T @ second)
    return correlations**2, np.linalg.solve(triangle, right[0]), n


def _judged(regression: _Regression, n_series: int, n: int, beta: float) -> UnitRootTest:
    from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp

    return UnitRootTest(
        regression.statistic,
        float(mackinnonp(regression.statistic, regression="c", N=n_series)),
        float(mackinnoncrit(N=n_series, regression="c", nobs=n - 1)[1]),
        regression.lags,
        float(beta),
    )


def _dickey_fuller(values: Array, constant: bool) -> _Regression:
    """Augmented Dickey-Fuller t, lags by AIC among those of Schwert's rule on common rows."""
    n = values.size
    most = min(int(np.ceil(12.0 * (n / 100.0) ** 0.25)), n // 2 - 3)
    y, x = _design(values, most, constant)
    fixed = x.shape[1] - most
    # One factorisation serves all nested regressions.
    q, _ = np.linalg.qr(x)
    explained = np.cumsum((q.T @ y) ** 2)
    sizes = np.arange(fixed, x.shape[1] + 1)
    residual = y @ y - explained[sizes - 1]
    aic = y.size * np.log(residual) + 2.0 * sizes
    lags = int(np.argmin(aic))
    y, x = _design(values, lags, constant)
    q, r = np.linalg.qr(x)
    coefficients = solve_triangular(r, q.T @ y)
    error = y - x @ coefficients
    inverse = solve_triangular(r, np.eye(r.shape[0]))
    scale = error @ error / (y.size - x.shape[1])
    return _Regression(float(coefficients[0] / np.sqrt(scale * (inverse[0] @ inverse[0]))), lags)


def _design(values: Array, lags: int, constant: bool) -> tuple[Array, Array]:
    """Changes, and their regressors: the level before, a constant, lagged changes."""
    changes = np.diff(values)
    columns = [values[lags:-1]]
    if constant:
        columns.append(np.ones(changes.size - lags))
    columns += [changes[lags - k : changes.size - k] for k in range(1, lags + 1)]
    return changes[lags:], np.column_stack(columns)


def checked(values: npt.ArrayLike, ndim: int) -> Array:
    """Return (n,) or (n, 2) values as floats, or say what is wrong with them."""
    out = np.asarray(values, dtype=np.float64)
    if out.ndim != ndim or (ndim == 2 and out.shape[1] != 2):
        wanted = "(n_rows, 2)" if ndim == 2 else "(n_rows,)"
        raise DataError(f"The values have shape {out.shape}; they must have shape {wanted}.")
    if len(out) < FEWEST_ROWS:
        raise DataError(f"There are {len(out)} rows; at least {FEWEST_ROWS} are needed.")
    if not np.all(np.isfinite(out)):
        raise DataError("The values must be finite; leave out rows with missing prices.")
    if np.any(np.ptp(out, axis=0) <= 1e-12 * np.abs(out).max(axis=0)):
        raise DataError("A series does not move, so nothing could pull it back.")
    return out
