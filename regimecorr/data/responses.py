"""Reading what providers answer: text in, closes out, and a reason where it is no data."""

from __future__ import annotations

import csv
import io
import json
import re
from email.utils import parsedate_to_datetime

import pandas as pd

from regimecorr.errors import DownloadError, SourceRefusedError

__all__ = ["BusyError", "check_text", "read_chart", "read_retry_after", "read_table"]


class BusyError(DownloadError):
    """A source wants to be left alone for a while.

    Cause: too many requests, or maintenance.
    Remedy: ask again later; `download` waits by itself when it is a minute or less.

    Parameters
    ----------
    message : str
        What was met.
    retry_after : float
        Seconds.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def read_retry_after(value: str | None, answered: str | None) -> float | None:
    """Read the header Retry-After.

    Parameters
    ----------
    value : str or None
        Seconds, or the moment as an HTTP date.
    answered : str or None
        The header Date of the same answer: the server's own clock, from which a moment is counted.

    Returns
    -------
    float or None
        Seconds, not negative; None where nothing readable is there.

    Examples
    --------
    >>> from regimecorr.data.responses import read_retry_after
    >>> read_retry_after("30", None)
    30.0
    >>> now, then = "Thu, 01 Feb 2024 12:00:00 GMT", "Thu, 01 Feb 2024 12:00:45 GMT"
    >>> read_retry_after(then, now)
    45.0
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        begin = parsedate_to_datetime(answered or "")
        return max((moment - begin).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None  # no date, or one without a zone beside one with


def check_text(text: str, *, source: str, ticker: str) -> str:
    """Tell data from the pages that providers send in its place, often with status 200.

    Raises
    ------
    SourceRefusedError
        A page for browsers.
    DownloadError
        Nothing at all, or a notice that the limit of requests is reached.
    """
    head = text.lstrip("\ufeff \r\n\t")[:2000].lower()
    if not head:
        raise DownloadError(f"{source} sent an empty answer for {ticker}")
    if re.search(r"too many requests|rate limit|exceeded the daily hits", head):
        raise DownloadError(f"{source} says that its limit of requests is reached")
    if head.startswith("<") or "<html" in head:
        raise SourceRefusedError(
            f"{source} sent a web page instead of data for {ticker} (it wants a browser)"
        )
    return text


def read_table(
    text: str,
    *,
    date: tuple[str, ...],
    close: tuple[str, ...],
    source: str,
    ticker: str,
) -> pd.Series:
    """Read a CSV answer.

    Parameters
    ----------
    text : str
        The body, with a line break at its end.
    date, close : tuple of str
        Accepted headers of the two columns, lower case; the first that is there is taken.
    source, ticker : str
        For messages.

    Returns
    -------
    Series of shape (n_days,)
        Text fields as they came, rows without a price ("" or ".") left out.

    Raises
    ------
    SourceRefusedError
        The headers are others.
    DownloadError
        No rows, or a row that was cut off.
    """
    body = io.StringIO(check_text(text, source=source, ticker=ticker))
    rows = [row for row in csv.reader(body) if row]
    header = [field.strip("\ufeff ").lower() for field in rows[0]]
    day = next((header.index(name) for name in date if name in header), None)
    value = next((header.index(name) for name in close if name in header), None)
    if day is None or value is None:
        shown = ", ".join(rows[0])[:80]
        raise SourceRefusedError(f"{source} sent no table of closes for {ticker}: {shown!r}")
    short = next((n for n, row in enumerate(rows) if len(row) != len(header)), None)
    if short is None and not text.endswith("\n"):
        raise DownloadError(
            f"{source} sent a table for {ticker} whose last row may be cut off: "
            f"{','.join(rows[-1])[:80]!r}"
        )
    if short is not None:
        raise DownloadError(
            f"{source} sent a truncated table for {ticker}: row {short} of {len(rows) - 1} has "
            f"{len(rows[short])} of {len(header)} fields"
        )
    kept = [(row[day].strip(), row[value].strip()) for row in rows[1:]]
    kept = [pair for pair in kept if pair[1] not in ("", ".", "null")]
    if not kept:
        raise DownloadError(f"{source} sent no rows for {ticker}")
    return pd.Series([p for _, p in kept], index=pd.Index([d for d, _ in kept]), dtype=object)


def read_chart(text: str, *, source: str, ticker: str) -> pd.Series:
    """Read an answer of Yahoo's chart service.

    Returns
    -------
    Series of shape (n_days,)
        Closes adjusted for splits on stamps in the exchange's time zone, without empty rows.

    Raises
    ------
    SourceRefusedError
        The ticker is unknown, or the rows are not daily.
    DownloadError
        The answer is incomplete.
    """
    try:
        chart = json.loads(check_text(text, source=source, ticker=ticker))["chart"]
        refusal = chart.get("error")
        if refusal:
            raise SourceRefusedError(f"{source} refused {ticker}: {refusal.get('description')}")
        result = chart["result"][0]
        meta = result["meta"]
        stamps = result["timestamp"]
        closes = result["indicators"]["quote"][0]["close"]
        zone = str(meta["exchangeTimezoneName"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DownloadError(
            f"{source} sent an incomplete answer for {ticker} ({type(error).__name__}: {error})"
        ) from error
    step = meta.get("dataGranularity", "1d")
    if step != "1d":
        raise SourceRefusedError(f"{source} sent rows of {step} for {ticker}, not daily ones")
    if len(stamps) != len(closes):
        raise DownloadError(
            f"{source} sent {len(stamps)} dates but {len(closes)} closes for {ticker}"
        )
    index = pd.to_datetime(pd.Index(stamps, dtype="int64"), unit="s", utc=True).tz_convert(zone)
    return pd.Series(closes, index=index, dtype="float64").dropna()
