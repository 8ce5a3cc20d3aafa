"""The one door for prices: a file, a frame or a dictionary of series becomes a checked table."""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data import provenance
from regimecorr.data.dates import ParsedDates, order_days, parse_dates
from regimecorr.data.values import to_float
from regimecorr.errors import (
    DataError,
    DateColumnError,
    DuplicateAssetError,
    TimeZoneError,
    TooFewRowsError,
    UnknownAssetError,
)

__all__ = ["PriceSource", "load_prices"]

PriceSource: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Mapping[str, pd.Series]


def load_prices(source: PriceSource, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Load a table of daily prices and check it.

    Parameters
    ----------
    source : str, PathLike, DataFrame or mapping of str to Series
        A CSV file (comma, semicolon or tab) or Parquet file with one column of dates, of any
        name, and one column per asset; or a DataFrame with the dates in its index or in a column;
        or one Series per asset, whose calendars may differ. Addresses on the web are not
        read here: see `download`.
    columns : sequence of str or None, default=None
        Assets to keep, in this order. None keeps all. Columns left out are not checked.

    Returns
    -------
    DataFrame of shape (n_days, n_assets)
        float64 prices, NaN where an asset has no price that day, on a sorted, unique
        `DatetimeIndex` of calendar days named "date". `attrs["provenance"]` tells where
        they come from; a provenance the frame already carries is kept.

    Raises
    ------
    DateColumnError
        No column, or more than one, can be the dates, or day and month cannot be told apart.
    UnsortedDatesError
        The dates run neither forward nor backward. Rows that are strictly newest first are
        reversed and a note is made.
    DuplicateDateError
        A calendar day stands twice, also as two stamps of one day: prices are daily, so the time
        of day is dropped.
    TimeZoneError
        Several time zones. A single one is dropped after reading each stamp's local day; text
        offsets an hour apart (summer and winter time) count as one.
    NonNumericPriceError, InfinitePriceError, MissingValuesError
        A field is no number, is infinite, or a column is empty.
    DuplicateAssetError, UnknownAssetError
        A column name stands twice, or a name in `columns` is not there.
    TooFewRowsError
        There is no row.
    DataError
        Anything else that cannot be read as a table of prices.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.data.prices import load_prices
    >>> raw = pd.DataFrame({"day": ["2024-01-03", "2024-01-02"], "A": ["11", "10.5"]})
    >>> prices = load_prices(raw)
    >>> prices["A"].tolist()
    [10.5, 11.0]
    >>> prices.attrs["provenance"]["notes"]
    ['reversed: rows were newest first']
    """
    if isinstance(columns, str):
        raise DataError(f"columns is the text {columns!r}; pass a list, columns=[{columns!r}].")
    wanted = None if columns is None else [str(name).strip() for name in columns]
    if isinstance(source, pd.DataFrame):
        return _from_frame(source, wanted, source="DataFrame", kind="frame")
    if isinstance(source, Mapping):
        return _from_series(source, wanted)
    if isinstance(source, str | os.PathLike):
        return _from_file(source, wanted)
    raise DataError(
        f"prices is of type {type(source).__name__}; pass the path of a CSV or Parquet file, a "
        f"DataFrame, or a dictionary of Series (for one Series: series.to_frame())."
    )


def check_names(labels: Sequence[Hashable], *, where: str) -> list[str]:
    """Return the column names as stripped text, none of them twice."""
    names = [str(label).strip() for label in labels]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DuplicateAssetError(
            f"{where} has more than one column named {', '.join(map(repr, repeated))}; the limit "
            f"is one column per asset. Rename or drop the repetition."
        )
    return names


def require(name: str, available: Sequence[str]) -> str:
    """Return `name` where it is available, or say which names come close."""
    if not isinstance(name, str):
        raise DataError(
            f"An asset is named by {name!r}, of type {type(name).__name__}; names are strings. "
            f"Available: {', '.join(map(repr, available))}."
        )
    if name in available:
        return name
    folded = {other.casefold(): other for other in available}
    close = [folded[c] for c in difflib.get_close_matches(name.casefold(), list(folded), n=3)]
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise UnknownAssetError(
        f"There is no asset {name!r}.{hint} Available: {', '.join(map(str, available))}."
    )


def _from_file(source: str | os.PathLike[str], wanted: list[str] | None) -> pd.DataFrame:
    text = os.fspath(source)
    if "://" in text:
        raise DataError(
            f"{text!r} is an address on the web; load_prices reads files only. Use download() for "
            f"a ticker, or save the file first."
        )
    path = Path(text).expanduser()
    suffix = path.suffix.lower()
    if suffix in (".xls", ".xlsx", ".ods", ".json", ".feather", ".h5"):
        raise DataError(
            f"{path.name!r} is a {suffix} file; CSV and Parquet are read. Read it with pandas and "
            f"pass the DataFrame, or save it as CSV."
        )
    if suffix in (".parquet", ".pq"):
        return _from_frame(_read_parquet(path), wanted, source=path.name, kind="parquet")
    return _from_frame(_read_csv(path), wanted, source=path.name, kind="csv")


def _read_parquet(path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    try:
        return pd.read_parquet(io.BytesIO(content))
    except ImportError as error:
        raise DataError(
            f"{path.name!r} is a Parquet file and pyarrow, which reads it, is not installed: "
            f'pip install "regimecorr[data]", or save the file as CSV.'
        ) from error
    except Exception as error:
        # Damage comes as many kinds of error from pyarrow; all mean the same.
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path.name!r} is not a readable Parquet file ({type(error).__name__}: {reason}); "
            f'save it again, as Parquet or CSV. An old pyarrow: pip install -U "regimecorr[data]".'
        ) from error


def _read_csv(path: Path) -> pd.DataFrame:
    # pandas renames a repeated header to X.1 and guesses types; here every field stays text.
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name!r} is not UTF-8 text (byte {error.start}); save it as a CSV file in UTF-8."
        ) from error
    header = next((line for line in content.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        rows = [row for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        raise DataError(
            f"{path.name!r} is not a readable CSV file (line {reader.line_num}: {error}); save it "
            f"again as plain text."
        ) from error
    if len(rows) < 2:
        raise TooFewRowsError(
            f"{path.name!r} has {max(len(rows) - 1, 0)} rows of data; at least one is needed "
            f"below a header with the names of the assets."
        )
    names = check_names(rows[0], where=repr(path.name))
    if parse_dates(pd.Series([names[0]], dtype=object), label="the header") is not None:
        raise DataError(
            f"The first line of {path.name!r} begins with the date {names[0]!r}; a header with "
            f"names is needed above the data."
        )
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            raise DataError(
                f"Row {number} of {path.name!r} has {len(row)} fields, the header has "
                f"{len(names)}. Repair the row; a decimal or thousands comma is a frequent cause."
            )
    table = list(zip(*rows[1:], strict=True))
    return pd.DataFrame({n: pd.Series(f, dtype=object) for n, f in zip(names, table, strict=True)})


def _from_series(source: Mapping[str, pd.Series], wanted: list[str] | None) -> pd.DataFrame:
    if not source:
        raise DataError("The dictionary of prices is empty; pass one Series per asset.")
    names = check_names(list(source), where="The dictionary of prices")
    for name in wanted or []:
        require(name, names)
    parts: dict[str, pd.Series] = {}
    notes: list[str] = []
    origins: dict[str, dict[str, Any]] = {}
    zones: dict[str, str] = {}
    for name, series in zip(names, source.values(), strict=True):
        if wanted is not None and name not in wanted:
            continue
        if not isinstance(series, pd.Series):
            raise DataError(
                f"Asset {name!r} is of type {type(series).__name__}; pass a Series with its dates "
                f"as the index."
            )
        part = _from_frame(series.to_frame(name), None, source="dict", kind="series")
        parsed = parse_dates(series.index, label=f"the index of {name!r}")
        zones[name] = "none" if parsed is None or parsed.zone is None else parsed.zone
        parts[name] = part[name]
        origin = provenance.read(part)
        notes += [f"{name}: {note}" for note in origin["notes"]]
        if provenance.read(series):
            origins[name] = origin
    if len(set(zones.values())) > 1:
        listed = ", ".join(f"{name}: {zone}" for name, zone in zones.items())
        raise TimeZoneError(
            f"The series carry {len(set(zones.values()))} time zones ({listed}); the limit is one. "
            f"Where each stamp is its exchange's own day, drop the zones first with "
            f"series.tz_localize(None); otherwise convert all to one zone."
        )
    joined = pd.concat(parts, axis=1, join="outer", sort=True)
    joined = joined[list(parts) if wanted is None else wanted].astype("float64")
    joined.index = pd.DatetimeIndex(joined.index, name="date")
    described = provenance.describe(joined, source="dict", kind="series", notes=notes)
    if origins:
        # One simulated series makes the table simulated; that must never get lost on the way.
        described["simulated"] = any(bool(origin["simulated"]) for origin in origins.values())
        described["origins"] = origins
    joined.attrs = {provenance.KEY: described}
    return joined


def _from_frame(
    frame: pd.DataFrame, wanted: list[str] | None, *, source: str, kind: str
) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(
            f"The table has {frame.columns.nlevels} levels of columns; one is needed. Choose one "
            f'field first, for example prices = data["Close"].'
        )
    if len(frame) == 0:
        raise TooFewRowsError("The table of prices has 0 rows; at least one is needed.")
    names = check_names(list(frame.columns), where="The table of prices")
    plain = frame.set_axis(names, axis=1)
    dates, label = _find_dates(plain, wanted)
    assets = [name for name in names if name != label]
    for name in wanted or []:
        require(name, assets)
    kept = assets if wanted is None else wanted
    check_names(kept, where="columns")
    if not kept:
        raise DataError("The table of prices has no column besides the dates; one is needed.")
    if "" in kept:
        raise DataError(
            f"Column {names.index('') + 1} has no name but is not the dates; name it, or drop it "
            f"(a column of row numbers is written by to_csv without index=False)."
        )
    backward = order_days(dates.days, label="the index" if label is None else f"column {label!r}")
    notes = list(dates.notes)
    values = [to_float(plain[name], name=name, days=dates.days) for name in kept]
    days = dates.days.rename("date")
    table = np.column_stack(values)
    if backward:
        days, table = days[::-1], np.ascontiguousarray(table[::-1])
        notes.append("reversed: rows were newest first")
    result = pd.DataFrame(table, index=days, columns=pd.Index(kept))
    result.attrs = {
        provenance.KEY: provenance.describe(
            result, source=source, kind=kind, notes=notes, earlier=provenance.read(frame)
        )
    }
    return result


def _find_dates(frame: pd.DataFrame, wanted: list[str] | None) -> tuple[ParsedDates, str | None]:
    """Find the dates: the index where it holds dates, else the one column that does."""
    parsed = parse_dates(frame.index, label="the index")
    if parsed is not None:
        return parsed, None
    candidates: dict[str, ParsedDates] = {}
    for name in frame.columns:
        if wanted is not None and name in wanted:
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
