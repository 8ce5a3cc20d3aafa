"""Long tables, a row for each asset and day, become one column per asset."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.data.dates import ParsedDates, order_days
from regimecorr.data.fields import (
    canonical,
    choose_field,
    describe_field,
    is_asset_word,
    is_close,
    is_field,
    is_price,
    squeeze,
    words,
)
from regimecorr.data.names import require
from regimecorr.data.values import MISSING, filled, to_float
from regimecorr.errors import DataError, DuplicateDateError

__all__ = ["find_asset_column", "pivot"]

IntArray: TypeAlias = npt.NDArray[np.intp]

#: Headers of a column that says which price a row holds, and of one that says how it was made.
_FIELD_WORDS = words("field fields fieldname variable attribute metric measure item")
_FLAG_WORDS = words("adjusted isadjusted autoadjust autoadjusted")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def find_asset_column(
    frame: pd.DataFrame, dates: ParsedDates, date_column: str | None
) -> str | None:
    """Find the column that names the asset of every row; None where the table is not long.

    Such a column is called ticker, symbol, asset or the like and holds text; one of numbers (the
    identifiers of some vendors) counts where days stand more than once.

    Raises
    ------
    DataError
        Several columns can be it.
    DuplicateDateError
        Days stand more than once and there is text beside them, but under no such name.
    """
    called = [name for name in frame.columns if name != date_column and is_asset_word(name)]
    repeated = not dates.days.dropna().is_unique
    # A column of prices may be called COIN or FUND; a word among its numbers makes it no names.
    least = 0.0 if repeated else 0.5
    found = [name for name in called if _share_of_text(frame[name]) > least]
    if not found and repeated:
        found = [name for name in called if not frame[name].is_unique]
    if len(found) > 1:
        exact = [name for name in found if squeeze(name) == "asset"]
        if len(exact) != 1:
            raise DataError(
                f"{len(found)} columns can name the assets of this long table "
                f'({", ".join(map(repr, found))}); the limit is one. Call one of them "asset", '
                f"or drop the others."
            )
        found = exact
    if not found and repeated:
        _hint(frame, date_column)
    return found[0] if found else None


def holds_text(column: pd.Series) -> bool:
    """Tell whether some field of a column is text that is no number."""
    return _share_of_text(column) > 0.0


def _share_of_text(column: pd.Series) -> float:
    """Share of the different entries of a column that are text and no number."""
    if pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "mM":
        return 0.0
    items = pd.Series(column.astype(object).dropna().unique(), dtype=object)
    texts = items[[isinstance(item, str) and item.strip() not in MISSING for item in items]]
    return float(pd.to_numeric(texts, errors="coerce").isna().sum() / max(len(items), 1))


def pivot(
    frame: pd.DataFrame,
    dates: ParsedDates,
    date_column: str | None,
    asset_column: str,
    wanted: Sequence[str] | None,
    price: str | None,
) -> tuple[pd.DataFrame, tuple[str, ...], dict[str, Any]]:
    """Turn a long table into one column per asset.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Columns named by unique text.
    dates : ParsedDates
        Day of every row.
    date_column : str or None
        Where they stand; None for the index.
    asset_column : str
        Names the asset of every row.
    wanted : sequence of str or None
        Assets to keep; None keeps all, in the order in which they first appear.
    price : str or None
        The field that is the price; None chooses as `choose_field` says.

    Returns
    -------
    frame : DataFrame of shape (n_days, n_assets)
        float64 prices on sorted days.
    notes : tuple of str
        What was done.
    told : dict
        What the price is, for the provenance.

    Raises
    ------
    DuplicateDateError
        An asset has two prices of one day.
    UnsortedDatesError
        The days of an asset run neither forward nor backward.
    DataError
        A row without asset or date, or no price to choose.
    """
    codes, names = _assets(frame[asset_column])
    places = list(range(len(names)))
    if wanted is not None:
        places = [names.index(require(name, names)) for name in wanted]
    place_of = np.full(len(names), -1)
    place_of[places] = np.arange(len(places))
    kept = place_of[codes] >= 0
    rest = [name for name in frame.columns if name not in (date_column, asset_column)]
    part, days = frame.loc[kept, rest], dates.days[kept]
    codes, names = place_of[codes[kept]], [names[place] for place in places]
    column, rows, told, note = _price_column(part, codes, names, price)
    values, codes, days = part[column].loc[rows], codes[rows], days[rows]
    where = "the index" if date_column is None else f"column {date_column!r}"
    table, backward = _fill(values, codes, days, names, where)
    notes = [f"long table: prices {column!r} of the assets in {asset_column!r}", note]
    if backward:
        notes.append("reversed: rows were newest first")
    return table, tuple(notes), told


def _hint(frame: pd.DataFrame, date_column: str | None) -> None:
    for name in frame.columns:
        if name != date_column and squeeze(name) not in _FIELD_WORDS and holds_text(frame[name]):
            raise DuplicateDateError(
                f"Days stand more than once and column {name!r} holds text, as in a long table, "
                f"but no column is called asset, ticker, symbol or the like. If {name!r} names "
                f'the assets, call it "asset"; otherwise keep one row per calendar day.'
            )


def _assets(column: pd.Series) -> tuple[IntArray, list[str]]:
    """Number the assets of the rows, by first appearance."""
    codes, labels = pd.factorize(column.astype(object))
    texts = [_text(label) for label in labels]
    empty = (codes < 0) | np.isin(codes, [n for n, text in enumerate(texts) if not text])
    if empty.any():
        row = int(np.flatnonzero(empty)[0]) + 1
        raise DataError(
            f"Row {row} of {len(codes)} names no asset in column {column.name!r}: name it or drop "
            f"the row."
        )
    names = list(dict.fromkeys(texts))
    same = np.array([names.index(text) for text in texts], dtype=np.intp)
    return same[codes], names


def _text(label: Hashable) -> str:
    # Identifiers that are numbers become floats where a field of the column was empty.
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()


def _price_column(
    part: pd.DataFrame, codes: IntArray, names: Sequence[str], price: str | None
) -> tuple[str, npt.NDArray[np.bool_], dict[str, Any], str]:
    """Choose the column of prices, and the rows of the field that is the price."""
    flag = next((n for n in part.columns if _is_flag(part[n])), None)
    field = next((n for n in part.columns if squeeze(n) in _FIELD_WORDS), None)
    others = [name for name in part.columns if name not in (flag, field)]
    rows = np.ones(len(part), dtype=bool)
    if field is not None and holds_text(part[field]):
        kinds = part[field].map(canonical).to_numpy()
        offered = {name: list(kinds[codes == place]) for place, name in enumerate(names)}
        chosen = choose_field(offered, price)
        column, _ = _one_column(others, None, {"the table": [canonical(n) for n in others]})
        rows = kinds == chosen
    else:
        offered = _offered(part[others], codes, names)
        column, chosen = _one_column(others, price, offered)
    told, note = describe_field(chosen, beside=itertools.chain(*offered.values()))
    if flag is not None:
        told["adjusted"] = _flag_of(part[flag][rows])
        note = f"price: {chosen}; adjusted according to column {flag!r}: {told['adjusted']}"
    return column, rows, told, note


def _is_flag(column: pd.Series) -> bool:
    # In some tables "adjusted" is the adjusted price itself.
    return squeeze(column.name) in _FLAG_WORDS and {
        str(item).strip().casefold() for item in column.dropna().unique()
    } <= set(_FLAGS)


def _flag_of(column: pd.Series) -> bool | None:
    found = {_FLAGS[str(item).strip().casefold()] for item in column.dropna().unique()}
    if len(found) > 1 or (found and column.isna().any()):
        raise DataError(
            f"Adjusted and unadjusted prices are mixed: column {column.name!r} is not the same in "
            f"all rows. Keep the rows of one kind."
        )
    return found.pop() if found else None


def _offered(part: pd.DataFrame, codes: IntArray, names: Sequence[str]) -> dict[str, list[str]]:
    """Fields of every asset; of two kinds of close those that have a price of it."""
    fields = [canonical(name) for name in part.columns]
    if sum(map(is_close, fields)) < 2:
        return {"the table": fields}
    priced = {}
    for name, field in zip(part.columns, fields, strict=True):
        if is_close(field):
            has = filled(part[name])
            priced[field] = np.bincount(codes[has], minlength=len(names)) > 0
    common = [field for field in fields if not is_close(field)]
    result = {}
    for place, asset in enumerate(names):
        own = [field for field, has in priced.items() if has[place]]
        if own:
            result[asset] = own + common
    return result or {"the table": fields}


def _one_column(
    others: Sequence[str], price: str | None, offered: dict[str, list[str]]
) -> tuple[str, str]:
    fields = {name: canonical(name) for name in others}
    if price is None and len(others) == 1:
        field = fields[others[0]]
        # Whatever it is called, it is the price; only what is known to be none is refused.
        if is_price(field) or not is_field(field):
            return others[0], field
    chosen = choose_field(offered, price)
    named = [name for name, field in fields.items() if field == chosen]
    if len(named) != 1:
        raise DataError(
            f"{len(named)} columns can be the price {chosen!r} ({', '.join(map(repr, named))}); "
            f"the limit is one. Drop or rename the others."
        )
    return named[0], chosen


def _fill(
    values: pd.Series, codes: IntArray, days: pd.DatetimeIndex, names: Sequence[str], where: str
) -> tuple[pd.DataFrame, bool]:
    """Put the prices of each asset into its column; tell whether some stood newest first."""
    if days.hasnans:
        row = int(np.flatnonzero(days.isna())[0]) + 1
        raise DataError(f"Row {row} of {len(days)} has no date in {where}: give it one or drop it.")
    day_codes, unique = pd.factorize(days, sort=True)
    _check_single(day_codes, codes, pd.DatetimeIndex(unique), names, where)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    table = np.full((len(unique), len(names)), np.nan)
    backward = False
    for place, name in enumerate(names):
        mine = order[bounds[place] : bounds[place + 1]]
        backward |= order_days(
            days[mine],
            label=f"{where} for {name!r}",
            remedy="the rows of each asset by date",
        )
        table[day_codes[mine], place] = to_float(values.iloc[mine], name=name, days=days[mine])
    return pd.DataFrame(table, index=pd.DatetimeIndex(unique), columns=pd.Index(names)), backward


def _check_single(
    day_codes: IntArray,
    codes: IntArray,
    days: pd.DatetimeIndex,
    names: Sequence[str],
    where: str,
) -> None:
    both = codes.astype(np.int64) * len(days) + day_codes
    found, counts = np.unique(both, return_counts=True)
    if (counts == 1).all():
        return
    first = int(np.argmax(counts > 1))
    asset, day = names[int(found[first]) // len(days)], days[int(found[first]) % len(days)]
    raise DuplicateDateError(
        f"{asset!r} has {counts[first]} rows of {day:%Y-%m-%d} in {where} "
        f"({int((counts > 1).sum())} such repetitions in all); the limit is one price per asset "
        f"and calendar day. Drop the repetition, or keep the last with "
        f"table.drop_duplicates([date, asset], keep='last')."
    )
