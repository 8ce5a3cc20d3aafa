"""Tables of every layout become one column per asset: wide, long, bars, two levels of columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regimecorr.data.date_column import find_dates
from regimecorr.data.dates import ParsedDates, parse_dates
from regimecorr.data.fields import (
    are_bars,
    canonical,
    check_unmixed,
    choose_field,
    describe_field,
    is_asset_word,
    is_close,
    is_price,
    split_name,
    squeeze,
    words,
)
from regimecorr.data.long import find_asset_column, holds_text, pivot
from regimecorr.data.names import check_names, require
from regimecorr.data.values import filled
from regimecorr.errors import DataError

__all__ = ["Plain", "flatten"]

_LEVEL_WORDS = words("price field fields attribute attributes variable variables")


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A table with one column per asset.

    Attributes
    ----------
    frame : DataFrame of shape (n_rows, n_assets)
        Prices as they came, or already numbers.
    dates : ParsedDates
        Day of every row.
    where : str
        Where the dates stand, for messages.
    notes : tuple of str
        What was done on the way.
    price : dict or None
        Which field the prices are and whether it is adjusted; None where the table does not say.
    """

    frame: pd.DataFrame
    dates: ParsedDates
    where: str
    notes: tuple[str, ...] = ()
    price: dict[str, Any] | None = None


def flatten(
    frame: pd.DataFrame, wanted: Sequence[str] | None, price: str | None, known: str | None
) -> Plain:
    """Bring a table of any layout into the wide one.

    Parameters
    ----------
    frame : DataFrame
        With at least one row; not changed.
    wanted : sequence of str or None
        Assets to keep, in this order; None keeps all.
    price : str or None
        The field that is the price; None chooses as `choose_field` says.
    known : str or None
        The canonical field that the prices are, where an earlier `load_prices` chose it.

    Returns
    -------
    Plain

    Raises
    ------
    DataError
        The dates, the assets or the prices cannot be told, or closes and adjusted closes are
        mixed; see `load_prices`.
    """
    if frame.columns.nlevels > 2:
        raise DataError(
            f"The table has {frame.columns.nlevels} levels of columns; the limit is two, one of "
            f'them the field. Choose one first, for example prices = data["Close"].'
        )
    if isinstance(frame.columns, pd.MultiIndex):
        return _from_levels(frame, wanted, price)
    names = check_names(list(frame.columns), where="The table of prices")
    plain = _index_to_columns(frame.set_axis(names, axis=1))
    dates, column = find_dates(plain, not_dates=wanted or ())
    assets = find_asset_column(plain, dates, column)
    if assets is not None:
        table, notes, told = pivot(plain, dates, column, assets, wanted, price)
        days = ParsedDates(pd.DatetimeIndex(table.index), dates.kind, dates.zone, dates.notes)
        return Plain(table, days, "the index", notes, told)
    if "" in (names if wanted is None else wanted) and column != "":
        raise DataError(
            f"Column {names.index('') + 1} has no name but is not the dates; name it, or drop it "
            f"(a column of row numbers is written by to_csv without index=False)."
        )
    rest = plain.drop(columns=[] if column is None else [column])
    where = "the index" if column is None else f"column {column!r}"
    return _from_flat(rest, dates, where, wanted, price, known)


