"""Reading dates: text, integers, stamps and time zones become one calendar of days."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.errors import (
    DateColumnError,
    DuplicateDateError,
    TimeZoneError,
    UnsortedDatesError,
)

__all__ = ["ParsedDates", "order_days", "parse_dates", "parse_day"]

_YEAR_FIRST = re.compile(
    r"(?P<day>\d{4}([-/.])\d{1,2}\2\d{1,2})"
    r"(?P<time>[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
    r"\s?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?"
)
_COMPACT = re.compile(r"(?:19|20)\d{6}")
_NUMERIC = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{4}")
_MONTH = re.compile(r"\b[A-Za-z]{3,9}\b.*\d{4}")
_NAMED = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%B-%Y")
_MANY = 1_000
_ISO_REMEDY = "write the dates as ISO dates such as 2020-02-01"


@dataclass(frozen=True, slots=True)
class ParsedDates:
    """Days read from a column or an index.

    Attributes
    ----------
    days : DatetimeIndex of shape (n_rows,)
        Calendar days without time or zone; NaT where the field was empty.
    kind : {"stamp", "text", "integer"}
        What the dates were before.
    zone : str or None
        The single time zone the stamps carried.
    notes : tuple of str
        What was done on the way.
    """

    days: pd.DatetimeIndex
    kind: str
    zone: str | None = None
    notes: tuple[str, ...] = field(default=())


def parse_dates(values: pd.Index | pd.Series, *, label: str) -> ParsedDates | None:
    """Read dates, or return None where the values are no dates at all.

    A stamp becomes the calendar day of its own zone (the exchange's local day): the stamp
    2024-01-02 00:00 in New York is 2 January, although it is 05:00 in UTC. A period becomes its
    last day: the close of a week is known at its end, not on its first day.

    Parameters
    ----------
    values : Index or Series of shape (n_rows,)
        Stamps, `datetime.date` objects, text, or integers such as 20240131. Other integers are
        never dates.
    label : str
        Name of the column for messages.

    Returns
    -------
    ParsedDates or None
        None when not every non-empty value is a date.

    Raises
    ------
    DateColumnError
        When every value is a date, but in two possible orders of day and month.
    TimeZoneError
        When the stamps carry more than one zone.
    """
    if isinstance(values.dtype, pd.PeriodDtype):
        return _from_stamps(pd.PeriodIndex(values).asfreq("D", how="END").to_timestamp())
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return _from_stamps(pd.DatetimeIndex(values))
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_float_dtype(values.dtype):
        return None
    if len(values) >= _MANY and pd.api.types.infer_dtype(values, skipna=True) == "string":
        # Each text once: in a long table every day stands there for every asset.
        codes, unique = pd.factorize(values)
        if 2 * len(unique) < len(values):
            return _repeat(parse_dates(pd.Series(unique, dtype=object), label=label), codes)
    items: list[Any] = list(values.tolist())
    if pd.api.types.is_integer_dtype(values.dtype):
        texts = ["" if pd.isna(item) else str(item) for item in items]
        return _from_compact(texts, "integer")
    present = [item for item in items if not _empty(item)]
    if not present:
        return None
    if all(isinstance(item, dt.date | np.datetime64) for item in present):
        return _from_objects(items, label)
    if all(isinstance(item, str) for item in present):
        return _from_text(["" if _empty(item) else item.strip() for item in items], label)
    return None


def parse_day(value: str | dt.date | np.datetime64, *, label: str) -> pd.Timestamp:
    """Read one date and drop its time of day and zone.

    Parameters
    ----------
    value : str, date, datetime, Timestamp or datetime64
        Text must be an unambiguous date.
    label : str
        Name for messages.

    Returns
    -------
    Timestamp
        Midnight of the local calendar day, without zone.

    Raises
    ------
    DateColumnError
        When the value is not one clear date.

    Examples
    --------
    >>> from regimecorr.data.dates import parse_day
    >>> parse_day("2024-01-31", label="as_of")
    Timestamp('2024-01-31 00:00:00')
    """
    parsed = None
    # Callers without type checks also pass numbers, which are never dates.
    given: object = value
    if isinstance(given, str | dt.date | np.datetime64) and not _empty(given):
        parsed = parse_dates(pd.Series([value], dtype=object), label=label)
    if parsed is None or parsed.days.isna().any():
        raise DateColumnError(f"{label} is {value!r}, which is not a date: {_ISO_REMEDY}.")
    day = parsed.days[0]
    assert isinstance(day, pd.Timestamp)
    return day


def order_days(
    days: pd.DatetimeIndex, *, label: str, remedy: str = "with prices.sort_index()"
) -> bool:
    """Check that days are complete, unique and in order.

    Parameters
    ----------
    days : DatetimeIndex of shape (n_rows,)
        As read, before any sorting.
    label : str
        Name of the column for messages.
    remedy : str, default="with prices.sort_index()"
        How to sort, for messages.

    Returns
    -------
    bool
        True when the rows are strictly newest first and have to be reversed.

    Raises
    ------
    DateColumnError
        A row has no date.
    DuplicateDateError
        A day stands twice.
    UnsortedDatesError
        Any order but strictly forward or strictly backward.
    """
    if days.hasnans:
        row = int(np.flatnonzero(days.isna())[0]) + 1
        raise DateColumnError(
            f"Row {row} of {len(days)} has no date in {label}: give it one or drop the row."
        )
    if not days.is_unique:
        repeated = days[days.duplicated()]
        day = repeated[0]
        count = int((days == day).sum())
        raise DuplicateDateError(
            f"{day:%Y-%m-%d} stands {count} times in {label} ({repeated.nunique()} such days in "
            f"all); the limit is one row per calendar day. Drop the repetition, or for intraday "
            f"stamps keep the last of each day: prices.groupby(prices.index.normalize()).last()."
        )
    if days.is_monotonic_increasing:
        return False
    if days.is_monotonic_decreasing:
        return True
    steps = np.diff(days.to_numpy())
    backward = int((steps < np.timedelta64(0, "us")).sum())
    # A file that mostly runs backward is newest first with an exception, and the other way round.
    forward_file = backward <= len(steps) / 2
    wrong = steps < np.timedelta64(0, "us") if forward_file else steps > np.timedelta64(0, "us")
    place = int(np.flatnonzero(wrong)[0]) + 1
    raise UnsortedDatesError(
        f"{days[place]:%Y-%m-%d} (row {place + 1}) in {label} follows {days[place - 1]:%Y-%m-%d}; "
        f"dates must run strictly forward or strictly backward. Check that row for swapped day "
        f"and month, then sort {remedy}."
    )


def _repeat(parsed: ParsedDates | None, codes: np.ndarray) -> ParsedDates | None:
    """Put the dates of single texts where these stand; -1 is an empty field."""
    if parsed is None:
        return None
    days = parsed.days.to_numpy()[codes]
    days[codes < 0] = np.datetime64("NaT", "us")
    return dataclasses.replace(parsed, days=pd.DatetimeIndex(days))


def _empty(item: object) -> bool:
    if isinstance(item, str):
        return item.strip() in ("", "NaT", "nan", "NaN")
    return item is None or item is pd.NaT or item is pd.NA or item != item


def _days(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    # One resolution for all inputs: pandas gives s, ms, us or ns depending on the origin.
    days = stamps.normalize().as_unit("us")
    return pd.DatetimeIndex(days.to_numpy())


def _from_stamps(stamps: pd.DatetimeIndex) -> ParsedDates:
    zone = None if stamps.tz is None else str(stamps.tz)
    notes = [] if zone is None else [f"time zone {zone} dropped, local dates kept"]
    local = stamps.tz_localize(None)
    days = _days(local)
    if bool(np.any(local.to_numpy()[days.notna()] != days.to_numpy()[days.notna()])):
        notes.append("time of day dropped")
    return ParsedDates(days, "stamp", zone, tuple(notes))


def _from_objects(items: list[Any], label: str) -> ParsedDates:
    present = [pd.Timestamp(item) for item in items if not _empty(item)]
    zones = {str(stamp.tz) if stamp.tz is not None else "none" for stamp in present}
    if len(zones) > 1:
        raise TimeZoneError(_mixed(label, zones))
    zone = next(iter(zones))
    # In microseconds from the start: nanoseconds, the default of pandas 2, end in 2262.
    local = np.full(len(items), np.datetime64("NaT", "us"))
    for row, item in enumerate(items):
        if not _empty(item):
            local[row] = pd.Timestamp(item).tz_localize(None).to_datetime64()
    parsed = _from_stamps(pd.DatetimeIndex(local))
    if zone == "none":
        return parsed
    notes = (f"time zone {zone} dropped, local dates kept", *parsed.notes)
    return ParsedDates(parsed.days, "stamp", zone, notes)


def _mixed(label: str, zones: set[str]) -> str:
    return (
        f"The dates in {label} carry {len(zones)} time zones ({', '.join(sorted(zones))}); the "
        f"limit is one. Where each stamp is its exchange's own day, drop the zones first with "
        f"tz_localize(None); otherwise convert all to one zone."
    )


def _to_days(texts: list[str], pattern: str) -> pd.DatetimeIndex | None:
    column = pd.Series([text or None for text in texts], dtype=object)
    parsed = pd.to_datetime(column, format=pattern, errors="coerce")
    if bool((parsed.isna() & column.notna()).any()):
        return None
    return _days(pd.DatetimeIndex(parsed))


def _from_compact(texts: list[str], kind: str) -> ParsedDates | None:
    present = [text for text in texts if text]
    if not present or not all(_COMPACT.fullmatch(text) for text in present):
        return None
    days = _to_days(texts, "%Y%m%d")
    return None if days is None else ParsedDates(days, kind)


def _from_text(texts: list[str], label: str) -> ParsedDates | None:
    present = [text for text in texts if text]
    if all(_YEAR_FIRST.fullmatch(text) for text in present):
        return _from_year_first(texts, label)
    if all(_COMPACT.fullmatch(text) for text in present):
        return _from_compact(texts, "integer")
    if all(_NUMERIC.fullmatch(text) for text in present):
        return _from_numeric(texts, label)
    if not _MONTH.search(present[0]):
        return None
    for pattern in _NAMED:
        days = _to_days(texts, pattern)
        if days is not None:
            return ParsedDates(days, "text")
    return None


def _from_year_first(texts: list[str], label: str) -> ParsedDates | None:
    found = [_YEAR_FIRST.fullmatch(text) for text in texts]
    plain = ["" if m is None else re.sub(r"[/.]", "-", m["day"]) for m in found]
    days = _to_days(plain, "%Y-%m-%d")
    if days is None:
        return None
    zones = {(m["zone"] or "none") for m in found if m is not None}
    zones = {"+00:00" if zone in ("Z", "UTC", "+0000") else zone for zone in zones}
    notes: list[str] = []
    zone = None
    if zones != {"none"}:
        _check_offsets(zones, label)
        zone = "/".join(sorted(zones))
        notes.append(f"time zone {zone} dropped, local dates kept")
    if any(m is not None and re.search("[1-9]", m["time"] or "") for m in found):
        notes.append("time of day dropped")
    return ParsedDates(days, "text", zone, tuple(notes))


def _check_offsets(zones: set[str], label: str) -> None:
    if len(zones) == 1:
        return
    if "none" in zones:
        raise TimeZoneError(_mixed(label, zones))
    minutes = []
    for zone in zones:
        sign = -1 if zone[0] == "-" else 1
        minutes.append(sign * (60 * int(zone[1:3]) + int(zone[-2:])))
    # Summer and winter time of one place are two offsets an hour apart, not two zones.
    if len(set(minutes)) > 2 or max(minutes) - min(minutes) > 60:
        raise TimeZoneError(_mixed(label, zones))


def _from_numeric(texts: list[str], label: str) -> ParsedDates | None:
    plain = [re.sub(r"[/.]", "-", text) for text in texts]
    day_first = _to_days(plain, "%d-%m-%Y")
    month_first = _to_days(plain, "%m-%d-%Y")
    if day_first is not None and month_first is not None:
        if day_first.equals(month_first):
            return ParsedDates(day_first, "text")
        example = next(t for t, a, b in zip(texts, day_first, month_first, strict=True) if a != b)
        raise DateColumnError(
            f"The dates in {label} can be read as day/month or month/day (first: {example!r}) and "
            f"no row decides it: {_ISO_REMEDY}."
        )
    if day_first is not None:
        return ParsedDates(day_first, "text", None, ("dates read as day/month/year",))
    if month_first is not None:
        return ParsedDates(month_first, "text", None, ("dates read as month/day/year",))
    return None
