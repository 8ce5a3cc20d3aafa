"""`timing`: what hours between the closes of a pair do to its correlation."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.names import underlying
from regimecorr.data.prices import load_prices
from regimecorr.errors import DataError
from regimecorr.events import check_windows, situation
from regimecorr.indicators.lead_lag import cross_correlation
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.inference.timing.closing import adjustment_table
from regimecorr.inference.timing.frequencies import figures, influence_block, readings, states
from regimecorr.inference.timing.result import Timing
from regimecorr.inference.timing.text import notes_on
from regimecorr.models.base import Array, IntArray, RandomState, check_count
from regimecorr.models.margins import GARCH

_MOST_LAGS = 20
_FIGURES = ("r_short", "r_long", "reference", "midpoint", "state")


def timing(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: dt.date | str | None = None,
    short_window: int = 90,
    long_window: int = 252,
    lags: int = 1,
    max_lag: int = 5,
    ci_prob: float = 0.95,
    n_boot: int = 499,
    rng: RandomState = 0,
) -> Timing:
    """Show what hours between the closes of a pair do to its correlation, and to its state.

    The market that closes first takes in the other's later news on the day after. That takes
    correlation from the same row to the next one, and makes the first market look like a follower.
    Shown side by side: daily, overlapping 2- and 3-day and weekly correlations, correlations with
    leads and lags added up, the cross-correlations of GARCH residuals, and which leg closes the
    gap of the prices.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes. Other columns that follow the same underlying as a
        leg (IWM and RUT) are read in its place too.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only. Default: all.
    short_window, long_window : int, default 90 and 252
        Rows of the windows; of weeks, a fifth of them.
    lags : int, default 1
        Leads and lags that the corrections add up. One is enough for closes less than a day apart;
        more cost precision.
    max_lag : int, default 5
        Largest lag of the cross-correlations, in rows, at most 20; and lagged changes in the
        error-correction model of daily rows (fewer for 3-day and weekly rows, over the same span).
    ci_prob : float, default 0.95
        Mass of intervals and bands.
    n_boot : int, default 499
        Bootstrap samples, at least 100.
    rng : int, Generator or None, default 0
        Seed or generator.

    Returns
    -------
    Timing

    Raises
    ------
    DataError
        If prices, dates, windows, lags or ``ci_prob`` cannot be used, or a leg does not move in
        today's windows.
    ModelError
        If ``n_boot`` is too small.

    References
    ----------
    Scholes, M. and Williams, J. (1977). Estimating betas from nonsynchronous data. Journal of
    Financial Economics 5, 309-327. Dimson, E. (1979). Risk measurement when shares are subject to
    infrequent trading. Journal of Financial Economics 7, 197-226. Gonzalo, J. and Granger, C.
    (1995). Estimation of common long-memory components in cointegrated systems. Journal of
    Business and Economic Statistics 13, 27-35. Hasbrouck, J. (1995). One security, many markets.
    Journal of Finance 50, 1175-1199.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=900, rng=1).prices
    >>> found = rc.timing(prices, n_boot=100)
    >>> list(found.correlations.index)
    ['daily', '2-day', '3-day', 'weekly', 'scholes_williams', 'dimson']
    >>> found.other_states
    {}
    """
    check_count("n_boot", n_boot, 100)
    if not 0.0 < ci_prob < 1.0:
        raise DataError(f"ci_prob={ci_prob} must lie between 0 and 1, for example 0.95.")
    table = load_prices(prices)
    pair = align(table, asset=asset, benchmark=benchmark, as_of=as_of)
    check_windows(len(pair.dates), short_window, long_window)
    _check_lags(lags, max_lag, short_window)
    for_windows, for_lags, for_gap = np.random.default_rng(rng).spawn(3)
    values = np.ascontiguousarray(pair.returns.to_numpy())
    windows = (short_window, long_window)
    here = situation(values, *windows)
    history = {r.name: states(r, values, pair.dates, *windows) for r in readings(lags)}
    correlations = _correlations(values, history, windows, lags, n_boot, ci_prob, for_windows)
    rolling = {
        f"{name}_{size}": frame[f"r_{size}"]
        for name, frame in history.items()
        for size in ("short", "long")
    }
    adjustment = adjustment_table(pair.prices, max_lag, n_boot=n_boot, ci_prob=ci_prob, rng=for_gap)
    lagged = _cross_correlations(pair, max_lag, n_boot, ci_prob, for_lags)
    return Timing(
        asset=pair.asset,
        benchmark=pair.benchmark,
        as_of=pair.prices.index[-1],
        state=here.state,
        correlations=correlations,
        rolling=pd.DataFrame(rolling).rename_axis("date"),
        states=pd.DataFrame({k: v["state"] for k, v in history.items()}).rename_axis("date"),
        cross_correlation=lagged,
        adjustment=adjustment,
        alternatives=_alternatives(table, pair, windows),
        notes=notes_on(pair.asset, pair.benchmark, lagged, adjustment),
        data=dict(pair.provenance),
        settings={
            "short_window": short_window,
            "long_window": long_window,
            "lags": lags,
            "max_lag": max_lag,
            "ci_prob": ci_prob,
            "n_boot": n_boot,
        },
    )


def residual_rows(z: Array, n_boot: int, rng: np.random.Generator) -> IntArray:
    """Bootstrap rows (n_boot, n) of residuals (n, 2), blocks as their cross product asks."""
    length = block_length(z[:, 0] * z[:, 1])
    return np.stack([resampled_rows(len(z), length, rng) for _ in range(n_boot)])


def _correlations(
    values: Array,
    history: dict[str, pd.DataFrame],
    windows: tuple[int, int],
    lags: int,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Today's figures by reading."""
    block = influence_block(values)
    rows = {}
    for reading in readings(lags):
        frame = history[reading.name]
        row: dict[str, Any] = {}
        for size, window in zip(("short", "long"), windows, strict=True):
            found = figures(
                reading,
                values,
                pd.DatetimeIndex(frame.index),
                window,
                block=block,
                n_boot=n_boot,
                ci_prob=ci_prob,
                rng=rng,
            )
            row |= {
                f"r_{size}": found.correlation,
                f"r_{size}_error": found.error,
                f"r_{size}_lower": found.lower,
                f"r_{size}_upper": found.upper,
            }
            row |= {"beta_long": found.beta, "beta_long_error": found.beta_error}
        rows[reading.name] = row | _today(frame, ("reference", "midpoint", "state")) | _days(frame)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reading")


