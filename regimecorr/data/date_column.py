"""Finding the dates of a table: in its index, or in the one column that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.dates import ParsedDates, parse_dates
from regimecorr.errors import DateColumnError

__all__ = ["find_dates"]


def find_dates(
    frame: pd.DataFrame, *, not_dates: Sequence[str] = ()
) -> tuple[ParsedDates, str | None]:
    """Find the dates: the index where it holds dates, else the one column that does.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Columns named by unique text.
    not_dates : sequence of str, default=()
        Columns that are something else.

    Returns
    -------
    dates : ParsedDates
        The days of the rows.
    column : str or None
        Where they stand; None for the index.

    Raises
    ------
    DateColumnError
        No column, or more than one, can be the dates.
    TimeZoneError
        The dates carry several time zones.
    """
    parsed = parse_dates(frame.index, label="the index")
    if parsed is not None:
        return parsed, None
    candidates: dict[str, ParsedDates] = {}
    for name in frame.columns:
        if name in not_dates:
            continue
        found = parse_dates(frame[name], label=f"column {name!r}")
        if found is not None:
            candidates[name] = found
    # A column of numbers such as 20240131 gives way to one that is written as dates.
    written = {name: found for name, found in candidates.items() if found.kind != "integer"}
    candidates = written or candidates
    if len(candidates) > 1:
        called = [name for name in candidates if name.casefold() == "date"]
        if len(called) == 1:
            candidates = {called[0]: candidates[called[0]]}
    if len(candidates) == 1:
        name, found = next(iter(candidates.items()))
        return found, name
    listed = ", ".join(map(repr, frame.columns))
    if candidates:
        raise DateColumnError(
            f"{len(candidates)} columns can be the dates ({', '.join(map(repr, candidates))}); the "
            f'limit is one. Name one of them "date", or drop the others. Columns: {listed}.'
        )
    raise DateColumnError(
        f"No column holds dates in every row, and the index does not either.{_nearly(frame)} Give "
        f"one column of ISO dates such as 2020-02-01, or a DatetimeIndex. Columns: {listed}."
    )


def _nearly(frame: pd.DataFrame) -> str:
    """Name the first unreadable field of the column that comes closest to dates."""
    for name in frame.columns:
        column: pd.Series[Any] = frame[name]
        if not all(isinstance(item, str) for item in column):
            continue
        readable = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True).notna()
        long = column.str.len() >= 8
        if (readable & long).mean() > 0.5:
            row = int(np.flatnonzero(~readable)[0]) if not readable.all() else 0
            return f" Column {name!r} comes closest; row {row + 1} is {column.iloc[row]!r}."
    return ""
