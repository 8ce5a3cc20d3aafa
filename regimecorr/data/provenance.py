"""Where prices come from, as a plain dictionary that travels in `frame.attrs`."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["describe", "fingerprint", "read"]

KEY = "provenance"


def fingerprint(prices: pd.DataFrame) -> str:
    """Hash names, dates and values of a price table, alike on every platform.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, n_assets)
        Float columns on a `DatetimeIndex`.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256). Every NaN counts as the same value.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.data.provenance import fingerprint
    >>> frame = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
    >>> len(fingerprint(frame))
    64
    """
    digest = hashlib.sha256()
    for name in prices.columns:
        # The length keeps the columns "AB", "C" apart from "A", "BC".
        label = str(name).encode()
        digest.update(len(label).to_bytes(8, "little") + label)
    days = np.asarray(prices.index.to_numpy(), dtype="datetime64[D]").astype("<i8")
    digest.update(days.tobytes())
    values = np.array(prices.to_numpy(dtype="float64"), dtype="<f8", order="C")
    values[np.isnan(values)] = np.nan
    digest.update(values.tobytes())
    return digest.hexdigest()


def read(source: object) -> dict[str, Any]:
    """Copy the provenance that a frame already carries.

    Parameters
    ----------
    source : object
        Usually a DataFrame.

    Returns
    -------
    dict
        A deep copy; empty when there is none.
    """
    found = getattr(source, "attrs", {}).get(KEY)
    return copy.deepcopy(found) if isinstance(found, dict) else {}


def describe(
    prices: pd.DataFrame,
    *,
    source: str,
    kind: str,
    notes: Iterable[str] = (),
    earlier: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a price table in a dictionary that JSON can hold.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, n_assets)
        The checked table.
    source : str
        Name of the file (never its folder) or of the kind of object.
    kind : str
        Such as "csv", "parquet", "frame", "series" or "download".
    notes : iterable of str, default=()
        What was done to the data on the way.
    earlier : dict or None, default=None
        Provenance the data already carried; its origin and notes are kept, its counts renewed.

    Returns
    -------
    dict
        With the keys source, kind, rows, columns, first, last, sha256, simulated, notes, and
        whatever else `earlier` carried. `source_sha256` is there when the values are no longer
        those the origin delivered (a subset, or edited).
    """
    result: dict[str, Any] = {"source": source, "kind": kind, "simulated": False}
    before = dict(earlier or {})
    result.update(before)
    digest = fingerprint(prices)
    original = before.get("source_sha256", before.get("sha256"))
    if original is not None and original != digest:
        result["source_sha256"] = original
    result["rows"] = len(prices)
    result["columns"] = [str(name) for name in prices.columns]
    result["first"] = prices.index[0].strftime("%Y-%m-%d") if len(prices) else None
    result["last"] = prices.index[-1].strftime("%Y-%m-%d") if len(prices) else None
    result["sha256"] = digest
    kept = [str(note) for note in before.get("notes", [])]
    result["notes"] = kept + [note for note in notes if note not in kept]
    return result
