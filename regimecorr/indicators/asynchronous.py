r"""Correlation of returns whose closes lie hours apart, corrected by leads and lags.

Let both markets be observed at fixed hours, the second some hours before the first, so that a share
f of its news of a day is in its return of the day after. If the true returns are uncorrelated over
time, with correlation :math:`\rho`, the observed ones have correlation :math:`(1 - f) \rho` on the
same row, :math:`f \rho` at the neighbouring one, and unchanged variances. Whatever the delays, log
prices differ from the true ones by a stationary error, so the *long-run* covariance matrix of the
returns is the true one (Cohen et al. 1983). The estimators here add up what the clock took apart.

With weights :math:`w_0 = 1, w_1, \dots, w_K` on the cross-covariances :math:`\gamma_{12}(k)` and
autocovariances :math:`\gamma_{ii}(k)`,

.. math:: \rho_w = \frac{\sum_{|k| \le K} w_{|k|} \gamma_{12}(k)}{\sqrt{V_1 V_2}}, \qquad
          V_i = \gamma_{ii}(0) + 2 \sum_{k \le K} w_k \gamma_{ii}(k) .

* K = 0: Pearson's correlation, here :math:`(1 - f) \rho`.
* :math:`w_k = 1 - k/h`, k < h: the correlation of sums over h rows that overlap (but for rows at
  the ends), here :math:`(1 - f/h) \rho`.
* :math:`w_k = 1`, K = 1: Scholes and Williams (1977), here :math:`\rho`. Their betas of either leg
  on the other are the same numerator over :math:`V_2` and :math:`V_1`; the correlation is the
  geometric mean of the two. K > 1: Cohen et al. (1983).

Dimson (1979) regresses on leads and lags of the other leg and adds the coefficients up. The
correlation here is the mean of both directions with either leg in units of its standard deviation;
it takes the returns of each leg for uncorrelated in time, and needs fewer estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from regimecorr.errors import DataError

Array: TypeAlias = npt.NDArray[np.float64]

#: Fewer rows do not make a correlation.
FEWEST_ROWS = 10
#: Condition of the cross products of leads and lags from which they count as collinear.
_SINGULAR = 1e12


@dataclass(frozen=True, slots=True, eq=False)
class LeadLagEstimate:
    """A correlation and a beta that use leads and lags, of one sample or of many.

    Attributes
    ----------
    correlation : ndarray of shape (...)
        May leave [-1, 1] in small samples; NaN where a (long-run) variance is not positive.
    beta : ndarray of shape (...)
        Slope of the first leg on the second.
    influence : ndarray of shape (..., n_rows, 2)
        Rows whose mean moves correlation and beta: of the weighted estimators, (n - 1) times what
        leaving the contribution of a row out changes, so that single large rows count in full.
    """

    correlation: Array
    beta: Array
    influence: Array


def overlapping_weights(rows: int) -> Array:
    """Weights (rows,) under which leads and lags add up to a sum over ``rows`` rows."""
    return 1.0 - np.arange(rows) / rows


def lead_lag_correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike
) -> LeadLagEstimate:
    """Correlation and beta with weights on leads and lags.

    Parameters
    ----------
    x, y : array_like of shape (..., n_rows)
        Returns; the last axis is time, so that windows can be stacked before it. All rows are used.
    weights : array_like of shape (K + 1,)
        Of lags 0 to K. (1,): Pearson. (1, 1): Scholes and Williams. (1, 1, 1): Cohen et al.
        `overlapping_weights`: sums that overlap.

    Returns
    -------
    LeadLagEstimate

    Raises
    ------
    DataError
        If shapes differ or there are fewer than 10 rows more than lags.

    References
    ----------
    Scholes, M. and Williams, J. (1977). Estimating betas from nonsynchronous data. Journal of
    Financial Economics 5, 309-327. Cohen, K., Hawawini, G., Maier, S., Schwartz, R. and Whitcomb,
    D. (1983). Friction in the trading process and the estimation of systematic risk. Journal of
    Financial Economics 12, 263-278.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.asynchronous import lead_lag_correlation
    >>> day, evening, own = np.random.default_rng(0).standard_normal((3, 4000))
    >>> x = day + evening + own                       # closes at midnight
    >>> y = day[1:] + evening[:-1]                    # closes before the evening
    >>> [round(float(lead_lag_correlation(x[1:], y, w).correlation), 1) for w in ([1], [1, 1])]
    [0.4, 0.8]
    """
    u, v, scale = _centred(x, y)
    w = np.asarray(weights, dtype=float)
    _check_rows(u, w.size - 1)
    parts = np.stack([_contributions(a, b, w) for a, b in ((u, v), (u, u), (v, v))])
    total = parts.sum(axis=-1)
    r, slope = _figures(total)
    n = u.shape[-1]
    others = _figures(total[..., None] - parts)
    moved = [
        (n - 1) * (full[..., None] - left) for full, left in zip((r, slope), others, strict=True)
    ]
    moved[1] *= scale[..., None]
    return LeadLagEstimate(r, slope * scale, np.stack(moved, axis=-1))


def dimson(x: npt.ArrayLike, y: npt.ArrayLike, lags: int = 1) -> LeadLagEstimate:
    """Dimson's (1979) aggregated coefficients, as beta and as a correlation.

    Parameters
    ----------
    x, y : array_like of shape (..., n_rows)
        Returns; the last axis is time.
    lags : int, default 1
        Leads and lags, K of each.

    Returns
    -------
    LeadLagEstimate
        ``beta`` is the sum of the coefficients of y[t - K] ... y[t + K] in the regression of x[t];
        ``correlation`` the mean of the sums in both directions, with either leg in units of its
        standard deviation. Regressions use rows K to n - 1 - K. NaN where leads and lags of a leg
        are collinear, as where it moves in its first row only.

    Raises
    ------
    DataError
        If shapes differ or there are too few rows for the lags.

    References
    ----------
    Dimson, E. (1979). Risk measurement when shares are subject to infrequent trading. Journal of
    Financial Economics 7, 197-226.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.asynchronous import dimson
    >>> day, evening = np.random.default_rng(0).standard_normal((2, 4000))
    >>> found = dimson((day + evening)[1:], day[1:] + evening[:-1])
    >>> round(float(found.correlation), 1), round(float(found.beta), 1)
    (1.0, 1.0)
    """
    u, v, scale = _centred(x, y)
    _check_rows(u, 2 * lags + 2 * lags)
    forward, moved_forward = _aggregated(u, v, lags)
    backward, moved_backward = _aggregated(v, u, lags)
    # In units of the sample's own deviations: these are estimates too.
    spread = 0.5 * (v * v - u * u)
    moved = 0.5 * (moved_forward + moved_backward + (forward - backward)[..., None] * spread)
    return LeadLagEstimate(
        0.5 * (forward + backward),
        forward * scale,
        np.stack([moved, moved_forward * scale[..., None]], axis=-1),
    )


def _figures(total: Array) -> tuple[Array, Array]:
    """Correlation and slope from sums of cross products and squares (3, ...)."""
    cross, first, second = total
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(second > 0.0, cross / second, np.nan)
        r = np.where((first > 0.0) & (second > 0.0), cross / np.sqrt(first * second), np.nan)
    return r, slope


def _contributions(a: Array, b: Array, weights: Array) -> Array:
    """Terms (..., n_rows) of the weighted sum of covariances, dated by the later row."""
    out = weights[0] * a * b
    for k in range(1, weights.size):
        out[..., k:] += weights[k] * (a[..., k:] * b[..., :-k] + a[..., :-k] * b[..., k:])
    return np.asarray(out)


def _aggregated(target: Array, other: Array, lags: int) -> tuple[Array, Array]:
    """Sum of coefficients (...) and its influence (..., n_rows), zero on rows without leads."""
    n = target.shape[-1]
    inner = n - 2 * lags
    design = np.stack([other[..., k : k + inner] for k in range(2 * lags + 1)], axis=-1)
    design = design - design.mean(axis=-2, keepdims=True)
    y = target[..., lags : n - lags]
    y = y - y.mean(axis=-1, keepdims=True)
    gram = np.einsum("...ni,...nj->...ij", design, design)
    inverse = _inverse(gram)
    cross = np.einsum("...nj,...n->...j", design, y)
    coefficients = np.einsum("...ij,...j->...i", inverse, cross)
    leverage = np.einsum("...ni,...ij,...nj->...n", design, inverse, design, optimize=True)
    residual = y - np.einsum("...ni,...i->...n", design, coefficients)
    residual = n * residual / (1.0 - leverage - 1.0 / inner)
    terms = design * inverse.sum(axis=-1)[..., None, :] * residual[..., None]
    influence = np.zeros(target.shape)
    for k in range(2 * lags + 1):
        # A product of two rows is news of the later one; dated so, they hardly correlate.
        first = max(lags, k)
        influence[..., first : first + inner] += terms[..., k]
    return coefficients.sum(axis=-1), influence


def _inverse(gram: Array) -> Array:
    """Inverse (..., k, k); NaN where a leg is constant, or its leads and lags are collinear."""
    eye = np.eye(gram.shape[-1])
    known = np.isfinite(gram).all(axis=(-2, -1), keepdims=True)
    known = known & (np.linalg.cond(np.where(known, gram, eye)) < _SINGULAR)[..., None, None]
    return np.where(known, np.linalg.inv(np.where(known, gram, eye)), np.nan)


def _centred(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Both legs in units of their standard deviation, and the ratio of these."""
    legs = [np.asarray(leg, dtype=float) for leg in (x, y)]
    if legs[0].shape != legs[1].shape or not legs[0].ndim:
        raise DataError(
            f"The legs have shapes {legs[0].shape} and {legs[1].shape}; pass (..., n_rows) each."
        )
    centred = [leg - leg.mean(axis=-1, keepdims=True) for leg in legs]
    sd = [np.sqrt(np.mean(leg * leg, axis=-1)) for leg in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        u, v = (leg / s[..., None] for leg, s in zip(centred, sd, strict=True))
        return u, v, np.where(sd[1] > 0.0, sd[0] / sd[1], np.nan)


def _check_rows(u: Array, lags: int) -> None:
    if lags < 0 or u.shape[-1] < FEWEST_ROWS + lags:
        raise DataError(
            f"{u.shape[-1]} rows are too few for {lags} leads and lags; at least "
            f"{FEWEST_ROWS + max(lags, 0)} are needed."
        )
