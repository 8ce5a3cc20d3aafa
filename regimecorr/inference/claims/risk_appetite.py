"""The claim that the correlation is high while risk is sought."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from regimecorr.events import Basis
from regimecorr.indicators.momentum import trailing_return
from regimecorr.inference.claims.evidence import ClaimTest, Evidence, from_bootstrap, missing
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import (
    bootstrap,
    correlation,
    draws,
    in_words,
    shift_power,
    standard_error,
)
from regimecorr.models.base import Array

_FEWEST_ROWS = 126
_YEAR = 252
_MOMENTUM_ROWS = 63
_LIQUIDITY_WEEKS = 13
_RECENT = 5 * _YEAR
#: The Wednesday level of the balance sheet is out on Thursday after the close.
_RELEASE = pd.Timedelta(days=2)


def high_in_risk_on(
    sample: ClaimSample, *, basis: Basis, level: float, likely: float = 0.6
) -> Evidence:
    """The correlation in risk-on states exceeds a level."""
    test = f"correlation in risk-on states; null: at most {level:g}"
    if sample.macro is None:
        return missing("no macro table was given (VIX, WALCL)", test)
    states = risk_states(sample, sample.pair.prices)
    if states.shape[1] < 2:
        return missing("the macro table has neither VIX nor WALCL", test)
    together = _majority(states)
    on, off = (together == 1.0).to_numpy(), (together == 0.0).to_numpy()
    if min(on.sum(), off.sum()) < _FEWEST_ROWS:
        return Evidence(
            test=test,
            uninformative=f"{on.sum()} risk-on and {off.sum()} risk-off rows; at least "
            f"{_FEWEST_ROWS} of each are needed",
        )
    x, y = sample.series(basis).T
    weights = draws(sample.rows, len(x))
    found = from_bootstrap(
        *bootstrap(lambda w: correlation(x, y, w * on), weights), null=level, test=test
    )
    if not found.uninformative:
        effect = (likely - level) / standard_error(found, level)
        found = replace(found, power=shift_power(found, effect))
    return replace(
        found,
        note=_note(x, y, states, on, off, weights, likely),
        out_of_sample=_later(sample),
    )


def risk_states(sample: ClaimSample, prices: pd.DataFrame) -> pd.DataFrame:
    """Risk-on (1) or not (0) for every return of the prices, known at the close before it.

    VIX below its median of the last 252 observations; total assets of the Federal Reserve above
    those of 13 weeks before, counted from the day after their release; benchmark above its price
    63 rows before. NaN where a state is not known; series that are missing have no column.
    """
    before = pd.DatetimeIndex(prices.index[:-1])
    states = {}
    macro = sample.macro if sample.macro is not None else pd.DataFrame()
    if "VIX" in macro:
        vix = macro["VIX"].dropna()
        median = vix.rolling(_YEAR).median()
        states["VIX"] = _as_of((vix < median).astype(float).where(median.notna()), before)
    if "WALCL" in macro:
        assets = macro["WALCL"].dropna()
        change = assets.diff(_LIQUIDITY_WEEKS)
        known = (change > 0.0).astype(float).where(change.notna())
        known.index = known.index + _RELEASE
        states["liquidity"] = _as_of(known, before)
    benchmark = prices[sample.pair.benchmark].to_numpy()
    momentum = trailing_return(benchmark, _MOMENTUM_ROWS)[:-1]
    states["momentum"] = np.where(np.isnan(momentum), np.nan, momentum > 0.0)
    return pd.DataFrame(states, index=prices.index[1:])


def _as_of(state: pd.Series, days: pd.DatetimeIndex) -> Array:
    """Last value on or before each day; NaN before the first."""
    ordered = state.dropna().sort_index()
    place = np.asarray(ordered.index.searchsorted(days, side="right")) - 1
    values = ordered.to_numpy()
    if values.size == 0:
        return np.full(len(days), np.nan)
    return np.where(place >= 0, values[np.maximum(place, 0)], np.nan)


def _majority(states: pd.DataFrame) -> pd.Series:
    """1 where most states are on, 0 where most are off; NaN where one is unknown or they tie."""
    share = states.mean(axis=1, skipna=False)
    return pd.Series(np.select([share > 0.5, share < 0.5], [1.0, 0.0], np.nan), states.index)


def _note(
    x: Array,
    y: Array,
    states: pd.DataFrame,
    on: np.ndarray,
    off: np.ndarray,
    weights: Array,
    likely: float,
) -> str:
    one = np.ones((1, len(x)))

    def read(rows: np.ndarray) -> float:
        return float(correlation(x, y, one * rows)[0])

    parts = [
        f"{name!s} {read((values == 1.0).to_numpy()):.2f} ({read((values == 0.0).to_numpy()):.2f})"
        for name, values in states.items()
    ]
    recently = on & (np.arange(len(on)) >= len(on) - _RECENT)
    recent = bootstrap(lambda w: correlation(x, y, w * recently), weights)
    contrast = bootstrap(lambda w: correlation(x, y, w * on) - correlation(x, y, w * off), weights)
    return (
        f"Risk-on: most of {', '.join(states.columns)} say so at the close before; {on.sum()} "
        f"rows, against {off.sum()} risk-off. Risk-on less risk-off {in_words(*contrast)}. By "
        f"state, on (off): {', '.join(parts)}. In risk-on states of the last {_RECENT} rows "
        f"{in_words(*recent)}. Daily returns of closes hours apart understate correlation. "
        f"Power: if it were {likely:g}. Block bootstrap."
    )


def _later(sample: ClaimSample) -> str:
    prices = sample.whole.prices
    together = _majority(risk_states(sample, prices))
    rows = (together.index > sample.dates[-1]) & (together == 1.0).to_numpy()
    if rows.sum() < 21:
        return ""
    r = float(np.corrcoef(sample.whole.returns[rows].to_numpy().T)[0, 1])
    return f"correlation {r:.2f} in {int(rows.sum())} later risk-on rows"


TESTS: dict[str, ClaimTest] = {"high_in_risk_on": high_in_risk_on}
