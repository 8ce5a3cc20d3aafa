"""When a value of a macro series becomes known, and the series as it was known on a day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from regimecorr.errors import DataError

Days: TypeAlias = npt.NDArray[np.datetime64]

_LATEST_WEEKDAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When the values of a series are published.

    A value that is dated by its observation is published later. It is *known from* the first day
    whose close at 16:00 in New York comes after its publication; rows before that day must not use
    it. Business days are those of the federal government of the United States; an observation on
    any other day counts as one of the business day after it, so that the rule is early
    only where the offices were closed for another reason (a day of mourning, a shutdown).

    Parameters
    ----------
    days : int, default 1
        Business days from the observation to its publication, at least 0. With ``weekday`` they
        count from that weekday.
    weekday : int or None, default None
        For releases that bring several daily values at once: they are published on the first such
        weekday after the observation (0 is Monday), or on the next business day if it is a holiday.
        None: every observation has a day of its own.
    after_close : bool, default True
        Whether the hour of publication is 16:00 in New York or later; the value is then known from
        the next day. If the markets of the pair close before New York's morning, set it for every
        series.
    max_age : int, default 14
        Calendar days after the observation for which a value stands in for those to come. A series
        that is no longer published becomes unknown instead of standing still.
    revised : bool, default False
        Whether earlier values are revised or re-estimated later, so that the value in a table of
        today is not the one that was read at the time. No lag mends that.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.publication import Publication
    >>> rule = Publication(days=1)  # Thursday's release of Wednesday's value, after the close
    >>> print(rule.known_from(pd.DatetimeIndex(["2024-11-20", "2024-11-27"])))
    DatetimeIndex(['2024-11-22', '2024-11-30'], dtype='datetime64[us]', freq=None)
    """

    days: int = 1
    weekday: int | None = None
    after_close: bool = True
    max_age: int = 14
    revised: bool = False

    def __post_init__(self) -> None:
        for name, least in (("days", 0), ("max_age", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise DataError(
                    f"{name}={value!r} must be a whole number of days, {least} or more."
                )
        day = self.weekday
        whole = isinstance(day, (int, np.integer)) and not isinstance(day, bool)
        if day is not None and not (whole and 0 <= day <= _LATEST_WEEKDAY):
            raise DataError(f"weekday={self.weekday!r} must be 0 (Monday) to 6, or None.")

    def known_from(self, observed: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """First day whose close comes after the publication of each observation.

        Parameters
        ----------
        observed : DatetimeIndex of shape (n,)
            Days of observation, in order.

        Returns
        -------
        DatetimeIndex of shape (n,)
            Never falls, so that a later observation is never known before an earlier one.
        """
        days = observed.to_numpy().astype("datetime64[D]")
        if self.weekday is not None:
            # Day 0 of the epoch was a Thursday.
            ahead = (self.weekday - (days.astype(np.int64) + 3)) % 7
            days = days + np.where(ahead == 0, 7, ahead)
        published = np.busday_offset(days, self.days, roll="forward", holidays=_holidays(days))
        known = published + np.timedelta64(int(self.after_close), "D")
        order = np.maximum.accumulate(known.astype(np.int64)) if known.size else known
        return pd.DatetimeIndex(order.astype("datetime64[D]").astype("datetime64[us]"))

    @property
    def sentence(self) -> str:
        """The rule in words."""
        if self.weekday is not None:
            names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
            when = f"the {names[self.weekday]} after"
            if self.days:
                when = f"{self.days} business days after {when}"
        elif self.days == 0:
            when = "the same day"
        else:
            when = f"{self.days} business day{'s' if self.days > 1 else ''} later"
        return f"{when}, {'after' if self.after_close else 'before'} the close"


def as_known(values: pd.Series, publication: Publication, days: pd.DatetimeIndex) -> pd.DataFrame:
    """The series as it was known at the close of each day.

    Parameters
    ----------
    values : Series
        Values by date of observation, in order; missing ones are passed over.
    publication : Publication
        When they become known.
    days : DatetimeIndex of shape (n_days,)
        Days to read it on.

    Returns
    -------
    DataFrame
        By day: ``value``, the last one published by then, and ``observed``, the day it is of. NaN
        and NaT before the first, and where the last is older than ``publication.max_age`` days.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.publication import Publication, as_known
    >>> weekly = pd.Series([7.0, 8.0], pd.to_datetime(["2024-11-13", "2024-11-20"]))
    >>> days = pd.to_datetime(["2024-11-14", "2024-11-15", "2024-11-21", "2024-11-22"])
    >>> as_known(weekly, Publication(days=1), days)["value"].tolist()
    [nan, 7.0, 7.0, 8.0]
    """
    present = values.dropna()
    out = pd.DataFrame({"value": np.nan, "observed": pd.NaT}, index=days)
    out["observed"] = out["observed"].astype("datetime64[us]")
    if present.empty:
        return out
    observed = pd.DatetimeIndex(present.index)
    place = publication.known_from(observed).searchsorted(days, side="right") - 1
    last = observed[np.maximum(place, 0)]
    fresh = (place >= 0) & ((days - last).days <= publication.max_age)
    out["value"] = np.where(fresh, present.to_numpy(dtype=float)[np.maximum(place, 0)], np.nan)
    out["observed"] = last.as_unit("us").where(fresh)
    return out


def _holidays(days: Days) -> Days:
    if not days.size:
        return np.array([], dtype="datetime64[D]")
    years = days.astype("datetime64[Y]").astype(int) + 1970
    return _federal_holidays(int(years.min()), int(years.max()) + 1)


@lru_cache(maxsize=8)
def _federal_holidays(first: int, last: int) -> Days:
    found = USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31")
    return np.asarray(found.to_numpy().astype("datetime64[D]"))
