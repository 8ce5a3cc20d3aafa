"""The one door for prices: a file, a frame or a dictionary of series becomes a checked table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data import provenance
from regimecorr.data.dates import order_days, parse_dates
from regimecorr.data.fields import canonical, check_unmixed, is_close
from regimecorr.data.layouts import flatten
from regimecorr.data.names import check_names, require
from regimecorr.data.readers import read_file
from regimecorr.data.values import to_float
from regimecorr.errors import DataError, TimeZoneError, TooFewRowsError

__all__ = ["PriceSource", "check_names", "load_prices", "require"]

PriceSource: TypeAlias = (
    str | os.PathLike[str] | pd.DataFrame | Mapping[str, pd.Series] | Mapping[str, pd.DataFrame]
)


def load_prices(
    source: PriceSource, *, columns: Sequence[str] | None = None, price: str | None = None
) -> pd.DataFrame:
    """Load a table of daily prices and check it.

    Parameters
    ----------
    source : str, PathLike, DataFrame or mapping of str to Series or DataFrame
        A CSV file (comma, semicolon or tab) or Parquet file, a DataFrame, or one Series (or one
        frame with the fields Open to Volume) per asset, whose calendars may differ. A table is

        - wide: a column of dates, of any name, or an index of dates, and a column per asset;
        - long: a row per asset and day with a column called ticker, symbol, asset or the like, or
          an index of dates and assets;
        - of two levels of columns, a field and a ticker in either order, as yfinance makes them;
        - or the fields of one asset: Open, High, Low, Close, Adj Close, Volume.

        Addresses on the web are not read here: see `download`.
    columns : sequence of str or None, default=None
        Assets to keep, in this order. None keeps all. What is left out is not checked.
    price : str or None, default=None
        The field that is the price, in any spelling: "close", "adj_close", "settle". None takes
        the close, as `download` does; the adjusted close where there is no close; and where
        there is neither, the only price there is. One field serves all assets: closes and adjusted
        closes are never mixed.

    Returns
    -------
    DataFrame of shape (n_days, n_assets)
        float64 prices, NaN where an asset has no price that day, on a sorted, unique
        `DatetimeIndex` of calendar days named "date". `attrs["provenance"]` tells where
        they come from and, under "price", which field they are and whether it is adjusted for
        dividends (None where nothing says so: yfinance's Close is, unless ``auto_adjust=False``);
        a provenance the frame already carries is kept.

    Raises
    ------
    DateColumnError
        No column, or more than one, can be the dates, or day and month cannot be told apart.
    UnsortedDatesError
        The dates, in a long table those of an asset, run neither forward nor backward. Rows that
        are strictly newest first are reversed and a note is made.
    DuplicateDateError
        A calendar day stands twice, in a long table for one asset; also as two stamps of one day:
        prices are daily, so the time of day is dropped.
    TimeZoneError
        Several time zones. A single one is dropped after reading each stamp's local day; text
        offsets an hour apart (summer and winter time) count as one.
    NonNumericPriceError, InfinitePriceError, MissingValuesError
        A field is no number, is infinite, or an asset has no price at all.
    DuplicateAssetError, UnknownAssetError
        A column name stands twice, or a name in `columns` is not there.
    TooFewRowsError
        There is no row.
    DataError
        Closes and adjusted closes are mixed, several columns can be the assets or the price,
        `price` is not there, or anything else that cannot be read as a table of prices.
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

    A long table with two kinds of close:

    >>> long = pd.DataFrame(
    ...     {
    ...         "date": ["2024-01-02", "2024-01-02", "2024-01-03"],
    ...         "ticker": ["IWM", "ETH", "ETH"],
    ...         "close": [200.0, 2300.0, 2400.0],
    ...         "adj_close": [195.0, 2300.0, 2400.0],
    ...     }
    ... )
    >>> load_prices(long, price="adj close")["IWM"].tolist()
    [195.0, nan]
    >>> load_prices(long).attrs["provenance"]["price"]
    {'field': 'close', 'adjusted': False}
    """
    if isinstance(columns, str):
        raise DataError(f"columns is the text {columns!r}; pass a list, columns=[{columns!r}].")
    if price is not None and not (isinstance(price, str) and canonical(price)):
        raise DataError(f'price is {price!r}; name a field, for example "close" or "adj close".')
    wanted = None if columns is None else check_names(columns, where="columns")
    if wanted == []:
        raise DataError("columns is empty; name at least one asset, or leave it out to keep all.")
    if isinstance(source, pd.DataFrame):
        return _from_frame(source, wanted, price, source="DataFrame", kind="frame")
    if isinstance(source, Mapping):
        return _from_series(source, wanted, price)
    if isinstance(source, str | os.PathLike):
        frame, name, kind = read_file(source)
        return _from_frame(frame, wanted, price, source=name, kind=kind)
    raise DataError(
        f"prices is of type {type(source).__name__}; pass the path of a CSV or Parquet file, a "
        f"DataFrame, or a dictionary of Series (for one Series: series.to_frame())."
    )


def _from_series(
    source: Mapping[str, pd.Series] | Mapping[str, pd.DataFrame],
    wanted: list[str] | None,
    price: str | None,
) -> pd.DataFrame:
    if not source:
        raise DataError("The dictionary of prices is empty; pass one Series per asset.")
    names = check_names(list(source), where="The dictionary of prices")
    for name in wanted or []:
        require(name, names)
    parts: dict[str, pd.Series] = {}
    notes: list[str] = []
    origins: dict[str, dict[str, Any]] = {}
    zones: dict[str, str] = {}
    told: dict[str, dict[str, Any]] = {}
    values: list[Any] = list(source.values())
    for name, given in zip(names, values, strict=True):
        if wanted is not None and name not in wanted:
            continue
        part = _one_asset(name, given, price)
        parsed = parse_dates(given.index, label=f"the index of {name!r}")
        zones[name] = "none" if parsed is None or parsed.zone is None else parsed.zone
        parts[name] = part[name]
        origin = provenance.read(part)
        told[name] = origin.get("price", {"field": "", "adjusted": None})
        notes += [f"{name}: {note}" for note in origin["notes"]]
        if provenance.read(given):
            origins[name] = origin
    if len(set(zones.values())) > 1:
        listed = ", ".join(f"{name}: {zone}" for name, zone in zones.items())
        raise TimeZoneError(
            f"The series carry {len(set(zones.values()))} time zones ({listed}); the limit is one. "
            f"Where each stamp is its exchange's own day, drop the zones first with "
            f"series.tz_localize(None); otherwise convert all to one zone."
        )
    check_unmixed({name: str(about["field"]) for name, about in told.items()})
    joined = pd.concat(parts, axis=1, join="outer", sort=True)
    joined = joined[list(parts) if wanted is None else wanted].astype("float64")
    joined.index = pd.DatetimeIndex(joined.index, name="date")
    described = provenance.describe(joined, source="dict", kind="series", notes=notes)
    fields = {str(about["field"]) for about in told.values()}
    if len(fields) == 1 and "" not in fields:
        adjusted = {about["adjusted"] for about in told.values()}
        described["price"] = {
            "field": fields.pop(),
            "adjusted": adjusted.pop() if len(adjusted) == 1 else None,
        }
    if origins:
        # One simulated series makes the table simulated; that must never get lost on the way.
        described["simulated"] = any(bool(origin["simulated"]) for origin in origins.values())
        described["origins"] = origins
    joined.attrs = {provenance.KEY: described}
    return joined


def _one_asset(name: str, given: object, price: str | None) -> pd.DataFrame:
    """Read what a dictionary holds of one asset into a column of its name."""
    if isinstance(given, pd.DataFrame):
        table = _from_frame(given, None, price, source="dict", kind="series")
        if table.shape[1] != 1:
            raise DataError(
                f"Asset {name!r} is a DataFrame of {table.shape[1]} assets "
                f"({', '.join(table.columns[:5])}); pass one Series, or the fields of one asset."
            )
        return table.rename(columns={table.columns[0]: name})
    if not isinstance(given, pd.Series):
        raise DataError(
            f"Asset {name!r} is of type {type(given).__name__}; pass a Series with its dates "
            f"as the index."
        )
    # The name says which field a column of bars was; so does an earlier load_prices.
    said = provenance.read(given).get("price") or {"field": canonical(given.name)}
    known = is_close(str(said["field"]))
    if price is not None and canonical(price) != said["field"]:
        raise DataError(
            f"price={price!r}, but the Series of {name!r} "
            f"{'is the ' + said['field'] if known else 'does not say which price it is'}. Leave "
            f"the option out, or pass the frames with all fields."
        )
    part = _from_frame(given.to_frame(name), None, None, source="dict", kind="series")
    if known:
        part.attrs[provenance.KEY]["price"] = {"adjusted": None, **said}
    return part


def _from_frame(
    frame: pd.DataFrame,
    wanted: list[str] | None,
    price: str | None,
    *,
    source: str,
    kind: str,
) -> pd.DataFrame:
    if len(frame) == 0:
        raise TooFewRowsError("The table of prices has 0 rows; at least one is needed.")
    earlier = provenance.read(frame)
    plain = flatten(frame, wanted, price, earlier.get("price", {}).get("field"))
    names = check_names(list(plain.frame.columns), where="The table of prices")
    if not names:
        raise DataError("The table of prices has no column besides the dates; one is needed.")
    indexed = plain.where == "the index"
    remedy = "with prices.sort_index()" if indexed else f"the rows by {plain.where}"
    backward = order_days(plain.dates.days, label=plain.where, remedy=remedy)
    notes = [*plain.dates.notes, *plain.notes]
    values = [to_float(plain.frame[name], name=name, days=plain.dates.days) for name in names]
    days = plain.dates.days.rename("date")
    table = np.column_stack(values)
    if backward:
        days, table = days[::-1], np.ascontiguousarray(table[::-1])
        notes.append("reversed: rows were newest first")
    result = pd.DataFrame(table, index=days, columns=pd.Index(names))
    if plain.price is not None:
        earlier["price"] = plain.price
    result.attrs = {
        provenance.KEY: provenance.describe(
            result, source=source, kind=kind, notes=notes, earlier=earlier
        )
    }
    return result
