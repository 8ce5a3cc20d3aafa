"""Fetching with retries, the cache and its fallback; the sources themselves are passed in."""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from regimecorr.data import provenance
from regimecorr.data.cache import Cache, CacheEntry
from regimecorr.data.dates import parse_dates, parse_day
from regimecorr.data.prices import check_names, load_prices
from regimecorr.data.providers import Source, describe_source
from regimecorr.data.responses import BusyError
from regimecorr.errors import (
    DataError,
    DownloadError,
    RegimeCorrWarning,
    SourceRefusedError,
    StaleDataWarning,
    warn_user,
)

__all__ = ["Clock", "Request", "fetch_all", "parse_age"]

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())

Day: TypeAlias = str | dt.date | None

#: A series whose newest close is older than this is probably discontinued.
_DORMANT = dt.timedelta(days=14)
#: How much further than the clock the beginning of a history may move on.
_MOVING = pd.Timedelta(days=31)
#: Share of the days of a cached history that a new one may lack: corrections take out a few.
_MOST_MISSING = 0.05
#: Seconds; who wants to be left alone for longer is not waited for.
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, so that tests need neither."""

    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class Request:
    """How to ask.

    Attributes
    ----------
    timeout : float
        Seconds to wait for an answer.
    retries : int
        Further attempts after a passing failure.
    max_age : timedelta
        Cached closes up to this age are used without asking.
    refresh : bool
        Ask even if they are fresh.
    """

    timeout: float
    retries: int
    max_age: dt.timedelta
    refresh: bool

    def __post_init__(self) -> None:
        if self.retries < 0 or not self.timeout > 0:
            raise DataError(
                f"retries is {self.retries} and timeout is {self.timeout}; retries must be at "
                f"least 0 and timeout above 0 seconds."
            )


def fetch_all(
    tickers: str | Sequence[str],
    sources: Sequence[Source],
    request: Request,
    cache: Cache,
    *,
    start: Day = None,
    end: Day = None,
    clock: Clock | None = None,
) -> pd.DataFrame:
    """Do the work of `download`, whose documentation applies.

    Parameters
    ----------
    tickers : str or sequence of str
        What to fetch.
    sources : sequence of Source
        Asked in this order.
    request : Request
        How to ask.
    cache : Cache
        Where downloads are kept.
    start, end : str, date or None, default=None
        First and last day of the result.
    clock : Clock or None, default=None
        Time and chance; None takes those of the system.

    Returns
    -------
    DataFrame of shape (n_days, n_tickers)
        Closes with their provenance.

    Raises
    ------
    DownloadError
        No source delivered a ticker and the cache has none.
    """
    clock = clock or Clock()
    found: dict[str, CacheEntry] = {}
    failed: list[str] = []
    names = _tickers(tickers)
    for ticker in names:
        entries = {source.name: cache.load(ticker, source.name) for source in sources}
        present = [entry for entry in entries.values() if entry is not None]
        stored = max(present, key=lambda entry: entry.retrieved, default=None)
        now = clock.now()
        if stored is not None and not request.refresh and _fresh(stored, request.max_age, now):
            found[ticker] = stored
            continue
        reasons: list[str] = []
        fetched = _fetch(ticker, sources, request, cache, entries, clock, reasons)
        if fetched is not None:
            found[ticker] = fetched
        elif stored is not None:
            found[ticker] = stored
            warn_user(_old(ticker, stored, now, reasons), StaleDataWarning)
        else:
            failed.append(f"{ticker}: {'; '.join(reasons)}.")
    if failed:
        raise DownloadError(
            f"No source delivered {len(failed)} of {len(names)} tickers, and the cache has none. "
            f"{' '.join(failed)} Check the ticker and the connection, choose another source, or "
            f"load a file with load_prices."
        )
    return _table(found, start, end)


def _fetch(
    ticker: str,
    sources: Iterable[Source],
    request: Request,
    cache: Cache,
    entries: Mapping[str, CacheEntry | None],
    clock: Clock,
    reasons: list[str],
) -> CacheEntry | None:
    """Ask one source after the other; note the reason of each failure."""
    for source in sources:
        try:
            raw = _ask(source, ticker, request, clock)
            now = clock.now()
            prices = _checked(raw, ticker, source.name, now)
            _check_continues(prices, entries[source.name], now)
        except OSError as error:
            reasons.append(f"{source.name}: {error}")
            logger.info("%s from %s failed: %s", ticker, source.name, error)
            continue
        notes = describe_source(source)
        try:
            record = cache.store(
                prices, ticker=ticker, source=source.name, retrieved=now, notes=notes
            )
        except OSError as error:
            warn_user(
                f"The download of {ticker} could not be cached in {cache.folder} ({error}); it is "
                f"used, but will be fetched again. Choose another folder with cache_dir.",
                RegimeCorrWarning,
            )
            moment = now.astimezone(dt.UTC).isoformat(timespec="seconds")
            record = {"ticker": ticker, "source": source.name, "retrieved": moment}
            record["notes"] = list(notes)
        return CacheEntry(prices, now, record)
    return None


def _ask(source: Source, ticker: str, request: Request, clock: Clock) -> pd.Series:
    attempt = 0
    while True:
        try:
            return source.fetch(ticker, None, None, request.timeout)
        except SourceRefusedError:
            raise
        except OSError as error:
            asked = error.retry_after if isinstance(error, BusyError) else 0.0
            if attempt >= request.retries or asked > _LONGEST_WAIT:
                raise
            # Chance keeps many users from coming back in the same moment.
            delay = asked + 2.0**attempt * (0.5 + clock.chance())
            logger.info("%s: %s; again in %.1f s", source.name, error, delay)
            clock.sleep(delay)
            attempt += 1


def _checked(raw: object, ticker: str, source: str, now: dt.datetime) -> pd.Series:
    try:
        if not isinstance(raw, pd.Series):
            raise DataError(f"a {type(raw).__name__} in place of a Series")
        parsed = parse_dates(raw.index, label=f"the dates of {ticker}")
        if parsed is None:
            raise DataError(f"no dates: {list(raw.index[:3])}")
        today = pd.Timestamp(now.astimezone(dt.UTC).date())
        over = (parsed.days < today) & parsed.days.notna()
        prices = pd.Series(raw.to_numpy(), index=parsed.days)[over]
        checked = load_prices({ticker: prices})[ticker].dropna()
    except DataError as error:
        raise DownloadError(f"unusable data ({error})") from error
    if now.astimezone(dt.UTC).date() - checked.index[-1].date() > _DORMANT:
        warn_user(
            f"The newest close of {ticker} from {source} is of {checked.index[-1]:%Y-%m-%d}, more "
            f"than {_DORMANT.days} days ago: the series may be discontinued. Check the ticker.",
            StaleDataWarning,
        )
    return checked.rename(ticker)


def _check_continues(prices: pd.Series, entry: CacheEntry | None, now: dt.datetime) -> None:
    """Refuse an answer that lacks what the same source delivered before.

    A table that was cut at the end of a row looks whole. The beginning of a history may move on
    with the clock: some sources keep ten years.
    """
    if entry is None:
        return
    old = entry.prices
    moved = pd.Timedelta(max(now - entry.retrieved, dt.timedelta(0))) + _MOVING
    expected = old.loc[prices.index[0] :].index
    missing = len(expected.difference(prices.index))
    lost = ""
    if prices.index[-1] < old.index[-1]:
        lost = f"ends on {prices.index[-1]:%Y-%m-%d}, the cached one on {old.index[-1]:%Y-%m-%d}"
    elif prices.index[0] > old.index[0] + moved:
        lost = f"begins on {prices.index[0]:%Y-%m-%d}, the cached one on {old.index[0]:%Y-%m-%d}"
    elif missing > _MOST_MISSING * len(expected):
        lost = f"lacks {missing} of {len(expected)} days of the cached one"
    if lost:
        raise DownloadError(
            f"truncated: the history {lost}; delete the cached one if the source now has less"
        )


def _fresh(entry: CacheEntry, limit: dt.timedelta, now: dt.datetime) -> bool:
    # An entry from the future (a clock that was wrong) says nothing about its age.
    return dt.timedelta(0) <= now - entry.retrieved <= limit


def _old(ticker: str, entry: CacheEntry, now: dt.datetime, reasons: list[str]) -> str:
    hours = (now - entry.retrieved).total_seconds() / 3600
    age = f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    return (
        f"{ticker} comes from a cached download that is {age} old (to "
        f"{entry.prices.index[-1]:%Y-%m-%d}), because no source delivered: {'; '.join(reasons)}. "
        f"Try again later, or pass prices of your own."
    )


def _table(found: dict[str, CacheEntry], start: Day, end: Day) -> pd.DataFrame:
    table = load_prices({ticker: entry.prices for ticker, entry in found.items()})
    first = None if start is None else parse_day(start, label="start")
    last = None if end is None else parse_day(end, label="end")
    span = table.loc[first:last]
    if len(span) == 0:
        raise DownloadError(
            f"There is no close between start={start} and end={end}; the history runs from "
            f"{table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}. Choose days within it."
        )
    records: dict[str, Any] = {}
    for ticker, entry in found.items():
        records[ticker] = {k: v for k, v in entry.provenance.items() if k != "file"}
    names = dict.fromkeys(str(record["source"]) for record in records.values())
    notes = dict.fromkeys(f"{t}: {note}" for t, r in records.items() for note in r["notes"])
    result = span.copy()
    result.attrs = {
        provenance.KEY: provenance.describe(
            result,
            source=", ".join(names),
            kind="download",
            notes=notes,
            earlier={"tickers": records, "price": {"field": "close", "adjusted": False}},
        )
    }
    return result


def _tickers(tickers: str | Sequence[str]) -> list[str]:
    given = [tickers] if isinstance(tickers, str) else list(tickers)
    names = check_names(given, where="tickers")
    if not names or "" in names:
        raise DataError(f"tickers is {tickers!r}; name at least one, none of them empty.")
    return names


def parse_age(value: str | dt.timedelta) -> dt.timedelta:
    """Read an age such as "12h" or "2D".

    Raises
    ------
    DataError
        The text cannot be read, or the age is negative.
    """
    try:
        age = pd.Timedelta(value)
    except ValueError as error:
        raise DataError(f'max_age is {value!r}; write it like "12h" or "2D".') from error
    if not age >= pd.Timedelta(0):
        raise DataError(f'max_age is {value!r}; it must not be negative, for example "12h".')
    return age.to_pytimedelta()
