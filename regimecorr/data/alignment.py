"""Two calendars become one: the days both assets share, and a report of what was dropped."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data import checks, provenance
from regimecorr.data.dates import parse_day
from regimecorr.data.prices import PriceSource, load_prices, require
from regimecorr.errors import (
    AsOfError,
    DataError,
    DateColumnError,
    DuplicateAssetError,
    StaleDataWarning,
    warn_user,
)

__all__ = ["AlignedPair", "AlignmentReport", "StaleRun", "align"]

#: A weekend with holidays around it; a later `as_of` would pass an old price off as today's.
AS_OF_SLACK_DAYS = 7
#: Ten unchanged closes in a row do not happen to a traded price.
_STALE_ROWS = 10


@dataclass(frozen=True, slots=True)
class StaleRun:
    """The longest run of an unchanged price.

    Attributes
    ----------
    rows : int
        Consecutive kept rows whose price equals that of the row before; 0 when it always moved.
    end : str or None
        ISO date of the last of these rows.
    """

    rows: int
    end: str | None


@dataclass(frozen=True, slots=True)
class AlignmentReport:
    """What alignment kept and dropped.

    Attributes
    ----------
    asset, benchmark : str
        Names of the pair.
    rows_asset, rows_benchmark : int
        Days with a price of the one, up to `as_of`.
    rows_kept : int
        Days with both prices.
    dropped_asset, dropped_benchmark : int
        Days with a price of only that one.
    weekend_moves_cumulated : int
        Kept rows since whose predecessor days were dropped, so that their return covers those
        days too (mostly Mondays, for a 24/7 asset against an exchange).
    first, last : str
        ISO dates of the first and last kept row.
    longest_gap_days : int
        Largest distance between consecutive kept rows in calendar days.
    longest_gap_end : str
        ISO date of the row at its end.
    stale_asset, stale_benchmark : StaleRun
        Longest run of an unchanged price among the kept rows.
    """

    asset: str
    benchmark: str
    rows_asset: int
    rows_benchmark: int
    rows_kept: int
    dropped_asset: int
    dropped_benchmark: int
    weekend_moves_cumulated: int
    first: str
    last: str
    longest_gap_days: int
    longest_gap_end: str
    stale_asset: StaleRun
    stale_benchmark: StaleRun

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """Return the report in two lines."""
        return (
            f"{self.asset} / {self.benchmark}: {self.rows_kept} common prices, {self.first} to "
            f"{self.last}, longest gap {self.longest_gap_days} days.\n"
            f"Dropped: {self.dropped_asset} of {self.asset} alone, {self.dropped_benchmark} of "
            f"{self.benchmark} alone; {self.weekend_moves_cumulated} returns cover dropped days."
        )


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPair:
    """Prices of two assets on their common days.

    Attributes
    ----------
    prices : DataFrame of shape (n_rows, 2)
        Positive float64 prices without gaps, columns [asset, benchmark].
    report : AlignmentReport
        What was kept and dropped.
    provenance : dict
        Where the prices come from.
    """

    prices: pd.DataFrame
    report: AlignmentReport
    provenance: dict[str, Any]

    @property
    def asset(self) -> str:
        """Name of the asset (first column)."""
        return self.report.asset

    @property
    def benchmark(self) -> str:
        """Name of the benchmark (second column)."""
        return self.report.benchmark

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Dates of the returns: all but the first of the prices."""
        return pd.DatetimeIndex(self.prices.index[1:])

    @property
    def returns(self) -> pd.DataFrame:
        """Log returns, shape (n_rows - 1, 2).

        A row's return runs from the price of the kept row before to its own, so moves on
        dropped days (weekends) are cumulated; it uses prices to its own date only.
        """
        values = np.diff(np.log(self.prices.to_numpy()), axis=0)
        return pd.DataFrame(values, index=self.prices.index[1:], columns=self.prices.columns)


