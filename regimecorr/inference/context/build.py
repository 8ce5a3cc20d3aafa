"""`context`: what surrounds a pair on a day, from prices and macro series known by then."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data import checks
from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.dates import parse_day
from regimecorr.data.prices import load_prices
from regimecorr.errors import DataError
from regimecorr.events import GAP_CLOSED, check_windows
from regimecorr.indicators.beta import rolling_beta
from regimecorr.indicators.macro import (
    RISK_ON,
    MacroSeries,
    macro_as_known,
    macro_declarations,
    macro_states,
)
from regimecorr.indicators.momentum import exponential_average, macd, relative_strength
from regimecorr.indicators.publication import as_known
from regimecorr.indicators.trend import drawdown, rebased, year_over_year
from regimecorr.inference.context.conditional import check_mass, conditional_correlation
from regimecorr.inference.context.gaps import gap_frame, gap_record, past_gaps
from regimecorr.inference.context.result import Context
from regimecorr.models.base import RandomState, check_count

RSI_SPAN = 14
MACD_SPANS = (12, 26, 9)
GAP_OPENS = 2.0


def context(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    macro: pd.DataFrame | None = None,
    macro_series: Mapping[str, MacroSeries] | None = None,
    start: Any = None,
    short_window: int = 90,
    long_window: int = 252,
    horizon: int = 252,
    rsi_span: int = RSI_SPAN,
    macd_spans: tuple[int, int, int] = MACD_SPANS,
    gap_opens: float = GAP_OPENS,
    n_boot: int = 500,
    ci_prob: float = 0.95,
    rng: RandomState = 0,
) -> Context:
    """Show what surrounds a pair: trend, momentum, beta, price gap, liquidity and risk.

    These are the figures that commentary speaks of. They are no part of the probability of
    `assess`; where a record of them exists, it stands beside what chance gives.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only, and macro values published before the close of the
        last of them. Default: all.
    macro : DataFrame, optional
        Macro series by date of *observation* (as FRED gives them), one column each. Each is used
        from its publication on, by the rules of `MACRO_SERIES`.
    macro_series : dict of MacroSeries, optional
        Declarations of further series, or others than the package's, by column. A series without
        one is an error: its lag is not guessed.
    start : str, date or Timestamp, optional
        Both prices are 100 on the first common row on or after it; default the first one.
    short_window, long_window : int, default 90 and 252
        Rows of the two betas; the long one also of the gap's moments.
    horizon : int, default 252
        Rows within which a gap may close.
    rsi_span : int, default 14
        Moves in Wilder's averages.
    macd_spans : tuple of int, default (12, 26, 9)
        Fast, slow and signal span of the MACD.
    gap_opens : float, default 2.0
        Size of the z-score at which a gap opens for the record; above 0.5, at which it closes.
    n_boot : int, default 500
        Bootstrap samples, and histories of independent legs; at least 100.
    ci_prob : float, default 0.95
        Mass of the intervals of the correlations by state.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    Context

    Raises
    ------
    DataError
        If prices, dates, windows or macro series cannot be used.
    ModelError
        If ``n_boot`` is too small.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research. Appel, G.
    (2005). Technical Analysis: Power Tools for Active Investors. FT Prentice Hall.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=900, rng=1).prices
    >>> found = rc.context(prices, n_boot=100)
    >>> bool(found.momentum["asset_rsi"].between(0, 100).iloc[-1])
    True
    >>> list(found.gap_record.index[:2])
    ['observed', 'independent']
    """
    check_count("n_boot", n_boot, 100)
    if not isinstance(gap_opens, numbers.Real) or not GAP_CLOSED < gap_opens < math.inf:
        raise DataError(
            f"gap_opens={gap_opens!r} must be a number above {GAP_CLOSED}, where a gap closes."
        )
    check_mass(ci_prob)
    if not isinstance(macd_spans, tuple | list) or len(macd_spans) != 3:
        raise DataError(
            f"macd_spans={macd_spans!r} must be the fast, the slow and the signal span."
        )
    table = load_prices(prices)
    pair = align(table, asset=asset, benchmark=benchmark, as_of=as_of)
    check_windows(len(pair.dates), short_window, long_window, horizon)
    for_gaps, for_states = np.random.default_rng(rng).spawn(2)
    known = _macro(pair, macro, macro_series)
    by_state, contrasts = _conditional(pair, known["states"], n_boot, ci_prob, for_states)
    return Context(
        asset=pair.asset,
        benchmark=pair.benchmark,
        as_of=pair.prices.index[-1],
        prices=pair.prices,
        overlay=rebased(pair.prices, _first_row(pair, start)),
        momentum=_momentum(table, pair, rsi_span, macd_spans),
        year_over_year=year_over_year(pair.prices),
        drawdown=drawdown(pair.prices),
        beta=_beta(pair, short_window, long_window),
        gap=gap_frame(pair, long_window),
        gaps=past_gaps(pair, long_window, gap_opens, horizon),
        gap_record=gap_record(pair, long_window, gap_opens, horizon, n_boot, for_gaps),
        **known,
        conditional=by_state,
        contrasts=contrasts,
        data=pair.provenance,
        settings={
            "start": start,
            "short_window": short_window,
            "long_window": long_window,
            "horizon": horizon,
            "rsi_span": rsi_span,
            "macd_spans": tuple(macd_spans),
            "gap_opens": gap_opens,
            "n_boot": n_boot,
            "ci_prob": ci_prob,
        },
    )


def _first_row(pair: AlignedPair, start: Any) -> int:
    if start is None:
        return 0
    day = parse_day(start, label="start")
    row = int(pair.prices.index.searchsorted(day))
    if row >= len(pair.prices) - 1:
        raise DataError(
            f"start={day:%Y-%m-%d} leaves fewer than two rows; the prices end on "
            f"{pair.prices.index[-1]:%Y-%m-%d}."
        )
    return row


def _momentum(
    table: pd.DataFrame, pair: AlignedPair, span: int, spans: tuple[int, int, int]
) -> pd.DataFrame:
    """RSI and MACD of both legs on their own days, shown on the common ones."""
    days, out = pair.prices.index, {}
    for leg, name in (("asset", pair.asset), ("benchmark", pair.benchmark)):
        own = table[name].loc[: days[-1]].dropna()
        checks.check_prices(own.to_frame())
        values = own.to_numpy()
        found = macd(values, *spans)
        figures = {
            "rsi": relative_strength(values, span),
            "macd": found.line,
            "signal": found.signal,
            "histogram": found.histogram,
            "macd_percent": 100.0 * found.line / exponential_average(values, spans[1]),
        }
        for key, column in figures.items():
            out[f"{leg}_{key}"] = pd.Series(column, own.index).reindex(days)
    return pd.DataFrame(out)


def _beta(pair: AlignedPair, short: int, long: int) -> pd.DataFrame:
    a, b = pair.returns.to_numpy().T
    columns = {}
    for name, window in (("short", short), ("long", long)):
        found = rolling_beta(a, b, window)
        columns[name], columns[f"{name}_error"] = found.beta, found.error
    # The first price belongs to no return.
    return pd.DataFrame(columns, index=pair.dates).reindex(pair.prices.index)


def _conditional(
    pair: AlignedPair,
    states: pd.DataFrame,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlation by the state at the close from which each return runs."""
    if states.empty:
        return pd.DataFrame(), pd.DataFrame()
    before = states.iloc[:-1].set_axis(pair.dates)
    return conditional_correlation(pair.returns, before, n_boot=n_boot, ci_prob=ci_prob, rng=rng)


