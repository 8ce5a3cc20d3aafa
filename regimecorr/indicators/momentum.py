"""Momentum indicators of a price series: Wilder's RSI, exponential averages, MACD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from regimecorr.errors import DataError

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MACD:
    """Moving average convergence/divergence.

    Attributes
    ----------
    line : ndarray of shape (n_rows,)
        Fast minus slow exponential average; NaN before both exist.
    signal : ndarray of shape (n_rows,)
        Exponential average of the line; NaN before its first full span.
    """

    line: Array
    signal: Array

    @property
    def histogram(self) -> Array:
        """Line minus signal (n_rows,): positive above the signal line."""
        return self.line - self.signal


def exponential_average(values: npt.ArrayLike, span: int) -> Array:
    r"""Exponential moving average with :math:`\alpha = 2 / (span + 1)`.

    It begins with the plain mean of the first ``span`` values, as the published worksheets do.

    Parameters
    ----------
    values : array_like of shape (n_rows,)
        Leading NaN are passed over; later ones are not allowed.
    span : int
        Rows, at least 1.

    Returns
    -------
    ndarray of shape (n_rows,)
        The value at t uses rows to t; NaN before the first full span.

    Raises
    ------
    DataError
        If a value after the first is missing, or the span is below 1.

    Examples
    --------
    >>> from regimecorr.indicators.momentum import exponential_average
    >>> exponential_average([1.0, 2.0, 3.0, 5.0], 3)
    array([nan, nan, 2. , 3.5])
    """
    return _smoothed(_series(values, "values"), span, 2.0 / (_span("span", span) + 1.0))


def relative_strength(prices: npt.ArrayLike, span: int = 14) -> Array:
    r"""Relative strength index of Wilder (1978).

    :math:`100 - 100 / (1 + U/D)`, U and D the averages of upward and downward moves: plain ones
    over the first ``span`` moves, then :math:`U_t = U_{t-1} + (u_t - U_{t-1}) / span`.

    Parameters
    ----------
    prices : array_like of shape (n_rows,)
        Prices by row, without gaps.
    span : int, default 14
        Rows of the averages, at least 1.

    Returns
    -------
    ndarray of shape (n_rows,)
        Between 0 and 100; the value at t uses prices to t. NaN before ``span`` moves; 50 where
        there was no move at all.

    Raises
    ------
    DataError
        If a price is missing, or the span is below 1.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research.

    Examples
    --------
    >>> from regimecorr.indicators.momentum import relative_strength
    >>> relative_strength([10.0, 11.0, 10.5, 11.5], span=2).round(2)
    array([  nan,   nan, 66.67, 85.71])
    """
    values = _series(prices, "prices")
    share = 1.0 / _span("span", span)
    moves = np.concatenate([[np.nan], np.diff(values)])
    up = _smoothed(np.maximum(moves, 0.0), span, share)
    down = _smoothed(np.maximum(-moves, 0.0), span, share)
    total = up + down
    with np.errstate(invalid="ignore", divide="ignore"):
        out = 100.0 * up / total
    return np.where(total == 0.0, 50.0, out)


def macd(prices: npt.ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> MACD:
    """Moving average convergence/divergence of Appel.

    Parameters
    ----------
    prices : array_like of shape (n_rows,)
        Prices by row, without gaps.
    fast, slow, signal : int, default 12, 26, 9
        Spans of the two averages of the price and of the average of their difference.

    Returns
    -------
    MACD
        ``line``, ``signal`` and ``histogram``; values at t use prices to t.

    Raises
    ------
    DataError
        If a price is missing, a span is below 1, or ``fast`` is not below ``slow``.

    References
    ----------
    Appel, G. (2005). Technical Analysis: Power Tools for Active Investors. FT Prentice Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.momentum import macd
    >>> found = macd(np.arange(60.0))
    >>> bool(abs(found.line[-1] - 7.0) < 1e-9), int(np.isnan(found.signal).sum())
    (True, 33)
    """
    if _span("fast", fast) >= _span("slow", slow):
        raise DataError(f"fast={fast} must be below slow={slow}.")
    values = _series(prices, "prices")
    line = exponential_average(values, fast) - exponential_average(values, slow)
    return MACD(line, exponential_average(line, signal))


def trailing_return(prices: npt.ArrayLike, rows: int) -> Array:
    """Log return of the last ``rows`` rows (n_rows,); NaN before there are so many.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.momentum import trailing_return
    >>> trailing_return(np.exp([0.0, 0.1, 0.3]), 2)
    array([nan, nan, 0.3])
    """
    logs = np.log(_series(prices, "prices"))
    out = np.full(logs.size, np.nan)
    out[_span("rows", rows) :] = logs[rows:] - logs[:-rows]
    return out


def _smoothed(values: Array, span: int, share: float) -> Array:
    """Average that starts with the mean of the first ``span`` values and moves by ``share``."""
    known = np.flatnonzero(~np.isnan(values))
    out = np.full(values.size, np.nan)
    if known.size < span:
        return out
    begin = int(known[0]) + span - 1
    start = values[known[0] : begin + 1].mean()
    out[begin] = start
    rest = values[begin + 1 :]
    if rest.size:
        out[begin + 1 :], _ = lfilter(
            [share], [1.0, share - 1.0], rest, zi=np.array([(1.0 - share) * start])
        )
    return out


def _series(values: npt.ArrayLike, name: str) -> Array:
    series = np.asarray(values, dtype=float)
    if series.ndim != 1:
        raise DataError(f"{name} have {series.ndim} dimensions; pass one value per row.")
    known = ~np.isnan(series)
    if not known.any():
        return series
    first = int(np.argmax(known))
    if not known[first:].all():
        row = first + int(np.argmin(known[first:]))
        raise DataError(f"{name} are missing at row {row}; drop the row, or begin after it.")
    return series


def _span(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise DataError(f"{name}={value!r} must be a whole number of rows, at least 1.")
    return int(value)
