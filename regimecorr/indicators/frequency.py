"""Returns over several rows: sums that overlap, blocks, and calendar weeks."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


def aggregate(values: Array, rows: int, step: int) -> Array:
    """Sums of ``rows`` consecutive returns every ``step`` rows, counted back from the last.

    Parameters
    ----------
    values : ndarray of shape (..., n_rows, n_columns)
        Returns; axis -2 is time.
    rows : int
        Returns in a sum.
    step : int
        Rows between the ends of two sums; less than ``rows``: they overlap.

    Returns
    -------
    ndarray of shape (..., n_sums, n_columns)

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.indicators.frequency import aggregate
    >>> aggregate(np.arange(5.0)[:, None], 2, 2).ravel().tolist()
    [3.0, 7.0]
    """
    total = np.cumsum(values, axis=-2)
    n = values.shape[-2]
    ends = np.arange(n - 1, rows - 2, -step)[::-1]
    before = np.take(total, np.maximum(ends - rows, 0), axis=-2)
    before = np.where((ends - rows >= 0)[:, None], before, 0.0)
    return np.asarray(np.take(total, ends, axis=-2) - before, dtype=float)


def week_ends(dates: pd.DatetimeIndex) -> IntArray:
    """Rows (n_weeks,) of the last date of every calendar week, Monday to Sunday.

    The last row of all ends its week, complete or not. Weeks with a holiday have fewer rows than
    blocks of five, and their ends do not move when a row is added.

    Parameters
    ----------
    dates : DatetimeIndex
        In ascending order.

    Returns
    -------
    ndarray of shape (n_weeks,)

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.frequency import week_ends
    >>> week_ends(pd.bdate_range("2024-01-04", "2024-01-16")).tolist()
    [1, 6, 8]
    """
    days = dates.normalize().to_numpy().astype("datetime64[D]").astype(np.int64)
    week = (days + 3) // 7  # 1970-01-01 was a Thursday
    return np.flatnonzero(np.r_[week[1:] != week[:-1], True])
