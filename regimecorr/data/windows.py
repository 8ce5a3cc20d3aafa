"""Windows in rows or in calendar days, resolved to the rows of an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import WindowError

IntArray: TypeAlias = npt.NDArray[np.int64]
#: Rows, or a fixed pandas offset such as "90D".
Window: TypeAlias = int | str

#: Fewer rows do not make a correlation.
FEWEST_ROWS = 10
_LEAST_ROWS = {"short_window": 10, "long_window": 20, "horizon": 40, "within": 10, "window": 10}
_DAYS_PER_ROW = 7.0 / 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Where the windows of every row of an index begin and end.

    Attributes
    ----------
    short_window, long_window, horizon : int or str
        As they were given: rows, or offsets.
    short, long : ndarray of shape (n_rows,)
        First row of the window that ends at each row; -1 before the first full one.
    before : ndarray of shape (n_rows,)
        Row before the short window began, where the reference ends; -1 where there is none.
    end : ndarray of shape (n_rows,)
        Last row of the horizon that begins after each row; -1 where the data end before.
    fresh : ndarray of shape (n_rows,)
        First row of the second half of that horizon.
    """

    short_window: Window
    long_window: Window
    horizon: Window
    short: IntArray
    long: IntArray
    before: IntArray
    end: IntArray
    fresh: IntArray

    def __len__(self) -> int:
        return len(self.short)


def resolve(
    dates: pd.DatetimeIndex | int,
    short_window: Window,
    long_window: Window,
    horizon: Window = 252,
) -> Windows:
    """Resolve the windows on dates, or on a number of rows when all of them are rows.

    Raises
    ------
    WindowError
        If a window is no number of rows and no offset, too short, or longer than the data; if one
        of short and long is in rows and the other in days, or short is not below long.
    """
    short, long = window_size("short_window", short_window), window_size("long_window", long_window)
    if isinstance(short, int) is not isinstance(long, int):
        raise WindowError(
            f"short_window={short_window!r} and long_window={long_window!r} must both be rows or "
            "both offsets."
        )
    if short >= long:  # type: ignore[operator]
        raise WindowError(
            f"short_window={short_window!r} must be shorter than long_window={long_window!r}."
        )
    first_short = first_rows(dates, short)
    end = horizon_end(dates, "horizon", horizon)
    return Windows(
        short_window,
        long_window,
        horizon,
        first_short,
        first_rows(dates, long),
        np.where(first_short < 0, -1, first_short - 1),
        end,
        np.where(end < 0, -1, _half_way(dates, window_size("horizon", horizon))),
    )


def window_size(name: str, window: Any) -> int | pd.Timedelta:
    """Return a window as rows or as a time span, or raise `WindowError`."""
    least = _LEAST_ROWS[name]
    if isinstance(window, (int, np.integer)) and not isinstance(window, bool):
        if window < least:
            raise WindowError(f"{name}={window!r} must be at least {least} rows.")
        return int(window)
    try:
        if not isinstance(window, (str, pd.Timedelta)):
            raise ValueError("it is neither")
        span = pd.Timedelta(window)
    except ValueError as error:
        raise WindowError(
            f"{name}={window!r} must be a whole number of rows, at least {least}, or a fixed "
            f'offset such as "90D": {error}.'
        ) from error
    shortest = pd.Timedelta(days=int(least * _DAYS_PER_ROW))
    if pd.isna(span) or span < shortest:
        raise WindowError(f"{name}={window!r} must be at least {shortest.days} days.")
    return span


def first_rows(dates: pd.DatetimeIndex | int, size: int | pd.Timedelta) -> IntArray:
    """First row of the window that ends at each row; -1 before the first full window.

    A window of 90 days holds the rows of the last 90 days, those later than the same time 90 days
    before; one with fewer than ten rows counts as not full.
    """
    if isinstance(size, int):
        n = dates if isinstance(dates, int) else len(dates)
        first = np.arange(n) - size + 1
        return np.maximum(first, -1)
    days = _calendar(dates)
    begin = days - size
    first = np.asarray(days.searchsorted(begin, side="right"), dtype=np.int64)
    full = (begin >= days[0]) & (np.arange(len(days)) - first + 1 >= FEWEST_ROWS)
    return np.where(full, first, -1)


def horizon_end(dates: pd.DatetimeIndex | int, name: str, horizon: Window) -> IntArray:
    """Last row of the horizon that begins after each row; -1 where the data end before."""
    size = window_size(name, horizon)
    if isinstance(size, int):
        n = dates if isinstance(dates, int) else len(dates)
        end = np.arange(n) + size
        return np.where(end < n, end, -1)
    days = _calendar(dates)
    end = np.asarray(days.searchsorted(days + size, side="right"), dtype=np.int64) - 1
    return np.where(days + size <= days[-1], end, -1)


def _half_way(dates: pd.DatetimeIndex | int, size: int | pd.Timedelta) -> IntArray:
    """First row of the second half of the horizon that begins after each row."""
    if isinstance(size, int):
        n = dates if isinstance(dates, int) else len(dates)
        return np.arange(n) + size // 2 + 1
    days = _calendar(dates)
    return np.asarray(days.searchsorted(days + size / 2, side="right"), dtype=np.int64)


def _calendar(dates: pd.DatetimeIndex | int) -> pd.DatetimeIndex:
    if not isinstance(dates, pd.DatetimeIndex):
        raise WindowError("Windows in days need dates; use windows in rows.")
    return dates


def in_words(window: Window) -> str:
    """Write a window: "90-row", "90-day"."""
    if isinstance(window, (int, np.integer)):
        return f"{window}-row"
    return f"{pd.Timedelta(window).days}-day"