def _macro(
    pair: AlignedPair, macro: pd.DataFrame | None, own: Mapping[str, MacroSeries] | None
) -> dict[str, pd.DataFrame]:
    """Macro values, their states and the table of today, as known at the close of each row."""
    days = pd.DatetimeIndex(pair.prices.index)
    if macro is None:
        nothing = pd.DataFrame(index=days)
        return {"macro": nothing, "states": nothing, "today": pd.DataFrame()}
    table = _checked(macro, days[-1])
    declared = macro_declarations(list(table.columns), own)
    values, observed = macro_as_known(table, declared, days)
    states = macro_states(table, declared, days)
    rows = {}
    for name, m in declared.items():
        thresholds = m.thresholds(table[name].dropna())
        state = states[name]
        rows[name] = {
            "title": m.title,
            "value": values[name].iloc[-1],
            "observed": observed[name].iloc[-1],
            "threshold": as_known(thresholds, m.publication, days[-1:])["value"].iloc[0],
            "state": _word(state.iloc[-1], m.words),
            "since": _since(state),
            "published": m.publication.sentence,
            "revised": m.publication.revised,
        }
    if RISK_ON in states:
        sided = sum(m.risk_on is not None for m in declared.values())
        rows[RISK_ON] = {
            "title": f"most of {sided} series with a side",
            "value": np.nan,
            "observed": pd.NaT,
            "threshold": np.nan,
            "state": _word(states[RISK_ON].iloc[-1], ("risk on", "risk off")),
            "since": _since(states[RISK_ON]),
            "published": "as its series",
            "revised": any(m.publication.revised for m in declared.values() if m.risk_on),
        }
    today = pd.DataFrame.from_dict(rows, orient="index").rename_axis("series")
    return {"macro": values, "states": states, "today": today}


def _word(state: float, words: tuple[str, str]) -> str:
    if math.isnan(state):
        return "unknown"
    return words[0] if state == 1.0 else words[1]


def _since(state: pd.Series) -> pd.Timestamp:
    """First row of the spell of today's state; NaT where it is unknown."""
    if math.isnan(state.iloc[-1]):
        return pd.NaT  # type: ignore[return-value]
    other = np.flatnonzero(state.to_numpy() != state.iloc[-1])
    return pd.Timestamp(state.index[other[-1] + 1 if other.size else 0])


def _checked(macro: Any, last: pd.Timestamp) -> pd.DataFrame:
    """Macro series observed by the last day, as numbers; later rows are not looked at."""
    if not isinstance(macro, pd.DataFrame) or not isinstance(macro.index, pd.DatetimeIndex):
        raise DataError("macro must be a DataFrame of series by date (a DatetimeIndex).")
    if macro.index.tz is not None:
        raise DataError(
            f"macro has dates in {macro.index.tz}; pass plain dates (index.tz_localize(None))."
        )
    if not macro.columns.is_unique or RISK_ON in macro.columns:
        raise DataError(
            f"The columns of macro must be names of their own, and none {RISK_ON!r}: "
            f"{', '.join(map(str, macro.columns))}."
        )
    # A time of day must not decide whether a value belongs to its day.
    daily = macro.set_axis(macro.index.normalize())
    table = daily[daily.index <= last]
    if not table.index.is_monotonic_increasing:
        raise DataError("macro must be sorted by date: macro.sort_index().")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"{twice:%Y-%m-%d} stands more than once in macro; keep one row a day.")
    try:
        numbers = table.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(f"macro holds values that are no numbers: {error}.") from error
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise DataError(
            f"{numbers.columns[column]} is infinite on {numbers.index[row]:%Y-%m-%d} in macro."
        )
    return numbers.set_axis(numbers.columns.map(str), axis=1)