def _today(frame: pd.DataFrame, names: tuple[str, ...] = _FIGURES) -> dict[str, Any]:
    return {name: frame[name].iloc[-1] for name in names}


def _days(frame: pd.DataFrame) -> dict[str, int]:
    """How many rows were divergent."""
    divergent = frame["state"] == "divergent"
    recent = frame.index > frame.index[-1] - pd.Timedelta(days=365)
    return {
        "divergent_days": int(divergent.sum()),
        "divergent_last_year": int(divergent[recent].sum()),
        "known_days": int((frame["state"] != "").sum()),
    }


def _cross_correlations(
    pair: AlignedPair, max_lag: int, n_boot: int, ci_prob: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Cross-correlations of the residuals with bands; lag 0 is no part of the joint one."""
    z = GARCH().fit(pair.returns).z
    rows = residual_rows(z, n_boot, rng)
    parts = []
    others = [k for k in range(-max_lag, max_lag + 1) if k]
    for lags in (others, [0]):
        found = cross_correlation(z[:, 0], z[:, 1], lags, rows)
        parts.append(
            pd.DataFrame(
                {
                    "correlation": found.correlation,
                    "error": found.error,
                    "pointwise": found.pointwise(ci_prob),
                    "joint": found.band(ci_prob),
                },
                index=pd.Index(found.lags, name="lag"),
            )
        )
    frame = pd.concat(parts).sort_index()
    return frame.assign(outside=frame["correlation"].abs() > frame["joint"])


def _alternatives(table: pd.DataFrame, pair: AlignedPair, windows: tuple[int, int]) -> pd.DataFrame:
    """The daily reading of pairs of the same two underlyings."""
    daily = readings(1)[0]
    same = [
        [name for name in table.columns if underlying(name) == underlying(leg)]
        for leg in (pair.asset, pair.benchmark)
    ]
    rows: dict[str, dict[str, Any]] = {}
    for first in same[0]:
        for second in same[1]:
            if {first, second} == {pair.asset, pair.benchmark} or first == second:
                continue
            try:
                other = align(table, asset=first, benchmark=second, as_of=pair.prices.index[-1])
                check_windows(len(other.dates), *windows)
            except DataError as error:
                rows[f"{first} / {second}"] = {"state": "", "reason": str(error)}
                continue
            values = np.ascontiguousarray(other.returns.to_numpy())
            frame = states(daily, values, other.dates, *windows)
            rows[f"{first} / {second}"] = _today(frame) | _days(frame) | {"reason": ""}
    names = [*_FIGURES, "divergent_days", "divergent_last_year", "known_days", "reason"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("pair")


def _check_lags(lags: int, max_lag: int, short_window: int) -> None:
    if isinstance(lags, bool) or not isinstance(lags, (int, np.integer)) or lags < 1:
        raise DataError(f"lags={lags!r} must be a whole number of rows, at least 1.")
    if 4 * lags + 10 > short_window:
        raise DataError(
            f"lags={lags} leads and lags are too many for short_window={short_window}; use at most "
            f"{(short_window - 10) // 4}."
        )
    if (
        isinstance(max_lag, bool)
        or not isinstance(max_lag, (int, np.integer))
        or not 1 <= max_lag <= _MOST_LAGS
    ):
        raise DataError(f"max_lag={max_lag!r} must be a whole number from 1 to {_MOST_LAGS}.")
