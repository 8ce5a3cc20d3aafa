"""How numbers and dates are written: one way for each kind, in text, tables and pictures."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "KEY",
    "MISSING",
    "WIDTH",
    "count",
    "day",
    "entry",
    "percent",
    "plain",
    "plural",
    "signed",
    "with_bounds",
]

MISSING = "n/a"
#: Columns of a text, and of the keyword at the left of a paragraph.
WIDTH, KEY = 100, 13
_LONG = 10_000.0


def signed(value: float, *, minus: str = "-") -> str:
    """Write a correlation or z-score with its sign and two decimals.

    Parameters
    ----------
    value : float
        The number.
    minus : str, default "-"
        The sign of negative numbers; pictures take the one that their axes have.

    Returns
    -------
    str
    """
    if not math.isfinite(value):
        return MISSING
    # Adding zero turns a rounded -0.00 into +0.00.
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", minus)


def percent(value: float) -> str:
    """Write a probability in whole percent; what is not certain is never written as 0 or 100."""
    if not math.isfinite(value):
        return MISSING
    if 0.0 < value < 0.005:
        return "<1%"
    if 0.995 <= value < 1.0:
        return ">99%"
    return f"{value:.0%}"


def count(value: float) -> str:
    """Write a number of rows; very long durations are not known to the row."""
    if math.isnan(value):
        return MISSING
    return f"{value:,.0f}" if value <= _LONG else f">{_LONG:,.0f}"


def with_bounds(row: pd.Series, name: str, write: Callable[[float], str]) -> str:
    """Write a figure with its bounds, which stand in the columns ``_low`` and ``_high``."""
    return f"{write(row[name])} [{write(row[f'{name}_low'])}, {write(row[f'{name}_high'])}]"


def day(value: Any) -> str:
    """Write a date; empty when there is none."""
    return "" if value is None or pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d}"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def entry(key: str, text: str) -> list[str]:
    """Write a keyword and a paragraph beside it, as lines."""
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"{key:<{KEY}}",
        subsequent_indent=" " * KEY,
        break_on_hyphens=False,
    )


def plain(value: Any) -> Any:
    """Turn frames, results with ``to_dict``, timestamps and numpy scalars into what JSON can hold.

    NaN becomes None, a frame a list of its rows.
    """
    if isinstance(value, pd.DataFrame):
        index = "row" if value.index.name is None else str(value.index.name)
        return [
            {index: plain(label), **{str(k): plain(v) for k, v in row.items()}}
            for label, row in zip(value.index, value.to_dict("records"), strict=True)
        ]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return plain(value.to_dict()) if hasattr(value, "to_dict") else str(value)
