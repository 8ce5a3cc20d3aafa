"""Downloading daily closes: the only module of the package that opens connections."""

from __future__ import annotations

import datetime as dt
import http.client
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from regimecorr.data.cache import Cache, default_folder
from regimecorr.data.fetching import Day, Request, fetch_all, parse_age
from regimecorr.data.providers import (
    CboeSource,
    FredSource,
    Source,
    StooqSource,
    YahooChartSource,
)
from regimecorr.data.responses import BusyError, read_retry_after
from regimecorr.errors import DataError, DownloadError, SourceRefusedError

__all__ = ["Source", "SourceChoice", "YahooSource", "download", "http_get"]

SourceChoice: TypeAlias = str | Source | Sequence[str | Source] | None

#: Times the timeout after which an answer that comes drop by drop is given up.
_WHOLE = 6.0
#: Bytes; the longest history of a provider has a few hundred thousand.
_LARGEST = 50_000_000
_PART = 65_536


def http_get(url: str, params: Mapping[str, str], timeout: float) -> str:
    """Fetch a text over HTTP.

    Parameters
    ----------
    url : str
        Address; signs such as "^" are encoded here.
    params : mapping of str to str
        Query parameters.
    timeout : float
        Seconds to wait for a connection and for every further part of the answer; all of it must
        be there within six times as many.

    Returns
    -------
    str
        The body as UTF-8 text. It ends in a line break where the server said how long it is and
        all of it came; otherwise it ends as it came and may have been cut off.

    Raises
    ------
    SourceRefusedError
        A status that will not change, such as 403 or 404.
    BusyError
        Status 429 or 503, with the seconds after which the server wants to be asked again.
    DownloadError
        No connection, another passing status, a body that was cut off, too slow or too long, or
        no text.
    """
    query = f"?{urllib.parse.urlencode(params)}" if params else ""
    address = urllib.parse.quote(url, safe=":/") + query
    host = urllib.parse.urlsplit(address).netloc
    # Several providers turn away the default name of Python's client.
    headers = {"User-Agent": "Mozilla/5.0 (compatible; regimecorr)", "Accept": "*/*"}
    request = urllib.request.Request(address, headers=headers)
    deadline = time.monotonic() + _WHOLE * timeout
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            body, whole = _read_body(answer, host, deadline)
        text = body.decode("utf-8")
    except urllib.error.HTTPError as error:
        with error:
            refused = _status(error, host)
    except http.client.HTTPException as error:
        raise DownloadError(f"the answer of {host} was cut off ({error!r})") from error
    except UnicodeDecodeError as error:
        raise DownloadError(f"the answer of {host} is not text") from error
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"no connection to {host} ({error})") from error
    else:
        return text if not whole or text.endswith("\n") else text + "\n"
    # Raised here it has no cause: one with an open answer in it cannot travel between processes.
    raise refused


def _read_body(answer: http.client.HTTPResponse, host: str, deadline: float) -> tuple[bytes, bool]:
    """Read an answer part by part; tell whether its end is known."""
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(_PART):
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise DownloadError(f"the answer of {host} is longer than {_LARGEST:,} bytes")
        if time.monotonic() > deadline:
            raise DownloadError(f"the answer of {host} is too slow ({size:,} bytes had come)")
    # Reading by parts, Python's client says nothing of a connection that is closed too early.
    if answer.length:
        raise http.client.IncompleteRead(b"".join(parts), answer.length)
    return b"".join(parts), answer.chunked or answer.length is not None


def _status(error: urllib.error.HTTPError, host: str) -> DownloadError:
    """Make an error of an answer that is none."""
    told = f"{host} answered {error.code} {error.reason}"
    if error.code in (429, 503):
        seconds = read_retry_after(error.headers.get("Retry-After"), error.headers.get("Date"))
        if seconds is not None:
            return BusyError(f"{told} and wants to be asked again after {seconds:.0f} s", seconds)
    passing = error.code in (408, 425, 429) or error.code >= 500
    return DownloadError(told) if passing else SourceRefusedError(told)


@dataclass(frozen=True, slots=True)
class YahooSource:
    """Yahoo Finance through the optional package yfinance."""

    name: str = "yahoo"

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        """Deliver closes adjusted for splits; see `Source.fetch`."""
        try:
            import yfinance
        except ImportError as error:
            raise SourceRefusedError(
                'yfinance is not installed: pip install "regimecorr[data]"'
            ) from error
        # Yahoo excludes the end day.
        last = None if end is None else end + dt.timedelta(days=1)
        with _kept_quiet("yfinance") as told:
            try:
                frame = yfinance.Ticker(ticker).history(
                    start=start or dt.date(1970, 1, 1),
                    end=last,
                    interval="1d",
                    auto_adjust=False,
                    actions=False,
                    timeout=timeout,
                )
            except Exception as error:
                # yfinance lets errors of its HTTP, JSON and frame code through; all mean the same.
                raise DownloadError(f"yfinance failed ({type(error).__name__}: {error})") from error
        if frame is None or len(frame) == 0:
            why = f" ({told[-1]})" if told else ""
            raise DownloadError(f"yfinance delivered no rows for {ticker}{why}")
        if "Close" not in frame.columns:
            raise SourceRefusedError(f"yfinance has no column Close, but {list(frame.columns)}")
        return pd.Series(frame["Close"]).dropna()


