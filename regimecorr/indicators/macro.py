"""Macro series of liquidity and risk: when they are published and how their state is read.

The table `MACRO_SERIES` declares both for the series of FRED, CBOE and the Office of Financial
Research that commentary on risk assets uses. Its hours of publication are those of the sources:
the Federal Reserve's releases H.4.1 (Thursdays, 16:30), H.10 (Mondays, 16:15) and H.15 (the next
business day, 16:15), the Chicago Fed's NFCI (Wednesdays at 8:30, Thursdays after a holiday), the
St. Louis Fed's index (Thursdays), the New York Fed's reference rates (the next morning) and the
Office of Financial Research (two business days later).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from regimecorr.errors import DataError
from regimecorr.indicators.publication import Publication, as_known

Reading: TypeAlias = Literal["above_median", "above_zero", "change"]
Side: TypeAlias = Literal["high", "low"]

#: Column of `macro_states` for what most series say.
RISK_ON = "risk_on"
_YEAR, _QUARTER, _WEEKS, _QUARTER_WEEKS = 252, 63, 52, 13


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroSeries:
    """How a macro series is published and read.

    Parameters
    ----------
    title : str
        What it is.
    publication : Publication
        When its values become known.
    reading : {"above_median", "above_zero", "change"}, default "above_median"
        What makes the state high: a value above the median of the last ``span`` observations (its
        own included), above zero, or above the one ``span`` observations before.
    span : int, default 252
        Observations, at least 1: a year of a daily series. Not used with "above_zero".
    words : tuple of str, default ("high", "not high")
        Names of the two states. The second must also be true of a value that has not moved.
    risk_on : {"high", "low"} or None, default None
        State that commentary reads as favourable to risky assets; None if it does not agree.

    Examples
    --------
    >>> from regimecorr.indicators.macro import MacroSeries
    >>> from regimecorr.indicators.publication import Publication
    >>> late = Publication(days=42, max_age=100, revised=True)  # dated on the 1st of its month
    >>> MacroSeries(title="M2", publication=late, reading="change", span=3, risk_on="high").span
    3
    """

    title: str
    publication: Publication = field(default_factory=Publication)
    reading: Reading = "above_median"
    span: int = _YEAR
    words: tuple[str, str] = ("high", "not high")
    risk_on: Side | None = None

    def __post_init__(self) -> None:
        if self.reading not in get_args(Reading):
            raise DataError(
                f"reading={self.reading!r} is unknown; use {', '.join(get_args(Reading))}."
            )
        if isinstance(self.span, bool) or not isinstance(self.span, int) or self.span < 1:
            raise DataError(f"span={self.span!r} must be a number of observations, 1 or more.")
        if self.risk_on not in (None, *get_args(Side)):
            raise DataError(f'risk_on={self.risk_on!r} must be "high", "low" or None.')
        if len(self.words) != 2:
            raise DataError(f"words={self.words!r} must name the high and the low state.")

    def thresholds(self, values: pd.Series) -> pd.Series:
        """What each observation is held against; it uses observations to the same day."""
        if self.reading == "above_zero":
            return pd.Series(0.0, index=values.index)
        if self.reading == "change":
            return values.shift(self.span)
        return values.rolling(self.span).median()

    def states(self, values: pd.Series) -> pd.Series:
        """1 (high), 0 (low) or NaN (unknown) of each observation; see `thresholds`."""
        threshold = self.thresholds(values)
        return (values > threshold).astype(float).where(threshold.notna() & values.notna())


_GROWING = ("expanding", "not expanding")
_RISING = ("rising", "not rising")
_TIGHT = ("tighter than usual", "not tighter than usual")
_STRESS = ("above its median", "not above its median")
_WIDE = ("wide", "not wide")
_HIGH = ("high", "not high")

_H41 = Publication(days=1, max_age=21)
_H15 = Publication(days=1)


def _weekly(title: str, risk_on: Side, words: tuple[str, str]) -> MacroSeries:
    return MacroSeries(
        title=title,
        publication=_H41,
        reading="change",
        span=_QUARTER_WEEKS,
        words=words,
        risk_on=risk_on,
    )


def _conditions(title: str, days: int, words: tuple[str, str]) -> MacroSeries:
    rule = Publication(days=days, after_close=False, max_age=21, revised=True)
    return MacroSeries(title=title, publication=rule, span=_WEEKS, words=words, risk_on="low")


def _rate(title: str, publication: Publication = _H15) -> MacroSeries:
    return MacroSeries(
        title=title,
        publication=publication,
        reading="change",
        span=_QUARTER,
        words=_RISING,
    )


def _dollar(title: str, publication: Publication) -> MacroSeries:
    return MacroSeries(
        title=title,
        publication=publication,
        reading="change",
        span=_QUARTER,
        words=_RISING,
        risk_on="low",
    )


def _level(title: str, publication: Publication, words: tuple[str, str]) -> MacroSeries:
    return MacroSeries(title=title, publication=publication, words=words, risk_on="low")


#: Calculated until 16:15 or later on the day itself: known from the next day.
_SAME_EVENING = Publication(days=0)

#: Declared series by the name of their column.
MACRO_SERIES: Mapping[str, MacroSeries] = MappingProxyType(
    {
        "WALCL": _weekly("Fed balance sheet", "high", _GROWING),
        "WTREGEN": _weekly("Treasury account at the Fed", "low", _RISING),
        "WRESBAL": _weekly("bank reserves", "high", _GROWING),
        "RRPONTSYD": MacroSeries(
            title="reverse repo at the Fed",
            publication=_SAME_EVENING,
            reading="change",
            span=_QUARTER,
            words=_RISING,
            risk_on="low",
        ),
        "NFCI": _conditions("financial conditions, Chicago Fed", 3, _TIGHT),
        "ANFCI": _conditions("financial conditions, adjusted", 3, _TIGHT),
        "STLFSI4": _conditions("financial stress, St. Louis Fed", 4, _STRESS),
        "OFR_FSI": _level("financial stress, OFR", Publication(days=2, revised=True), _STRESS),
        "VIX": _level("implied volatility", _SAME_EVENING, _HIGH),
        "VIXCLS": _level("implied volatility", _SAME_EVENING, _HIGH),
        "DXY": _dollar("dollar index", _SAME_EVENING),
        "DTWEXBGS": _dollar(
            "broad dollar", Publication(days=0, weekday=0, max_age=21, revised=True)
        ),
        "DFF": _rate("federal funds rate"),
        "DFEDTARU": _rate("federal funds target", _SAME_EVENING),
        "SOFR": _rate("secured overnight rate", Publication(days=1, after_close=False)),
        "DGS3MO": _rate("3-month yield"),
        "DGS1": _rate("1-year yield"),
        "DGS2": _rate("2-year yield"),
        "DGS5": _rate("5-year yield"),
        "DGS10": _rate("10-year yield"),
        "DGS30": _rate("30-year yield"),
        "DFII10": _rate("10-year real yield"),
        "T10YIE": _rate("10-year breakeven inflation"),
        "T5YIE": _rate("5-year breakeven inflation"),
        "ACMTP10": _rate("10-year term premium", Publication(days=2, revised=True)),
        "BAA10Y": _level("Baa spread", _H15, _WIDE),
        "AAA10Y": _level("Aaa spread", _H15, _WIDE),
        "BAMLH0A0HYM2": _level("high-yield spread", _H15, _WIDE),
        "BAMLC0A0CM": _level("investment-grade spread", _H15, _WIDE),
    }
)


def macro_declarations(
    names: list[str], own: Mapping[str, MacroSeries] | None = None
) -> dict[str, MacroSeries]:
    """Declaration of every named series: the caller's own before those of `MACRO_SERIES`.

    Raises
    ------
    DataError
        If a series has none (a lag is never guessed), or a declaration is no `MacroSeries`.
    """
    if own is not None and not isinstance(own, Mapping):
        raise DataError(
            f"macro_series is of type {type(own).__name__}; pass a dictionary of MacroSeries by "
            f"column."
        )
    known = {**MACRO_SERIES, **(own or {})}
    for name, declared in known.items():
        if not isinstance(declared, MacroSeries):
            raise DataError(
                f"macro_series[{name!r}] is of type {type(declared).__name__}; declare it with "
                f"MacroSeries(title=..., publication=Publication(days=...))."
            )
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(
            f"When {', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} published is not "
            f"declared. Drop the column, or declare it: macro_series={{{unknown[0]!r}: "
            f"MacroSeries(title=..., publication=Publication(days=...))}}. Declared: "
            f"{', '.join(MACRO_SERIES)}."
        )
    return {name: known[name] for name in names}


def macro_as_known(
    macro: pd.DataFrame, declared: Mapping[str, MacroSeries], days: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and days of observation (n_days, n_series) as known at the close of each day."""
    found = {name: as_known(macro[name], m.publication, days) for name, m in declared.items()}
    return (
        pd.DataFrame({name: frame["value"] for name, frame in found.items()}, index=days),
        pd.DataFrame({name: frame["observed"] for name, frame in found.items()}, index=days),
    )


