"""The several prices of a day: which field of a table is its price, and what that price is."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regimecorr.errors import DataError

__all__ = ["ADJUSTED", "CLOSE", "canonical", "choose_field", "describe_field", "is_asset_word"]

CLOSE = "close"
ADJUSTED = "adj close"


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


_CLOSES = words(
    "close closeprice closingprice priceclose closelast unadjclose unadjustedclose "
    "closeunadj closeunadjusted rawclose"
)
_ADJUSTEDS = words(
    "adjclose adjustedclose closeadj closeadjusted adjcloseprice adjustedcloseprice "
    "adjclosingprice adjustedclosingprice adjprice adjustedprice priceadj priceadjusted "
    "adjusted adjcp"
)
#: Prices that do not say of which moment of the day they are.
_PRICES = words(
    "price last lastprice pxlast prc px value settle settlement settlementprice settleprice "
    "mid midprice nav fix fixing quote rate level"
)
#: What stands beside prices and is none, or none of the close.
_OTHERS = words(
    "open high low openprice highprice lowprice adjopen adjhigh adjlow adjvolume volume vol "
    "dividends dividend divcash dividendamount stocksplits splits splitfactor splitcoefficient "
    "capitalgains repaired vwap turnover amount openinterest bid ask marketcap "
    "marketcapitalization totalvolume return returns ret logreturn logreturns change "
    "changepct changepercent pctchange shares trades tradecount"
)
_ASSETS = words(
    "asset assets assetname ticker tickers tickersymbol tic symbol symbols instrument security "
    "identifier name code ric isin cusip sedol figi permno gvkey id series seriesid contract "
    "coin stock underlying fund"
)
_BARS = frozenset(("open", "high", "low"))
_LISTED = 5


def canonical(label: object) -> str:
    """Return the name of a field without its spelling.

    Parameters
    ----------
    label : object
        Such as "Adj Close", "adj_close" or "Close/Last".

    Returns
    -------
    str
        "close", "adj close", or the letters and digits of the label in lower case.

    Examples
    --------
    >>> from regimecorr.data.fields import canonical
    >>> canonical("AdjClose"), canonical("Close/Last"), canonical("PX_LAST")
    ('adj close', 'close', 'pxlast')
    """
    plain = squeeze(label)
    if plain in _CLOSES:
        return CLOSE
    return ADJUSTED if plain in _ADJUSTEDS else plain


def squeeze(label: object) -> str:
    """Return the letters and digits of a label in lower case."""
    return _squeeze(str(label))


@functools.lru_cache(maxsize=10_000)
def _squeeze(label: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", label.casefold())


def is_asset_word(label: object) -> bool:
    """Tell whether a header is one under which tables name assets."""
    return squeeze(label) in _ASSETS


def is_close(field: str) -> bool:
    """Tell whether a canonical field is a close, adjusted or not."""
    return field in (CLOSE, ADJUSTED)


def is_price(field: str) -> bool:
    """Tell whether a canonical field is a price that can stand for the day."""
    return is_close(field) or field in _PRICES


def is_field(field: str) -> bool:
    """Tell whether a canonical name is that of a field, a price or something beside it."""
    return is_price(field) or field in _OTHERS


def are_bars(fields: Sequence[str]) -> bool:
    """Tell whether columns are the bars of one asset: open, high, low, close, volume."""
    if len(fields) < 2 or not all(is_field(field) for field in fields):
        return False
    prices = [field for field in fields if is_price(field)]
    return any(is_close(field) for field in fields) or (len(prices) == 1 and set(fields) >= _BARS)


@functools.lru_cache(maxsize=10_000)
def split_name(name: str) -> tuple[str, str] | None:
    """Split the name of a flattened column: "SPY Close" and "Close_SPY" are ("SPY", "close").

    The part that is a field is as long as it can be, so that "SPY_Adj_Close" is an adjusted close
    and no close of "SPY_Adj".
    """
    if is_field(canonical(name)):
        return None
    cuts = [match.span() for match in re.finditer(r"[ _.|:/-]+", name)]
    for begin, stop in cuts:
        if begin and is_field(canonical(name[stop:])):
            return name[:begin], canonical(name[stop:])
    for begin, stop in reversed(cuts):
        if name[stop:] and is_field(canonical(name[:begin])):
            return name[stop:], canonical(name[:begin])
    return None


def choose_field(offered: Mapping[str, Iterable[str]], price: str | None) -> str:
    """Choose the field that is the price, one for all assets.

    Without a wish it is the close; where some asset has none, the adjusted close; and where there
    is neither, the only price there is.

    Parameters
    ----------
    offered : mapping of str to iterable of str
        Canonical fields of every asset that has any.
    price : str or None
        The field wanted.

    Returns
    -------
    str
        Canonical field.

    Raises
    ------
    DataError
        An asset does not have the field wanted, some assets have only closes and others only
        adjusted closes, or several fields or none can be the price.
    """
    fields = {asset: list(dict.fromkeys(found)) for asset, found in offered.items()}
    every = list(dict.fromkeys(field for found in fields.values() for field in found))
    if price is not None:
        wanted = canonical(price)
        lacking = [asset for asset, found in fields.items() if wanted not in found]
        if lacking:
            raise DataError(
                f"price={price!r}, but there is no such price of {_listed(lacking)}; there are: "
                f"{_listed(every)}. Choose one of them."
            )
        return wanted
    for field in (CLOSE, ADJUSTED):
        if fields and all(field in found for found in fields.values()):
            return field
    if any(is_close(field) for field in every):
        check_unmixed({a: next(filter(is_close, f), "") for a, f in fields.items()})
    prices = [field for field in every if is_price(field)]
    if len(prices) == 1 and all(prices[0] in found for found in fields.values()):
        return prices[0]
    raise DataError(
        f"{'No field' if not prices else 'More than one field'} can be the price among "
        f'{_listed(every)}; name one with load_prices(..., price="...").'
    )


def check_unmixed(fields: Mapping[str, str]) -> None:
    """Raise `DataError` where some assets have closes and others adjusted closes."""
    plain = [asset for asset, field in fields.items() if field == CLOSE]
    adjusted = [asset for asset, field in fields.items() if field == ADJUSTED]
    if plain and adjusted:
        raise DataError(
            f"Closes ({_listed(plain)}) and adjusted closes ({_listed(adjusted)}) are mixed: "
            f"dividends would count in the returns of some assets and not of others. Take the same "
            f'for all, with price="close", price="adj close" or columns=[...]; where both are the '
            f"same because an asset pays nothing, rename its column or Series."
        )


def describe_field(field: str, *, beside: Iterable[str]) -> tuple[dict[str, Any], str]:
    """Say what the chosen price is.

    Parameters
    ----------
    field : str
        Canonical.
    beside : iterable of str
        Canonical fields of the same table.

    Returns
    -------
    told : dict
        "field", and "adjusted" for dividends: True, False, or None where nothing says so.
    note : str
        The same in words.
    """
    if field == ADJUSTED:
        return {"field": field, "adjusted": True}, "price: adj close, adjusted for dividends"
    if field == CLOSE and ADJUSTED in set(beside):
        note = "price: close, not adjusted for dividends; the adj close beside it is not used"
        return {"field": field, "adjusted": False}, note
    note = f"price: {field}; whether it is adjusted for dividends is not said"
    return {"field": field, "adjusted": None}, note


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