def _index_to_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index of (date, asset), or one of assets, into columns."""
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        names: list[str] = []
        for place, name in enumerate(index.names):
            if name is None:
                level = index.levels[place]
                dated = parse_dates(level, label=f"level {place} of the index") is not None
                name = "date" if dated else "asset"
            names.append(str(name).strip())
        check_names([*names, *frame.columns], where="The table of prices, with its index,")
        return frame.rename_axis(names).reset_index()
    named = index.name is not None and is_asset_word(index.name) and index.name not in frame
    return frame.reset_index() if named and holds_text(index.to_series()) else frame


def _from_flat(
    frame: pd.DataFrame,
    dates: ParsedDates,
    where: str,
    wanted: Sequence[str] | None,
    price: str | None,
    known: str | None,
) -> Plain:
    """Read columns of one level: assets, the bars of one asset, or flattened names."""
    names = [str(name) for name in frame.columns]
    split = {name: split_name(name) for name in names}
    fields = [canonical(name) for name in names]
    if wanted is None and are_bars(fields):
        return _from_bars(frame, fields, dates, where, price)
    flattened = _flattened(split, price)
    if flattened is not None and not (wanted is not None and set(wanted) <= set(names)):
        return _select(frame.set_axis(flattened, axis=1), 0, dates, where, wanted, price)
    kept = names if wanted is None else [require(name, names) for name in wanted]
    said = {name: _field_said(name, split[name]) for name in kept}
    check_unmixed(said)
    same = {field for field in said.values() if is_close(field)}
    told: dict[str, Any] | None = None
    notes: list[str] = []
    if len(same) == 1 and all(is_close(field) for field in said.values()):
        told, *notes = describe_field(same.pop(), beside=())
    if price is not None and canonical(price) not in (known, told and told["field"]):
        raise DataError(
            f"price={price!r}, but the table does not say which price its columns are "
            f"({', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}). Leave the "
            f'option out, or name the columns by it, for example "SPY Close".'
        )
    return Plain(frame[kept], dates, where, tuple(notes), told)


def _from_bars(
    frame: pd.DataFrame,
    fields: Sequence[str],
    dates: ParsedDates,
    where: str,
    price: str | None,
) -> Plain:
    """Keep one field of the only asset; its column keeps the name of the field."""
    chosen = choose_field({"the table": fields}, price)
    found = [name for name, field in zip(frame.columns, fields, strict=True) if field == chosen]
    if len(found) != 1:
        raise DataError(
            f"{len(found)} columns can be the price ({', '.join(map(repr, found))}); the limit is "
            f"one. Drop or rename the others."
        )
    told, note = describe_field(chosen, beside=fields)
    return Plain(frame[found], dates, where, (f"bars of one asset; {note}",), told)


def _field_said(name: str, split: tuple[str, str] | None) -> str:
    field = canonical(name) if split is None else split[1]
    return field if is_close(field) else ""


def _flattened(split: dict[str, tuple[str, str] | None], price: str | None) -> pd.MultiIndex | None:
    """Return the two levels that were flattened into names such as "SPY Close", if they were.

    They were when every name is an asset with a field, every asset has a price, and some asset has
    several fields or a price is asked for.
    """
    pairs = [parts for parts in split.values() if parts is not None]
    if not pairs or len(pairs) < len(split):
        return None
    priced = {asset for asset, field in pairs if is_close(field)}
    assets = {asset for asset, _ in pairs}
    if priced != assets or (len(assets) == len(pairs) and price is None):
        return None
    return pd.MultiIndex.from_tuples([(field, asset) for asset, field in pairs])


def _from_levels(frame: pd.DataFrame, wanted: Sequence[str] | None, price: str | None) -> Plain:
    """Read columns of two levels, a field and an asset, in either order."""
    dates = parse_dates(frame.index, label="the index")
    where = "the index"
    if dates is None:
        # reset_index leaves ("Date", ""): a name on one level and nothing on the other.
        lone = [not all(str(label).strip() for label in labels) for labels in frame.columns]
        beside = frame.loc[:, lone]
        labels = ["".join(map(str, labels)) for labels in beside.columns]
        beside = beside.set_axis(check_names(labels, where="The table of prices"), axis=1)
        dates, column = find_dates(beside)
        where = f"column {column!r}"
        frame = frame.loc[:, [not left for left in lone]]
    if frame.shape[1] == 0:
        raise DataError("The table of prices has no column besides the dates; one is needed.")
    return _select(frame, _field_level(frame.columns, price), dates, where, wanted, price)


def _field_level(columns: pd.Index, price: str | None) -> int:
    """Find the level that holds fields such as Close; the other one holds the assets."""
    for level, name in enumerate(columns.names):
        if name is not None and squeeze(name) in _LEVEL_WORDS:
            return level
        if name is not None and is_asset_word(name):
            return 1 - level
    fields = [{canonical(x) for x in columns.get_level_values(n)} for n in (0, 1)]
    wish = {canonical(price)} if price is not None else set()
    closes, prices = ({f for f in fields[0] | fields[1] if of(f)} for of in (is_close, is_price))
    found: list[int] = []
    for sought in (wish, closes, prices):
        found = [level for level in (0, 1) if fields[level] & sought]
        if len(found) == 1:
            return found[0]
        if found:
            break
    shown = [", ".join(map(repr, dict.fromkeys(columns.get_level_values(n)))) for n in (0, 1)]
    raise DataError(
        f"The table has 2 levels of columns and {'both' if found else 'none'} may hold the field "
        f"({shown[0]}; {shown[1]}). Name them, data.columns.names = ['Price', 'Ticker'], or choose "
        f'first: prices = data["Close"].'
    )


def _select(
    frame: pd.DataFrame,
    level: int,
    dates: ParsedDates,
    where: str,
    wanted: Sequence[str] | None,
    price: str | None,
) -> Plain:
    """Keep one field of every asset."""
    fields = [canonical(label) for label in frame.columns.get_level_values(level)]
    assets = [str(label).strip() for label in frame.columns.get_level_values(1 - level)]
    names = list(dict.fromkeys(assets))
    kept = names if wanted is None else [require(name, names) for name in wanted]
    offered: dict[str, list[str]] = {}
    for place, (asset, field) in enumerate(zip(assets, fields, strict=True)):
        # A download that failed leaves empty columns, which are told later.
        if asset in kept and filled(frame.iloc[:, place]).any():
            offered.setdefault(asset, []).append(field)
    chosen = choose_field(offered or {name: fields for name in kept}, price)
    places: dict[str, list[int]] = {name: [] for name in names}
    for place, (asset, field) in enumerate(zip(assets, fields, strict=True)):
        if field == chosen:
            places[asset].append(place)
    for name in kept:
        if len(places[name]) != 1:
            raise DataError(
                f"{name!r} has {len(places[name])} columns of the price {chosen!r}; one is needed. "
                f"Drop or rename the others."
            )
    told, note = describe_field(chosen, beside=itertools.chain(*offered.values()))
    columns = [places[name][0] for name in kept]
    return Plain(frame.iloc[:, columns].set_axis(kept, axis=1), dates, where, (note,), told)
