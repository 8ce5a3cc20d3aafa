"""Reading numbers: columns of any type become float64, or the offending field is named."""

from __future__ import annotations

import decimal
import numbers
import re
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.errors import InfinitePriceError, MissingValuesError, NonNumericPriceError

__all__ = ["MISSING", "filled", "to_float"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_PLAIN = frozenset("0123456789+-.eE ")
_TRUTH = (bool, np.bool_)
_REAL = (numbers.Real, decimal.Decimal)
#: Text fields that hold no price.
MISSING = frozenset({"", "nan", "NaN", "NAN"})


def to_float(column: pd.Series, *, name: str, days: pd.DatetimeIndex) -> np.ndarray:
    """Turn a column of prices into float64 and say which field is not a number.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        Numbers, or text of plain numbers. Empty fields and "NaN" are missing.
    name : str
        Name of the asset for messages.
    days : DatetimeIndex of shape (n_rows,)
        Date of each row for messages.

    Returns
    -------
    ndarray of shape (n_rows,)
        A new float64 array, NaN where there is no price.

    Raises
    ------
    NonNumericPriceError
        A field is not a plain number.
    InfinitePriceError
        A field is infinite.
    MissingValuesError
        No row has a price.
    """
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype) or dtype.kind in "cmM":
        raise NonNumericPriceError(
            f"Column {name!r} holds {dtype} values; prices must be plain numbers. Drop the column "
            f"or choose others with columns=[...]."
        )
    if pd.api.types.is_numeric_dtype(dtype):
        values = np.array(column.to_numpy(dtype="float64", na_value=np.nan))
    else:
        values = _from_fields(column.tolist(), name, days)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise InfinitePriceError(_infinite(name, days[infinite[0]], values[infinite[0]]))
    if values.size and np.isnan(values).all():
        raise MissingValuesError(
            f"Column {name!r} has no price in any of its {values.size} rows; at least one is "
            f"needed. Drop the column or choose others with columns=[...]."
        )
    return values


def filled(column: pd.Series) -> np.ndarray:
    """Tell of every row whether it holds anything, shape (n_rows,)."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.array(column.notna(), dtype=bool)
    return np.array([not _empty(item) for item in column.tolist()], dtype=bool)


def _empty(item: object) -> bool:
    if isinstance(item, str):
        return item.strip() in MISSING
    return item is None or item is pd.NA or item is pd.NaT or item != item


def _from_fields(fields: list[Any], name: str, days: pd.DatetimeIndex) -> np.ndarray:
    # float() alone also takes "1_000" and "infinity", so the characters decide whether it may
    # read the whole column at once; a long CSV is read five times faster that way.
    if all(isinstance(item, str) for item in fields):
        texts = ["nan" if item.strip() in MISSING else item for item in fields]
        if _PLAIN.issuperset("".join(text for text in texts if text != "nan")):
            try:
                return np.array([float(text) for text in texts])
            except ValueError:
                pass  # a field such as "1-2": the slow way below names it
    return np.array([_one(item, name, day) for item, day in zip(fields, days, strict=True)])


def _one(item: object, name: str, day: pd.Timestamp) -> float:
    if isinstance(item, str):
        text = item.strip()
        if text in MISSING:
            return float("nan")
        if _NUMBER.fullmatch(text):
            return float(text)
        if _INFINITE.fullmatch(text):
            raise InfinitePriceError(_infinite(name, day, text))
    elif item is None or item is pd.NA or item is pd.NaT:
        return float("nan")
    elif not isinstance(item, _TRUTH) and isinstance(item, _REAL):
        return float(item)
    raise NonNumericPriceError(
        f"Column {name!r} holds {item!r} on {day:%Y-%m-%d}, which is not a plain number. Write "
        f"numbers such as 1234.5 without separators or signs of currency, and leave the field "
        f"empty where there is no price."
    )


def _infinite(name: str, day: pd.Timestamp, value: object) -> str:
    return (
        f"Column {name!r} is {value} on {day:%Y-%m-%d}; prices must be finite. Correct the "
        f"value, or leave the field empty where there is no price."
    )
