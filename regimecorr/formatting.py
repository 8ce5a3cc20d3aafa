"""How numbers and dates are written: one way for each kind, in text, tables and pictures."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "KEY",
    "MISSING",
    "WIDTH",
    "as_data",
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


def as_data(result: Any, version: int, leave: Collection[str] = ()) -> dict[str, Any]:
    """Fields of a result that JSON can hold, but those to leave; ``schema_version`` first."""
    kept = (item.name for item in fields(result) if item.name not in leave)
    return {"schema_version": version} | {name: plain(getattr(result, name)) for name in kept}


def plain(value: Any) -> Any:
    """Turn frames, results with ``to_dict``, timestamps and numpy scalars into what JSON can hold.

    NaN becomes None, a frame a list of its rows; an index without a name is called ``date`` or
    ``row``.
    """
    if isinstance(value, pd.DataFrame):
        unnamed = "date" if isinstance(value.index, pd.DatetimeIndex) else "row"
        names = [str(name or unnamed) for name in value.index.names]
        return plain(value.rename_axis(index=names).reset_index().to_dict("records"))
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
