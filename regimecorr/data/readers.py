"""Reading files: a CSV whose fields all stay text, or Parquet."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pandas as pd

from regimecorr.data.dates import parse_dates
from regimecorr.data.fields import canonical, is_field, squeeze
from regimecorr.data.names import check_names
from regimecorr.errors import DataError, DateColumnError, TooFewRowsError

__all__ = ["read_file"]


def read_file(source: str | os.PathLike[str]) -> tuple[pd.DataFrame, str, str]:
    """Read a table from a file.

    Parameters
    ----------
    source : str or PathLike
        A CSV file (comma, semicolon or tab; one line of headers, or two with the fields and the
        assets, as yfinance's frames are written) or a Parquet file.

    Returns
    -------
    frame : DataFrame
        As it stands in the file; the fields of a CSV are text.
    name : str
        Of the file, without its folder.
    kind : {"csv", "parquet"}

    Raises
    ------
    DataError
        Another kind of file, or one that cannot be read.
    TooFewRowsError
        There is no row.
    FileNotFoundError
        There is no such file.
    """
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
        return _read_parquet(path), path.name, "parquet"
    return _read_csv(path), path.name, "csv"


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
    headers = _count_headers(rows)
    if headers > 1:
        return _with_two_levels(rows, headers, path.name)
    names = check_names(rows[0], where=repr(path.name))
    if _is_date(names[0]):
        raise DataError(
            f"The first line of {path.name!r} begins with the date {names[0]!r}; a header with "
            f"names is needed above the data."
        )
    table = _columns(rows[1:], len(names), path.name)
    return pd.DataFrame({n: pd.Series(f, dtype=object) for n, f in zip(names, table, strict=True)})


def _columns(rows: list[list[str]], width: int, name: str) -> list[tuple[str, ...]]:
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise DataError(
                f"Row {number} of {name!r} has {len(row)} fields, the header has "
                f"{width}. Repair the row; a decimal or thousands comma is a frequent cause."
            )
    return list(zip(*rows, strict=True))


def _count_headers(rows: list[list[str]]) -> int:
    """Count the lines of headers: one, or two of them and perhaps a line that names the index."""
    first, second = rows[0], rows[1]
    third = rows[2] if len(rows) > 2 else []
    named = len(third) > 1 and bool(third[0].strip()) and not any(f.strip() for f in third[1:])
    if named and not _is_date(third[0]) and not _is_date(second[0]):
        return 3
    words = {squeeze(first[0]), squeeze(second[0])}
    if words in ({"price", "ticker"}, {"price", "symbol"}):
        return 2
    fields = any(all(is_field(canonical(f)) for f in row[1:]) for row in (first, second))
    return 2 if words == {""} and len(first) > 1 and fields else 1


def _with_two_levels(rows: list[list[str]], headers: int, name: str) -> pd.DataFrame:
    if len(rows) == headers:
        raise TooFewRowsError(
            f"{name!r} has 0 rows of data; at least one is needed below the headers."
        )
    levels = [[label.strip() for label in row] for row in rows[:2]]
    _columns(rows[1:headers], len(rows[0]), name)
    dates, *table = _columns(rows[headers:], len(rows[0]), name)
    columns = pd.MultiIndex.from_arrays(
        [level[1:] for level in levels], names=[level[0] or None for level in levels]
    )
    index = pd.Index(dates, dtype=object)
    parts = [pd.Series(fields, index=index, dtype=object) for fields in table]
    return pd.concat(parts, axis=1).set_axis(columns, axis=1)


def _is_date(text: str) -> bool:
    try:
        return parse_dates(pd.Series([text], dtype=object), label="the first column") is not None
    except DateColumnError:
        return True  # one that can be read in two ways