def macro_states(
    macro: pd.DataFrame, declared: Mapping[str, MacroSeries], days: pd.DatetimeIndex
) -> pd.DataFrame:
    """States as known at the close of each day: 1 (high), 0 (low), NaN (unknown).

    The state of an observation uses observations to its own day, and is known when that
    observation is. With two series or more that have a side, ``risk_on`` is 1 where most of them
    are on the side that favours risky assets, 0 where most are not, and NaN where they are even or
    one of them is unknown.

    Parameters
    ----------
    macro : DataFrame
        Series by day of observation.
    declared : dict of MacroSeries
        By column.
    days : DatetimeIndex of shape (n_days,)
        Days to read them on.

    Returns
    -------
    DataFrame of shape (n_days, n_series or n_series + 1)

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from regimecorr.indicators.macro import MACRO_SERIES, macro_states
    >>> wednesdays = pd.date_range("2024-01-03", periods=20, freq="7D")
    >>> macro = pd.DataFrame({"WALCL": np.arange(20.0)}, index=wednesdays)
    >>> found = macro_states(macro, {"WALCL": MACRO_SERIES["WALCL"]}, wednesdays)
    >>> int(found["WALCL"].notna().sum())  # 13 weeks and a release of the week before
    6
    """
    states = {
        name: as_known(m.states(macro[name].dropna()), m.publication, days)["value"]
        for name, m in declared.items()
    }
    out = pd.DataFrame(states, index=days)
    sided = [name for name, m in declared.items() if m.risk_on is not None]
    if len(sided) >= 2:
        low = [name for name in sided if declared[name].risk_on == "low"]
        votes = out[sided].copy()
        votes[low] = 1.0 - votes[low]
        share = votes.mean(axis=1, skipna=False)
        out[RISK_ON] = np.select([share > 0.5, share < 0.5], [1.0, 0.0], np.nan)
    return out
