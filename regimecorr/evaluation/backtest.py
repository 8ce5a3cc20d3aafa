"""Replay the past: a raw forecast for every divergence of every pair, from data to its day only."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.data.alignment import align
from regimecorr.data.prices import PriceSource
from regimecorr.errors import ConvergenceWarning, DataError, EstimationError, ModelError
from regimecorr.evaluation.divergences import LATER_AGES, divergences
from regimecorr.evaluation.features import FeatureWindows
from regimecorr.evaluation.pair_pool import pool_of
from regimecorr.evaluation.panel import Pairs, Panel, fingerprint, name_seed, read_panel
from regimecorr.evaluation.plugins import chart_rule, ewma_rule
from regimecorr.evaluation.pool import OUTER_DRAWS, SPECS
from regimecorr.evaluation.pooling import FAMILIES, member_priors
from regimecorr.evaluation.readings import Events
from regimecorr.evaluation.samples import rows_of
from regimecorr.evaluation.store import append_record, read_records
from regimecorr.evaluation.vintages import Calibration, CalibrationName, calibration_of
from regimecorr.events import fresh_slice, situation
from regimecorr.models.base import check_count
from regimecorr.progress import LateProgress

SHORT_WINDOW, LONG_WINDOW, HORIZON = 90, 252, 252
N_PATHS = 2000
#: What a forecast says, beside what `divergences` knows of its day.
FORECASTS = (
    "p_raw",
    "p_unchanged",
    *(f"p_{name}" for name in SPECS),
    *(f"weight_{name}" for name in SPECS),
    "p_ewma",
    "p_chart",
)
_KEY = ("asset", "benchmark", "date")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BacktestRecord:
    """Forecasts of past divergences, with the fingerprint of what they were made from.

    Attributes
    ----------
    frame : DataFrame
        One row a forecast: the columns of `divergences`; ``p_raw`` and ``p_unchanged`` of the raw
        pool; ``p_`` and ``weight_`` of every member (NaN and 0 if it failed); the plug-ins
        ``p_ewma`` and ``p_chart``; ``failed``, the reason if there is no forecast; ``inputs``, the
        fingerprint of the prices that it was made from; ``made``, the day on which; with a
        calibration ``p_panel``, ``p_structural`` (NaN before the first vintage), ``base_rate`` and
        ``vintage``, the day before which it knew prices.
    options : dict
        Paths, seed, version, calibration.
    made : str
        ISO date on which the last forecast was made.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=1600, rng=5).prices
    >>> record = rc.backtest(prices, ages=(0,), n_paths=400)
    >>> record.frame["inputs"].str.len().unique().tolist()
    [16]
    """

    frame: pd.DataFrame
    options: dict[str, Any] = field(default_factory=dict)
    made: str = ""

    def __repr__(self) -> str:
        return f"<BacktestRecord: {len(self.frame)} forecasts, made {self.made}>"

    @property
    def matured(self) -> pd.DataFrame:
        """Forecasts whose outcome is known."""
        known = self.frame["structural"].notna() & self.frame["p_raw"].notna()
        return self.frame[known]


def backtest(
    panel: PriceSource | Panel,
    *,
    pairs: Pairs = "all",
    ages: Sequence[int] = (0, *LATER_AGES),
    store: str | Path | None = None,
    calibration: CalibrationName | Calibration | None = "market",
    n_paths: int = N_PATHS,
    rng: int = 0,
    n_jobs: int = 1,
) -> BacktestRecord:
    """Forecast every divergence of every pair with what was known on its day.

    Each forecast is that of `assess`: the raw pool, fitted to the pair's prices up to that day and
    nothing else (margins, models and weights), and the calibration's vintage of that day. The
    outcome is the definition's. Primary forecasts are those at the entry (``age`` 0); later ages
    are to be scored apart.

    Parameters
    ----------
    panel : DataFrame, dict of Series, path or Panel
        Prices of many assets; see `read_panel`.
    pairs : "all" or sequence of (asset, benchmark), default "all"
        Pairs; "all" takes those of distinct underlyings.
    ages : sequence of int, default (0, 21, 42, 63)
        Rows after the entry at which a divergence that still lasts is forecast again.
    store : path, optional
        File to which every forecast is written as it is made, one sealed JSON object a line; what
        stands there is not made again. A line that was changed, or a forecast that was made from
        other prices, stops the run: records are not rewritten.
    calibration : {"market", "simulated"}, Calibration or None, default "market"
        What past outcomes had taught, as in `assess`; None: the raw pool only. The store holds raw
        forecasts, so calibrations can be compared without making them again.
    n_paths : int, default 2000
        Simulated paths of each model, at least 400.
    rng : int, default 0
        Seed; every forecast has random numbers of its own, whatever else is made.
    n_jobs : int, default 1
        Processes.

    Returns
    -------
    BacktestRecord

    Raises
    ------
    DataError
        If the prices cannot be used, or the store holds forecasts made from other prices or with
        other options.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=1600, rng=5).prices
    >>> record = rc.backtest(prices, ages=(0,), n_paths=400)
    >>> bool(record.matured["p_raw"].between(0, 1).all())
    True
    """
    check_count("n_paths", n_paths, 2 * OUTER_DRAWS)
    check_count("rng", rng, 0)
    if n_jobs != -1:
        check_count("n_jobs", n_jobs)
    if len(set(ages)) < len(ages):
        raise ModelError(f"ages={ages!r} must be different.")
    if store is not None and not Path(store).absolute().parent.is_dir():
        raise DataError(f"The folder of store={str(store)!r} does not exist; make it first.")
    used = calibration_of(calibration)
    whole = chosen(panel, pairs)
    rows = divergences(whole, ages=ages)
    options = {"n_paths": int(n_paths), "rng": int(rng), "version": 1}
    known = (
        {}
        if store is None
        else {tuple(row[k] for k in _KEY): row for row in read_records(store, options)}
    )
    places = zip(rows["asset"], rows["benchmark"], rows["date"], strict=True)
    rows["inputs"] = [
        fingerprint(whole.table.loc[:date, [asset, benchmark]].dropna())
        for asset, benchmark, date in places
    ]
    wanted = []
    for row in rows.itertuples(index=False):
        old = known.get(_key(row))
        if old is None:
            wanted.append(row)
        elif old["inputs"] != row.inputs:
            raise DataError(
                f"The forecast of {row.asset} / {row.benchmark} on {row.date:%Y-%m-%d} in {store} "
                "was made from other prices; a record is not rewritten. Use another file."
            )
    today = {"made": dt.date.today().isoformat()}
    for new in _forecasts(whole, wanted, n_paths, rng, n_jobs):
        known[tuple(new[k] for k in _KEY)] = today | new
        if store is not None:
            append_record(store, options | today | new)
    found = [known[_key(row)] for row in rows.itertuples(index=False)]
    table = pd.DataFrame(found, index=rows.index).reindex(columns=[*FORECASTS, "failed", "made"])
    frame = rows.join(table.astype(dict.fromkeys(FORECASTS, float)))
    made = "" if frame.empty else str(frame["made"].max())
    if used is None:
        return BacktestRecord(frame, options, made)
    said = used.said(frame["p_raw"].to_numpy(), rows_of(whole, frame, FeatureWindows()))
    return BacktestRecord(frame.join(said), options | {"calibration": used.name}, made)


def chosen(panel: PriceSource | Panel, pairs: Pairs) -> Panel:
    """Read a panel; one that is read already has its pairs."""
    if not isinstance(panel, Panel):
        return read_panel(panel, pairs=pairs)
    if not isinstance(pairs, str) or pairs != "all":
        raise ModelError("A Panel has its pairs already; pass them to read_panel.")
    return panel


def _key(row: Any) -> tuple[str, str, str]:
    return row.asset, row.benchmark, f"{row.date:%Y-%m-%d}"


def _forecasts(
    panel: Panel, wanted: Sequence[Any], n_paths: int, rng: int, n_jobs: int
) -> Iterable[dict[str, Any]]:
    """Forecasts one after the other, in the order of the rows, made in parallel."""
    work = Parallel(n_jobs=n_jobs, return_as="generator")
    tasks = (
        delayed(raw_forecast)(
            panel.table.loc[: row.date, [row.asset, row.benchmark]].dropna(), n_paths, rng
        )
        for row in wanted
    )
    with LateProgress("backtest", len(wanted)) as progress:
        for row, made in zip(wanted, work(tasks), strict=True):
            progress.advance(f"{row.asset} / {row.benchmark}")
            asset, benchmark, date = _key(row)
            yield {
                "asset": asset,
                "benchmark": benchmark,
                "date": date,
                "inputs": row.inputs,
            } | made


def raw_forecast(prices: pd.DataFrame, n_paths: int = N_PATHS, rng: int = 0) -> dict[str, Any]:
    """Forecast of a pair at its last row by the raw pool, its members and the plug-ins.

    A pool that fails is a forecast that failed: its reason is told and its figures are missing.
    """
    pair = align(prices)
    returns = pair.returns
    values = np.ascontiguousarray(returns.to_numpy())
    here = situation(values, SHORT_WINDOW, LONG_WINDOW)
    begin, end = fresh_slice(HORIZON)
    out: dict[str, Any] = dict.fromkeys(FORECASTS, float("nan"))
    out |= {
        "failed": "",
        "p_ewma": ewma_rule(values, here.sign, here.midpoint, end - begin),
        "p_chart": chart_rule(here.r_long, here.sign),
    }
    name = name_seed((pair.asset, pair.benchmark))
    generator = np.random.default_rng([rng, name, pair.dates[-1].toordinal()])
    events = Events(pair, "returns", here, SHORT_WINDOW, HORIZON)
    priors = member_priors(None, FAMILIES)
    try:
        with warnings.catch_warnings():
            # A member on a bound is a finding of the pool, of which the past has hundreds.
            warnings.simplefilter("ignore", ConvergenceWarning)
            pool = pool_of(returns, events, SPECS, priors, n_paths=n_paths, rng=generator)
    except EstimationError as error:
        return out | {"failed": str(error)}
    out["p_raw"] = float(pool.average(lambda f: events.structural(f).mean()))
    out["p_unchanged"] = float(pool.average(lambda f: events.unchanged(f).mean()))
    for member in pool.members.values():
        out[f"weight_{member.name}"] = pool.weights[member.name]
        if member.futures is not None:
            out[f"p_{member.name}"] = float(events.structural(member.futures).mean())
    return out
