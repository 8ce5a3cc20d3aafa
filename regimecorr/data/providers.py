"""Sources of daily closes that need no key: which address to ask, and how to read the answer.

Nothing here opens a connection; the function that does is passed in by `sources.py`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import pandas as pd

from regimecorr.data.responses import read_chart, read_table
from regimecorr.errors import SourceRefusedError

__all__ = [
    "CboeSource",
    "FredSource",
    "HttpGet",
    "Source",
    "StooqSource",
    "YahooChartSource",
    "describe_source",
]

_DAY = dt.timedelta(days=1)


@runtime_checkable
class Source(Protocol):
    """Anything that delivers the daily closes of a ticker.

    Attributes
    ----------
    name : str
        Short name, used in messages, provenance and file names.
    """

    @property
    def name(self) -> str:
        """Short name of the source."""
        ...

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver closes adjusted for splits but not for dividends.

        Parameters
        ----------
        ticker : str
            In Yahoo's notation, such as "^RUT" or "ETH-USD".
        start, end : date or None
            First and last day wanted, both included; None for no limit. More may be delivered.
        timeout : float
            Seconds to wait for an answer.

        Returns
        -------
        Series of shape (n_days,)
            On a `DatetimeIndex`; time zones are dropped after reading the local day.

        Raises
        ------
        SourceRefusedError
            Asking again will not help.
        OSError
            Anything else that went wrong, `DownloadError` included; it may be tried again.
        """
        ...


class HttpGet(Protocol):
    """Fetch a text over HTTP."""

    def __call__(self, url: str, params: Mapping[str, str], timeout: float) -> str:
        """Return the body, or raise OSError.

        A body that is known to be complete ends in a line break.
        """
        ...


@dataclass(frozen=True, slots=True)
class YahooChartSource:
    """Yahoo's chart service, asked directly; needs no package.

    Parameters
    ----------
    get : HttpGet
        How to fetch a text.
    """

    get: HttpGet
    name: str = "yahoo-chart"

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver closes adjusted for splits; see `Source.fetch`."""
        # "range=max" may come back in weeks or months; an explicit period stays daily.
        last = (end or dt.datetime.now(dt.UTC).date()) + 2 * _DAY
        params = {
            "period1": str(_epoch(start or dt.date(1970, 1, 1))),
            "period2": str(_epoch(last)),
            "interval": "1d",
        }
        url = f"https://query1.finance.yahoo.com/v8/finance/chart/{ticker}"
        return read_chart(self.get(url, params, timeout), source=self.name, ticker=ticker)


@dataclass(frozen=True, slots=True)
class CboeSource:
    """Index histories that Cboe publishes: Russell 2000, S&P 500, VIX.

    Parameters
    ----------
    get : HttpGet
        How to fetch a text.
    """

    get: HttpGet
    name: str = "cboe"
    symbols: ClassVar[Mapping[str, str]] = {
        "^RUT": "RUT",
        "^GSPC": "SPX",
        "^SPX": "SPX",
        "^VIX": "VIX",
    }

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver the whole history of an index; see `Source.fetch`."""
        symbol = _mapped(ticker, self.symbols, self.name)
        url = f"https://cdn.cboe.com/api/global/us_indices/daily_prices/{symbol}_History.csv"
        return read_table(
            self.get(url, {}, timeout),
            date=("date",),
            close=("close", symbol.lower()),
            source=self.name,
            ticker=ticker,
        )


@dataclass(frozen=True, slots=True)
class FredSource:
    """Series of the Federal Reserve Bank of St. Louis; Coinbase prices for crypto.

    The two indices reach back ten years only.

    Parameters
    ----------
    get : HttpGet
        How to fetch a text.
    """

    get: HttpGet
    name: str = "fred"
    symbols: ClassVar[Mapping[str, str]] = {
        "ETH-USD": "CBETHUSD",
        "BTC-USD": "CBBTCUSD",
        "LTC-USD": "CBLTCUSD",
        "^GSPC": "SP500",
        "^DJI": "DJIA",
        "^IXIC": "NASDAQCOM",
        "^VIX": "VIXCLS",
    }

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver the whole series; see `Source.fetch`."""
        series = _mapped(ticker, self.symbols, self.name)
        url = "https://fred.stlouisfed.org/graph/fredgraph.csv"
        return read_table(
            self.get(url, {"id": series}, timeout),
            date=("observation_date", "date"),
            close=(series.lower(),),
            source=self.name,
            ticker=ticker,
        )


@dataclass(frozen=True, slots=True)
class StooqSource:
    """Stooq's CSV; since July 2026 it mostly answers programs with a page for browsers.

    Parameters
    ----------
    get : HttpGet
        How to fetch a text.
    """

    get: HttpGet
    name: str = "stooq"
    symbols: ClassVar[Mapping[str, str]] = {
        "ETH-USD": "eth.v",
        "BTC-USD": "btc.v",
        "LTC-USD": "ltc.v",
        "^GSPC": "^spx",
        "^DJI": "^dji",
        "^IXIC": "^ndq",
    }

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver closes; a plain US ticker such as IWM is asked for as iwm.us."""
        plain = re.fullmatch(r"[A-Z]{1,5}", ticker) is not None
        symbol = f"{ticker.lower()}.us" if plain else _mapped(ticker, self.symbols, self.name)
        # Stooq counts dividends into its prices unless told otherwise: each digit of "o" switches
        # off one kind of adjustment, the first for splits, the second for dividends.
        params = {"s": symbol, "i": "d", "o": "0100000"}
        return read_table(
            self.get("https://stooq.com/q/d/l/", params, timeout),
            date=("date",),
            close=("close",),
            source=self.name,
            ticker=ticker,
        )


def _mapped(ticker: str, symbols: Mapping[str, str], source: str) -> str:
    if ticker not in symbols:
        raise SourceRefusedError(f"{source} has no {ticker} (it has {', '.join(symbols)})")
    return symbols[ticker]


def _epoch(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def describe_source(source: object) -> tuple[str, ...]:
    """Return what the closes of a source are, for the provenance."""
    if isinstance(source, FredSource):
        return ("closes as published by FRED; crypto from Coinbase",)
    if isinstance(source, CboeSource):
        return ("index levels as published by Cboe",)
    return ("closes adjusted for splits, not for dividends",)
