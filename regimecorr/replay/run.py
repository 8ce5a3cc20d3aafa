"""`history`: the verdict replayed through the past."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.dates import parse_day
from regimecorr.data.defaults import default_pair
from regimecorr.data.prices import load_prices
from regimecorr.data.windows import resolve
from regimecorr.errors import (
    AsOfError,
    FailedDaysWarning,
    TooFewRowsError,
    warn_user,
)
from regimecorr.evaluation.outlook import (
    OutlookMethod,
    OutlookOptions,
    warn_uncalibrated,
    without_record,
)
from regimecorr.evaluation.panel import LEAST_ROWS
from regimecorr.evaluation.vintages import Calibration, CalibrationName
from regimecorr.events import Basis, check_windows, legs, series_on_basis, state_history
from regimecorr.formatting import plural
from regimecorr.models.base import RandomState, check_count
from regimecorr.progress import LateProgress
from regimecorr.replay.days import DayJob, day_columns, weights_of, with_outcomes
from regimecorr.replay.result import History
from regimecorr.scanning.rows import Row, frame_of
from regimecorr.scanning.stream import stream_rows
from regimecorr.threads import one_blas_thread


def history(
    prices: Any = None,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    start: Any = None,
    as_of: Any = None,
    every: int = 21,
    basis: Basis = "returns",
    short_window: int = 90,
    long_window: int = 252,
    horizon: int = 252,
    method: OutlookMethod = "pool",
    calibration: CalibrationName | Calibration | None = "market",
    family_prior: Mapping[str, float] | None = None,
    thresholds: tuple[float, float] = (1 / 3, 2 / 3),
    n_paths: int = 4000,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> History:
    """Replay the verdict of a pair through its past, each day with what was known on it.

    A row has exactly the figures that `assess` gives with that day as ``as_of``: margins, models,
    weights and calibration know no later price, and later prices change nothing in it. What came
    after a day stands beside it in columns of its own.

    Parameters
    ----------
    prices : DataFrame, dict of Series, path or None
        Prices; anything `load_prices` takes. None: as in `assess`.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    start : str, date or Timestamp, optional
        First day; a day without prices stands for the next one with them. Default: the first on
        which there can be a verdict, that of the 600th common price, or later where the windows
        are longer.
    as_of : str, date or Timestamp, optional
        Day from which is looked back; no later row is used, nor for outcomes. Default: the last
        row.
    every : int, default 21
        Rows from one verdict to the next, counted from ``start``; the last row has one too. 21 is
        about a month; smaller costs more time and shows little more, since the windows move
        slowly.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        See `assess`.
    short_window, long_window, horizon : int, default 90, 252 and 252
        Rows, see `assess`.
    method : {"pool", "bayes"}, default "pool"
        See `assess`; "bayes" takes minutes a verdict.
    calibration : {"market", "simulated"}, Calibration or None, default "market"
        See `assess`; a day is calibrated by the vintage that was in force on it. The first days
        are often not calibrated, for want of 750 returns or before the first vintage;
        ``calibrated`` tells. A calibration of your own that is not dated knows the future.
    family_prior : mapping, optional
        See `assess`.
    thresholds : tuple of float, default (1/3, 2/3)
        See `assess`.
    n_paths : int, default 4000
        Simulated futures of each model, at least 400.
    rng : int, Generator or None, default 0
        Seed of every verdict, the same for all: what moves from one to the next is then less the
        noise of simulation. Of a generator or None one seed is drawn; ``settings["rng"]`` has it.
    n_jobs : int, default 1
        Processes, -1: all; they change no figure.

    Returns
    -------
    History

    Raises
    ------
    DataError
        If prices, dates or windows cannot be used; `TooFewRowsError` if ``start`` comes before
        there can be a verdict, `AsOfError` if it comes after the last row.
    ModelError
        If an option is unknown.

    Warns
    -----
    FailedDaysWarning
        If days have no verdict; told once, ``frame`` has the reasons.
    UncalibratedWarning, LevelBasisWarning
        If a calibration was asked for and no day has one.
    BundledDataWarning, StaleDataWarning

    Notes
    -----
    Every verdict is estimated from nothing. Starting from the estimates of the day before would
    save little (three fifths of the time go into the simulation) and leave figures that depend on
    where the replay began.

    The models and the forecaster were designed by people who knew these markets up to the day of
    release. What is held back from a past day is data, not that knowledge.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=899, rng=10).prices
    >>> past = rc.history(prices, every=150, calibration=None, n_paths=400)
    >>> past.frame[["state", "outcome"]].to_numpy().tolist()
    [['strained', 'transient'], ['aligned', 'open'], ['strained', 'open']]
    """
    options = OutlookOptions(
        basis=basis,
        short_window=short_window,
        long_window=long_window,
        horizon=horizon,
        method=method,
        calibration=calibration,
        family_prior=family_prior,
        thresholds=thresholds,
        n_paths=n_paths,
    )
    check_count("every", every)
    if n_jobs != -1:
        check_count("n_jobs", n_jobs)
    check_windows(sys.maxsize, *options.windows)
    seed = _seed(rng)
    if prices is None:
        prices, asset, benchmark = default_pair(asset, benchmark)
    table = load_prices(prices)
    pair = align(table, asset=asset, benchmark=benchmark, as_of=as_of)
    values = series_on_basis(pair, basis)
    check_windows(len(values), *options.windows)
    first = _first_row(pair, start, options)
    last = len(pair.prices) - 1
    days = pair.prices.index[sorted({*range(first, last, every), last})]

    rows = _rows(table[[pair.asset, pair.benchmark]], days, options, seed, n_jobs)
    index = pd.DatetimeIndex(days, name="date")
    windows = resolve(pair.dates, *options.windows)
    frame = frame_of(rows, day_columns()).set_axis(index, axis=0)
    _warn(frame, options)
    states = state_history(*legs(values), windows).set_axis(pair.dates.rename("date"), axis=0)
    return History(
        asset=pair.asset,
        benchmark=pair.benchmark,
        as_of=pd.Timestamp(pair.prices.index[-1]),
        basis=basis,
        frame=with_outcomes(frame, pair, values, windows),
        weights=weights_of(rows, options.families).set_axis(index, axis=0),
        states=states.iloc[first - 1 :],
        prices=pair.prices,
        data={
            "provenance": pair.provenance,
            "alignment": pair.report.to_dict(),
            "simulated": bool(pair.provenance.get("simulated", False)),
        },
        settings=options.to_dict()
        | {"start": pd.Timestamp(days[0]), "every": int(every), "rng": seed},
    )


def _seed(rng: RandomState) -> int:
    """One seed for all days; `assess` gives the same figures with it."""
    if rng is None or isinstance(rng, np.random.Generator):
        return int(np.random.default_rng(rng).integers(2**32))
    check_count("rng", rng, 0)
    return int(rng)


def _first_row(pair: AlignedPair, start: Any, options: OutlookOptions) -> int:
    """Row of the prices of the first verdict."""
    days = pair.prices.index
    least = max(LEAST_ROWS, options.short_window + options.long_window + 1)
    if start is None:
        return least - 1
    day = parse_day(start, label="start")
    row = int(days.searchsorted(day))
    if row == len(days):
        raise AsOfError(
            f"start is {day:%Y-%m-%d}, after the last common row, {days[-1]:%Y-%m-%d}; choose an "
            "earlier day, or pass newer prices."
        )
    if row < least - 1:
        raise TooFewRowsError(
            f"start is {day:%Y-%m-%d}, by when there are {row + 1} common prices; a verdict needs "
            f"{least}. Begin on {days[least - 1]:%Y-%m-%d} or later, or pass a longer history."
        )
    return row


def _rows(
    table: pd.DataFrame, days: pd.Index, options: OutlookOptions, seed: int, n_jobs: int
) -> list[Row]:
    """Rows of the days in their order, made in parallel."""
    sent = without_record(options)
    asset, benchmark = (str(name) for name in table.columns)
    by_key = {f"{day:%Y-%m-%d}": pd.Timestamp(day) for day in days}

    def job_of(key: str) -> DayJob:
        day = by_key[key]
        known = table.loc[:day].dropna(how="all")
        known.attrs = {}
        return DayJob(known, day, sent, seed, "")

    made: dict[str, Row] = {}
    with one_blas_thread(), LateProgress(f"{asset} / {benchmark}", len(days)) as progress:
        for row in stream_rows(list(by_key), job_of, _key, n_jobs, None):
            made[_key(row)] = row
            progress.advance(_key(row))
    return [made[key] for key in by_key]


def _key(row: Row) -> str:
    return str(row["as_of"])


def _warn(frame: pd.DataFrame, options: OutlookOptions) -> None:
    failed = frame[frame["failed"]]
    if len(failed):
        day, reason = failed.index[0], failed["reason"].iloc[0]
        warn_user(
            f"{len(failed)} of {plural(len(frame), 'day')} have no verdict; `reason` in the frame "
            f"says why. The first, {day:%Y-%m-%d}: {reason}",
            FailedDaysWarning,
        )
    asked = options.learned_from is not None or options.basis != "returns"
    without = frame.loc[~frame["failed"], "uncalibrated"]
    if asked and len(without) and (without != "").all():
        warn_uncalibrated(options.basis, f"on no day of {len(without)}; {without.iloc[-1]}")
