"""Find the divergences of a pair and what became of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.events import (
    Array,
    Basis,
    check_windows,
    fresh_slice,
    gap_pathways,
    is_structural,
    legs,
    read_gap,
    series_on_basis,
    state_history,
)
from regimecorr.kernels.rolling import pearson

ENTRY_HISTORY = 750
ENTRY_SPACING = 252


def find_episodes(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    basis: Basis = "returns",
    short_window: int = 90,
    long_window: int = 252,
    horizon: int = 252,
    merge: int | None = None,
) -> pd.DataFrame:
    """Find the spells in which a pair was divergent.

    A spell is divergent while the short correlation stands against the sign of a reference that
    was at least 0.25 strong; spells less than ``merge`` rows apart are one episode. The columns
    from ``start`` to ``gap_z`` are known at ``start``; the others look ahead.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What is correlated.
    short_window, long_window : int, default 90 and 252
        Rows of the short window and of the reference.
    horizon : int, default 252
        Rows after which the outcome is read on the second half (the fresh window).
    merge : int, optional
        Spells closer than this many rows are one episode; default ``short_window // 2``.

    Returns
    -------
    DataFrame
        One row an episode: ``start``, ``reference``, ``midpoint``, ``r_short``, ``r_long``,
        ``gap_z``; ``entry`` (the first row of a spell in it with at least 750 earlier returns and
        252 rows after the previous entry, or NaT), ``end`` (the first row that is not divergent;
        NaT while it lasts), ``rows``, ``depth`` (most extreme short correlation), ``censored``
        (divergent on the last row), ``provisional`` (ended less than ``merge`` rows ago, or
        lasting: it may still go on), ``resolved_into`` (state at the end), ``fresh`` and
        ``outcome`` (structural, transient, open while the horizon has not passed, unreadable if a
        leg did not move), both read from ``entry`` where there is one and from ``start``
        otherwise, and how the price gap closed within ``horizon`` of ``start``: ``pathway``,
        ``direction``, ``asset_move``, ``benchmark_move``.

    Raises
    ------
    DataError
        If the prices or the windows cannot be used.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
    >>> list(rc.find_episodes(prices).columns[:3])
    ['start', 'reference', 'midpoint']
    """
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    return episodes_of(pair, basis, short_window, long_window, horizon, merge)


def episodes_of(
    pair: AlignedPair,
    basis: Basis,
    short_window: int,
    long_window: int,
    horizon: int,
    merge: int | None = None,
) -> pd.DataFrame:
    """Find the episodes of a pair that is already aligned; see `find_episodes`."""
    values = series_on_basis(pair, basis)
    check_windows(len(values), short_window, long_window, horizon)
    x, y = legs(values)
    history = state_history(x, y, short_window, long_window)
    divergent = (history["state"] == "divergent").to_numpy()
    merge = short_window // 2 if merge is None else merge
    spells = merge_spells(divergent, merge)
    entries = entry_rows(divergent)
    log_prices = np.log(pair.prices.to_numpy())[1:]
    returns = pair.returns.to_numpy()
    dates = pair.returns.index
    rows = []
    for first, stop in spells:
        mine = [e for e in entries if first <= e < stop]
        at = history.iloc[first]
        sign = -1 if at["reference"] < 0 else 1
        censored = stop == len(values)
        oriented = sign * history["r_short"].to_numpy()[first:stop]
        row: dict[str, Any] = {
            "start": dates[first],
            **{k: float(at[k]) for k in ("reference", "midpoint", "r_short", "r_long")},
            "gap_z": np.nan,
            "entry": dates[mine[0]] if mine else pd.NaT,
            "end": pd.NaT if censored else dates[stop],
            "rows": stop - first,
            "depth": float(sign * oriented.min()),
            "censored": censored,
            # A spell that ended less than a merge ago may still go on.
            "provisional": len(values) - stop < max(merge, 1),
            "resolved_into": "" if censored else str(history["state"].iloc[stop]),
        }
        # An entry is scored on its own row, with the reference of that row.
        anchor = mine[0] if mine else first
        then = history.iloc[anchor]
        row |= _outcome(x, y, anchor, horizon, -1 if then["reference"] < 0 else 1, then["midpoint"])
        row |= _pathway(log_prices, returns, first, long_window, horizon)
        rows.append(row)
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "start",
    "reference",
    "midpoint",
    "r_short",
    "r_long",
    "gap_z",
    "entry",
    "end",
    "rows",
    "depth",
    "censored",
    "provisional",
    "resolved_into",
    "fresh",
    "outcome",
    "pathway",
    "direction",
    "asset_move",
    "benchmark_move",
]


def entry_rows(divergent: np.ndarray[Any, Any]) -> list[int]:
    """First rows of spells with enough history, far enough from the pair's previous entry."""
    entries: list[int] = []
    for first, _ in merge_spells(divergent, 1):
        if first >= ENTRY_HISTORY and (not entries or first - entries[-1] >= ENTRY_SPACING):
            entries.append(first)
    return entries


def merge_spells(flag: np.ndarray[Any, Any], merge: int) -> list[tuple[int, int]]:
    """Runs of True as (first, stop) rows, joined if fewer than ``merge`` rows lie between them."""
    edges = np.flatnonzero(np.diff(np.r_[0, flag.astype(int), 0]))
    spells: list[tuple[int, int]] = []
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if spells and first - spells[-1][1] < merge:
            spells[-1] = (spells[-1][0], int(stop))
        else:
            spells.append((int(first), int(stop)))
    return spells


def _outcome(
    x: Array, y: Array, first: int, horizon: int, sign: int, middle: float
) -> dict[str, Any]:
    begin, end = (first + 1 + step for step in fresh_slice(horizon))
    if end > x.size:
        return {"fresh": np.nan, "outcome": "open"}
    fresh = float(pearson(x[begin:end], y[begin:end]))
    if not np.isfinite(fresh):
        return {"fresh": np.nan, "outcome": "unreadable"}
    return {
        "fresh": fresh,
        "outcome": "structural" if is_structural(fresh, sign, middle) else "transient",
    }


def _pathway(
    log_prices: Array, returns: Array, first: int, long_window: int, horizon: int
) -> dict[str, Any]:
    gap = read_gap(log_prices[: first + 1], long_window)
    ahead = returns[first + 1 : first + 1 + horizon]
    nothing = {"direction": "", "asset_move": np.nan, "benchmark_move": np.nan, "gap_z": gap.z}
    if gap.closed:
        return {"pathway": "no gap", **nothing}
    if len(ahead) == 0:
        return {"pathway": "open", **nothing}
    path = gap_pathways(gap, ahead[None]).iloc[0]
    moves = {k: path[k] for k in ("pathway", "direction", "asset_move", "benchmark_move")}
    return {**moves, "gap_z": gap.z}