def align(
    prices: PriceSource,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: str | dt.date | np.datetime64 | None = None,
    min_rows: int = 600,
    max_gap_days: int = 30,
) -> AlignedPair:
    """Bring two assets onto the days they share.

    Parameters
    ----------
    prices : str, PathLike, DataFrame or mapping of str to Series
        Anything `load_prices` takes.
    asset, benchmark : str or None, default=None
        The pair. With two columns the first is the asset and the second the benchmark, and one
        name implies the other; with more columns both must be named.
    as_of : str, date, Timestamp or None, default=None
        Rows after this day are not used, nor checked as prices. None uses all. The last common
        row on or before it may be up to 7 days older (a weekend or holiday), not more.
    min_rows : int, default=600
        Fewest common prices. Smaller allows shorter histories; the models need hundreds.
    max_gap_days : int, default=30
        Largest distance of consecutive common rows in calendar days. Larger lets a hole through,
        whose whole move then counts as one return.

    Returns
    -------
    AlignedPair
        Prices, log returns, report and provenance.

    Raises
    ------
    DuplicateAssetError, UnknownAssetError
        The pair is one series, or a name is not in the table.
    AsOfError
        `as_of` is unreadable, before the first common row, or more than 7 days after the last.
    TooFewRowsError
        Fewer than `min_rows` common prices.
    NonPositivePriceError, ReturnsNotPricesError, ConstantPriceError
        The values are no prices with varying returns.
    MissingValuesError
        A hole of more than `max_gap_days`.
    DataError
        Everything that `load_prices` raises; more than two columns without names.

    Warns
    -----
    StaleDataWarning
        A price stays unchanged for more than 10 rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from regimecorr.data.alignment import align
    >>> rng = np.random.default_rng(0)
    >>> days = pd.date_range("2020-01-01", periods=1000)
    >>> walk = 100 * np.exp(0.01 * rng.standard_normal((1000, 2)).cumsum(axis=0))
    >>> coin, stock = pd.Series(walk[:, 0], days), pd.Series(walk[:, 1], days)
    >>> pair = align({"COIN": coin, "STOCK": stock[stock.index.day_of_week < 5]})
    >>> print(pair.report)
    COIN / STOCK: 714 common prices, 2020-01-01 to 2022-09-26, longest gap 3 days.
    Dropped: 286 of COIN alone, 0 of STOCK alone; 143 returns cover dropped days.
    >>> pair.returns.shape
    (713, 2)
    """
    if min_rows < 2:
        raise DataError(f"min_rows is {min_rows}; at least 2 prices are needed for one return.")
    if max_gap_days < 1:
        raise DataError(f"max_gap_days is {max_gap_days}; it must be at least 1.")
    table = load_prices(prices)
    first, second = _choose(list(table.columns), asset, benchmark)
    both = table[[first, second]]
    common = both.dropna()
    span = ""
    if as_of is not None:
        day = _cut_day(as_of, common.index)
        both, common = both.loc[:day], common.loc[:day]
        span = f" up to {day:%Y-%m-%d}"
    checks.check_rows(both, common, min_rows=min_rows, span=span)
    checks.check_prices(common)
    checks.check_variation(common)
    checks.check_holes(common, max_gap_days=max_gap_days)
    report = _report(both, common)
    _warn_stale(report)
    earlier = provenance.read(table)
    notes = []
    if report.dropped_asset or report.dropped_benchmark:
        notes.append(f"days of {first} alone or {second} alone dropped")
    if as_of is not None:
        notes.append(f"cut at {common.index[-1]:%Y-%m-%d}")
    origin = provenance.describe(
        common, source="DataFrame", kind="frame", notes=notes, earlier=earlier
    )
    kept = common.copy()
    kept.attrs = {provenance.KEY: origin}
    return AlignedPair(kept, report, provenance.read(kept))


