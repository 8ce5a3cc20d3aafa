"""Every divergence of every pair of a panel, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.prices import PriceSource
from regimecorr.data.windows import resolve
from regimecorr.episodes.detect import entry_rows
from regimecorr.errors import ModelError
from regimecorr.evaluation.features import FeatureWindows
from regimecorr.evaluation.panel import Panel, PanelPair, read_panel
from regimecorr.events import (
    Array,
    DivergenceRule,
    IntArray,
    fresh_slice,
    is_structural,
    legs,
    midpoint_of,
    rolling_correlations,
)
from regimecorr.kernels.divergence import divergent_rows
from regimecorr.kernels.rolling import rolling_pearson

#: Rows after an entry at which a spell that still lasts is read again.
LATER_AGES = (21, 42, 63)


@dataclass(frozen=True, slots=True, eq=False)
class PairStates:
    """Correlations of one pair by row, with the outcome that a forecast made there would have.

    Attributes
    ----------
    r_short, r_long, reference, sign, midpoint : ndarray of shape (n_rows,)
        Known at the row; ``sign`` is 0 where there is no reference.
    divergent : ndarray of shape (n_rows,)
        Whether the state is divergent.
    fresh, structural : ndarray of shape (n_rows,)
        Of the horizon that begins there; NaN where it has not passed.
    """

    r_short: Array
    r_long: Array
    reference: Array
    sign: Array
    midpoint: Array
    divergent: Array
    fresh: Array
    structural: Array


def pair_states(returns: Array, windows: FeatureWindows) -> PairStates:
    """Read state and outcome of a pair at every row."""
    n = len(returns)
    x, y = legs(returns)
    rule = DivergenceRule()
    resolved = resolve(n, windows.short, windows.long, windows.horizon)
    r_short, r_long = rolling_correlations(x, y, resolved)
    anchor = rule.anchor(resolved)
    reference = np.where(anchor < 0, np.nan, r_long[anchor])
    sign, divergent = divergent_rows(r_short, r_long, anchor, rule.threshold, rule.elevated, True)
    middle = np.asarray(midpoint_of(r_short, reference), dtype=float)
    fresh = fresh_by_row(x, y, windows.horizon)
    known = np.isfinite(fresh) & np.isfinite(middle)
    structural = np.where(known, is_structural(fresh, sign, middle), np.nan)
    return PairStates(r_short, r_long, reference, sign, middle, divergent, fresh, structural)


def fresh_by_row(x: Array, y: Array, horizon: int) -> Array:
    """Fresh correlation (n_rows,) of the horizon after each row; NaN where it has not passed."""
    begin, end = fresh_slice(horizon)
    out = np.full(len(x), np.nan)
    if len(x) > end:
        out[:-end] = rolling_pearson(x, y, end - begin)[end:]
    return out


def divergences(
    prices: PriceSource | Panel,
    *,
    ages: Sequence[int] = (0, *LATER_AGES),
    windows: FeatureWindows | None = None,
) -> pd.DataFrame:
    """List every divergence of every pair.

    Parameters
    ----------
    prices : DataFrame, dict of Series, path or Panel
        The panel; see `read_panel`.
    ages : sequence of int, default (0, 21, 42, 63)
        Rows after the entry at which the pair is read; one later than 0 gives a row if the state
        is divergent then, with midpoint and outcome of that row. Ages are scored separately.
    windows : FeatureWindows, optional
        Default: 90, 252 and 252 rows.

    Returns
    -------
    DataFrame
        By date: ``asset``, ``benchmark``, ``classes``, ``episode`` (number of the entry, shared by
        its ages), ``age``, ``date``, ``row`` (of the pair's returns), ``r_short``, ``r_long``,
        ``reference``, ``sign``, ``midpoint``, known on that date; ``matured`` (last day of the
        horizon, NaT while it has not passed), ``fresh`` and ``structural`` (0, 1, or NaN).

    Raises
    ------
    ModelError
        If an age is no number of rows; everything that `read_panel` raises.

    Examples
    --------
    >>> import regimecorr as rc
    >>> found = divergences(rc.simulate("recurrent", n_obs=2500, rng=3).prices, ages=(0,))
    >>> found["structural"].isin([0, 1]).all().item()
    True
    """
    panel = read_panel(prices)
    w = FeatureWindows() if windows is None else windows
    if not ages or any(isinstance(a, bool) or a != int(a) or a < 0 for a in ages):
        raise ModelError(f"ages={ages!r} must be rows after the entry, 0 or more.")
    parts = [_of_pair(panel, pair, ages, w) for pair in panel.pairs]
    parts = [part for part in parts if len(part)] or parts[:1]
    found = pd.concat(parts, ignore_index=True)
    found = found.sort_values(["date", "asset", "benchmark", "age"], ignore_index=True)
    found["episode"] = found.groupby(["asset", "benchmark", "episode"], sort=False).ngroup()
    return found


def _of_pair(
    panel: Panel, pair: PanelPair, ages: Sequence[int], windows: FeatureWindows
) -> pd.DataFrame:
    state = pair_states(pair.returns, windows)
    entries = np.asarray(entry_rows(state.divergent), dtype=np.int64)
    n = len(pair.returns)
    at = (entries[:, None] + np.asarray(ages, dtype=np.int64)[None, :]).ravel()
    first = np.repeat(entries, len(ages))
    age = at - first
    keep = (at < n) & state.divergent[np.minimum(at, n - 1)]
    at, first, age = at[keep], first[keep], age[keep]
    columns: dict[str, Any] = {
        "asset": pair.asset,
        "benchmark": pair.benchmark,
        "classes": panel.class_pair(pair.names),
        "episode": first,
        "age": age,
        "date": pair.dates[at],
        "row": at,
    }
    for name in ("r_short", "r_long", "reference"):
        columns[name] = getattr(state, name)[at]
    columns |= {"sign": state.sign[at].astype(int), "midpoint": state.midpoint[at]}
    columns |= {"matured": matured(pair.dates, at, windows.horizon)}
    columns |= {"fresh": state.fresh[at], "structural": state.structural[at]}
    return pd.DataFrame(columns, index=range(len(at)))


def matured(dates: pd.DatetimeIndex, rows: IntArray, horizon: int) -> pd.DatetimeIndex:
    """Last day of the horizon that begins after each row; NaT where it has not passed."""
    end = rows + horizon
    days = dates[np.minimum(end, len(dates) - 1)]
    return pd.DatetimeIndex(days.where(end < len(dates)))
