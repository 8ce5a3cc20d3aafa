"""How long half of a gap of prices takes to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from regimecorr.errors import DataError
from regimecorr.indicators.cointegration import checked

Array: TypeAlias = npt.NDArray[np.float64]

#: Distances from a unit root, in n (1 - phi), at which the law of the estimate is simulated.
_DISTANCES = np.array([0.0, 1, 2, 3.5, 5, 7, 9, 12, 15, 19, 24, 30, 37, 46, 58, 75, 100, 140, 200])


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Rows in which half of a deviation is gone, if the series is autoregressive of order one.

    Attributes
    ----------
    least_squares : float
        From the least-squares slope, which is biased towards reversion (Kendall 1954).
    corrected : float
        With Kendall's correction ``phi + (1 + 3 phi) / n``; infinite at 1 or above.
    median, lower, upper : float
        Median-unbiased, with its interval; infinite where a unit root is as likely.
    phi : float
        The least-squares slope.
    ci_prob : float
        Mass of the interval.
    """

    least_squares: float
    corrected: float
    median: float
    lower: float
    upper: float
    phi: float
    ci_prob: float


def half_life(
    gap: Array,
    ci_prob: float = 0.95,
    n_sim: int = 500,
    rng: int | np.random.Generator | None = 0,
) -> HalfLife:
    """Half-life of a gap, with an interval that is honest near a unit root.

    Least squares makes every series look as if it returned to its mean: for a random walk of n rows
    the expected slope is about 1 - 5.3 / n, a half-life of 0.13 n. So the slope's law is simulated
    for autoregressions at several distances from a unit root, the root included, and the interval
    holds those that could have given the estimate (Andrews 1993); its middle is median-unbiased.

    Parameters
    ----------
    gap : ndarray of shape (n_rows,)
        The deviation, by row.
    ci_prob : float, default 0.95
        Mass of the interval.
    n_sim : int, default 500
        Simulated series at each distance, at least 100.
    rng : int, Generator or None, default 0
        Seed or generator.

    Returns
    -------
    HalfLife

    Raises
    ------
    DataError
        If there are fewer than 60 rows, values are not finite, the gap is constant, or the options
        cannot be used.

    References
    ----------
    Andrews, D. W. K. (1993). Exactly median-unbiased estimation of first order autoregressive/unit
    root models. Econometrica 61, 139-165. Kendall, M. G. (1954). Note on bias in the estimation of
    autocorrelation. Biometrika 41, 403-404.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.half_life import half_life
    >>> walk = np.cumsum(np.random.default_rng(1).standard_normal(500))
    >>> half_life(walk).upper
    inf
    """
    values = checked(gap, 1)
    if not 0.0 < ci_prob < 1.0:
        raise DataError(f"ci_prob={ci_prob} must lie between 0 and 1, for example 0.95.")
    if n_sim < 100:
        raise DataError(f"n_sim={n_sim} must be at least 100.")
    n = values.size
    phi = float(_slopes(values[None])[0])
    tail = 0.5 * (1.0 - ci_prob)
    law = _slope_law(n, n_sim, np.random.default_rng(rng), [tail, 0.5, 1.0 - tail])
    # The distance at which the estimate is each quantile; the upper one is the nearest to the root.
    far, middle, near = (float(_invert(phi, quantile)) for quantile in law)
    return HalfLife(
        least_squares=_rows(phi),
        corrected=_rows(phi + (1.0 + 3.0 * phi) / n),
        median=_rows(1.0 - middle / n),
        lower=_rows(1.0 - near / n),
        upper=_rows(1.0 - far / n),
        phi=phi,
        ci_prob=ci_prob,
    )


def _rows(phi: float) -> float:
    if phi >= 1.0:
        return float("inf")
    return float(np.log(0.5) / np.log(phi)) if phi > 0.0 else 0.0


def _slopes(series: Array) -> Array:
    """Least-squares slope (k,) of each row of (k, n) series on its own past, with a constant."""
    before, after = series[:, :-1], series[:, 1:]
    centred = before - before.mean(axis=1, keepdims=True)
    slopes: Array = np.sum(centred * after, axis=1) / np.sum(centred**2, axis=1)
    return slopes


def _slope_law(n: int, n_sim: int, rng: np.random.Generator, probabilities: list[float]) -> Array:
    """Quantiles (k, n_distances) of the slope of autoregressions of ``n`` rows, by distance."""
    shocks, first = rng.standard_normal((n_sim, n)), rng.standard_normal(n_sim)
    out = np.empty((len(probabilities), _DISTANCES.size))
    for j, distance in enumerate(_DISTANCES):
        phi = max(1.0 - distance / n, 0.0)
        # The first value is stationary; at the root the slope does not depend on it.
        shocks[:, 0] = first / np.sqrt(1.0 - phi**2) if phi < 1.0 else first
        out[:, j] = np.quantile(_slopes(lfilter([1.0], [1.0, -phi], shocks)), probabilities)
    return out


def _invert(phi: float, quantile: Array) -> float:
    """Distance at which a falling quantile function takes the value ``phi``."""
    falling = np.minimum.accumulate(quantile)
    return float(np.interp(-phi, -falling, _DISTANCES))