def _choose(names: list[str], asset: str | None, benchmark: str | None) -> tuple[str, str]:
    if len(names) < 2:
        raise DataError(
            f"The table has one asset ({names[0]}); two are needed. Add a column for the benchmark."
        )
    for name in (asset, benchmark):
        if name is not None:
            require(name, names)
    if asset is not None and benchmark is not None:
        if asset == benchmark:
            raise DuplicateAssetError(
                f"asset and benchmark are both {asset!r}; choose two different columns of "
                f"{', '.join(names)}."
            )
        return asset, benchmark
    if len(names) > 2:
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise DataError(
            f"The table has {len(names)} assets ({shown}) and the pair is not fully "
            f'named; name both, for example asset="{names[0]}", benchmark="{names[1]}".'
        )
    if asset is not None:
        return asset, names[1 - names.index(asset)]
    if benchmark is not None:
        return names[1 - names.index(benchmark)], benchmark
    return names[0], names[1]


def _cut_day(as_of: str | dt.date | np.datetime64, days: pd.Index) -> pd.Timestamp:
    try:
        day = parse_day(as_of, label="as_of")
    except DateColumnError as error:
        raise AsOfError(str(error)) from error
    if not len(days):
        return day
    # Only rows up to the day decide, so that later data never changes an answer.
    earlier = days[days <= day]
    age = (day - earlier[-1]).days if len(earlier) else 0
    if not len(earlier) or age > AS_OF_SLACK_DAYS:
        where = "before the first common row"
        if len(earlier):
            where = f"{age} days after the last common row before it, {earlier[-1]:%Y-%m-%d}"
        raise AsOfError(
            f"as_of is {day:%Y-%m-%d}, {where}; the common rows run from {days[0]:%Y-%m-%d} to "
            f"{days[-1]:%Y-%m-%d} and as_of may be at most {AS_OF_SLACK_DAYS} days after one of "
            f"them. Choose a date within the range, or pass newer prices."
        )
    return day


def _report(both: pd.DataFrame, common: pd.DataFrame) -> AlignmentReport:
    has = both.notna().to_numpy()
    kept = has.all(axis=1)
    single = has.any(axis=1) & ~kept
    # Dropped days counted up to each kept row: where the count grew, its return covers some.
    before = np.cumsum(single)[kept]
    gaps = checks.gaps_in_days(common.index)
    widest = int(np.argmax(gaps))
    asset, benchmark = (str(name) for name in common.columns)
    return AlignmentReport(
        asset=asset,
        benchmark=benchmark,
        rows_asset=int(has[:, 0].sum()),
        rows_benchmark=int(has[:, 1].sum()),
        rows_kept=len(common),
        dropped_asset=int((has[:, 0] & ~kept).sum()),
        dropped_benchmark=int((has[:, 1] & ~kept).sum()),
        weekend_moves_cumulated=int((np.diff(before) > 0).sum()),
        first=_iso(common.index[0]),
        last=_iso(common.index[-1]),
        longest_gap_days=int(gaps[widest]),
        longest_gap_end=_iso(common.index[widest + 1]),
        stale_asset=_stale(common.iloc[:, 0]),
        stale_benchmark=_stale(common.iloc[:, 1]),
    )


def _stale(prices: pd.Series) -> StaleRun:
    same = np.diff(prices.to_numpy()) == 0.0
    place = np.arange(1, len(same) + 1)
    run = place - np.maximum.accumulate(np.where(same, 0, place))
    longest = int(np.argmax(run))
    if not run[longest]:
        return StaleRun(0, None)
    return StaleRun(int(run[longest]), _iso(prices.index[longest + 1]))


def _warn_stale(report: AlignmentReport) -> None:
    for name, stale in (
        (report.asset, report.stale_asset),
        (report.benchmark, report.stale_benchmark),
    ):
        if stale.rows > _STALE_ROWS:
            warn_user(
                f"{name} keeps one price for {stale.rows} rows to {stale.end}; more than "
                f"{_STALE_ROWS} suggests that it did not trade or was filled forward, which pulls "
                f"correlations towards 0. Check the source, or begin after it.",
                StaleDataWarning,
            )


def _iso(day: pd.Timestamp) -> str:
    return day.strftime("%Y-%m-%d")