class _Collector(logging.Handler):
    """Keeps what is logged in place of writing it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(" ".join(record.getMessage().split())[:200])


@contextmanager
def _kept_quiet(name: str) -> Iterator[list[str]]:
    """Collect what a logger says instead of letting it reach the terminal."""
    logger = logging.getLogger(name)
    before = logger.handlers, logger.propagate, logger.level
    collector = _Collector()
    logger.handlers, logger.propagate = [collector], False
    try:
        yield collector.messages
    finally:
        logger.handlers, logger.propagate = before[:2]
        logger.setLevel(before[2])


def _builtin() -> dict[str, Source]:
    # Stooq comes last: since July 2026 it mostly sends programs a page for browsers.
    sources: tuple[Source, ...] = (
        YahooSource(),
        YahooChartSource(http_get),
        CboeSource(http_get),
        FredSource(http_get),
        StooqSource(http_get),
    )
    return {source.name: source for source in sources}


def download(
    tickers: str | Sequence[str],
    *,
    source: SourceChoice = None,
    start: Day = None,
    end: Day = None,
    timeout: float = 10.0,
    retries: int = 2,
    max_age: str | dt.timedelta = "12h",
    refresh: bool = False,
    cache_dir: str | Path | None = None,
) -> pd.DataFrame:
    """Download daily closes, or take them from the cache while they are fresh.

    Parameters
    ----------
    tickers : str or sequence of str
        In Yahoo's notation, such as ["ETH-USD", "^RUT"].
    source : str, Source, sequence of these, or None, default=None
        Where to ask, in this order: "yahoo" (needs yfinance), "yahoo-chart", "cboe" (US
        indices), "fred" (crypto and US indices), "stooq", or an own object with `name` and
        `fetch`. None tries all five.
    start, end : str, date or None, default=None
        First and last day of the result, both included. The whole history is fetched and cached
        in any case, so that one entry serves every span.
    timeout : float, default=10.0
        Seconds to wait for each answer to begin and to go on; six times as many for all of it.
    retries : int, default=2
        How often a source is asked again after a passing failure, after about 1, 2, 4 ...
        seconds, or later if it says so; one that wants to be left alone for more than a minute
        is not asked again. 0 asks once.
    max_age : str or timedelta, default="12h"
        Cached closes up to this age are used without asking.
    refresh : bool, default=False
        True asks even if the cache is fresh.
    cache_dir : str, Path or None, default=None
        Folder of the cache. None takes the environment variable REGIMECORR_CACHE, else the
        user's cache folder.

    Returns
    -------
    DataFrame of shape (n_days, n_tickers)
        Closes adjusted for splits but not for dividends, NaN where a ticker has none that day,
        checked as by `load_prices`; `attrs["provenance"]` tells the source and the moment of
        each ticker. Days not yet over in UTC are left out: their last price is no close. What is
        cached is only replaced by a complete answer that reaches as far.

    Raises
    ------
    DownloadError
        No source delivered a ticker and the cache has none; the message tells what was tried.
    DataError
        An unknown source name or option, or a ticker twice.

    Warns
    -----
    StaleDataWarning
        A cached download past `max_age` stands in because no source delivered, or the newest
        close is older than 14 days.
    RegimeCorrWarning
        A damaged cache entry was ignored, or the download could not be cached.

    Examples
    --------
    An own source needs a name and a method:

    >>> import tempfile, pandas as pd
    >>> from regimecorr.data.sources import download
    >>> class Desk:
    ...     name = "desk"
    ...     def fetch(self, ticker, start, end, timeout):
    ...         days = pd.date_range(end=pd.Timestamp.now("UTC").normalize(), periods=4)
    ...         return pd.Series([1.0, 2.0, 3.0, 4.0], index=days)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prices = download("X", source=Desk(), cache_dir=folder)
    >>> prices["X"].tolist()
    [1.0, 2.0, 3.0]
    """
    request = Request(timeout, retries, parse_age(max_age), refresh)
    cache = Cache(Path(cache_dir) if cache_dir is not None else default_folder())
    return fetch_all(tickers, _sources(source), request, cache, start=start, end=end)


def _sources(choice: SourceChoice) -> list[Source]:
    known = _builtin()
    if choice is None:
        return list(known.values())
    given = [choice] if isinstance(choice, str | Source) else list(choice)
    result: list[Source] = []
    for item in given:
        if isinstance(item, str) and item in known:
            result.append(known[item])
        elif isinstance(item, Source) and not isinstance(item, str):
            result.append(item)
        else:
            raise DataError(
                f"There is no source {item!r}; choose among {', '.join(known)}, or pass an object "
                f"with the attribute name and the method fetch(ticker, start, end, timeout)."
            )
    if not result:
        raise DataError(f"source is empty; choose among {', '.join(known)}.")
    return result
