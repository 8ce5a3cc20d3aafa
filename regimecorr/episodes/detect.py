"""Find the divergences of a pair and what became of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.windows import Window, Windows, resolve
from regimecorr.errors import WindowError
from regimecorr.events import (
    WEAK_REFERENCE,
    Array,
    Basis,
    DivergenceRule,
    Reference,
    Start,
    divergences,
    gap_pathways,
    is_structural,
    legs,
    read_gap,
    series_on_basis,
    state_history,
)
from regimecorr.kernels import divergence as column
from regimecorr.kernels.rolling import pearson

ENTRY_HISTORY = 750
ENTRY_SPACING = 252
#: What charts call an elevated long correlation.
CHART_ELEVATED = 0.3


def find_episodes(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    basis: Basis = "returns",
    short_window: Window = 90,
    long_window: Window = 252,
    horizon: Window = 252,
    threshold: float = 0.0,
    reference: Reference = "before",
    elevated: float | None = None,
    start: Start = "spell",
    merge: int | None = None,
    refractory: int = 0,
) -> pd.DataFrame:
    """Find the spells in which a pair was divergent.

    A row is divergent while the short correlation is at the threshold or below although the
    reference is elevated. By default that is the package's definition: the reference is the long
    window that ended before the short one began, of either sign and at least 0.25 strong. With
    ``reference="overlapping"`` it is the chart's: the long correlation of the same day. The columns
    from ``start`` to ``benchmark_before`` are known at ``start``; the others look ahead.

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
    short_window, long_window : int or str, default 90 and 252
        The short window and that of the reference: both in rows, or both offsets ("90D", "365D":
        the rows of the last 90 and 365 days, as published charts count).
    horizon : int or str, default 252
        After it the outcome is read, on its second half (the fresh window).
    threshold : float, default 0.0
        Short correlation at or below which a row diverges.
    reference : {"before", "overlapping"}, default "before"
        Which long window the short one is held against.
    elevated : float, optional
        What the reference must reach; default 0.25 before, 0.3 overlapping.
    start : {"spell", "crossing", "day"}, default "spell"
        "spell": an episode begins on the first divergent row and ends on the first that is not.
        "crossing": it begins where the short correlation crosses the threshold under an elevated
        reference and ends when it is back, whatever the reference does meanwhile. "day": it begins
        on any divergent row once the refractory time has passed, so that a long spell counts again.
    merge : int, optional
        Spells closer than this many rows are one episode; default half the short window.
    refractory : int, default 0
        No episode begins less than this many rows after the previous beginning.

    Returns
    -------
    DataFrame
        One row an episode:

        - ``start``, ``reference``, ``midpoint``, ``r_short``, ``r_long`` and the z-score ``gap_z``
          of the log-price gap on that day; ``asset_before``, ``benchmark_before``: log moves over
          the short window to it; ``truncated``: divergent on the first readable row, so that it
          began earlier;
        - ``entry``: the first row of a spell in it with at least 750 earlier returns and 252 rows
          after the previous entry, or NaT; ``end``: the first row after it, NaT while it lasts;
          ``rows`` and ``days`` of it; ``depth``: the most extreme short correlation; ``censored``:
          divergent on the last row; ``provisional``: ended less than ``merge`` rows ago, or
          lasting, so that it may still go on; ``rows_back``: rows until the short correlation was
          first above the threshold, NaN while it is not; ``resolved_into``: state at the end;
        - ``fresh`` and ``outcome`` (structural, transient, open while the horizon has not passed,
          unreadable if a leg did not move), from ``entry`` where there is one, else from
          ``start``;
        - how the price gap closed within the horizon of ``start``: ``pathway``, ``direction`` of
          the leading leg, ``asset_share`` of the closing, ``asset_move``, ``benchmark_move``;
        - log moves of the legs ``asset_during``, ``benchmark_during`` from start to end and
          ``asset_after``, ``benchmark_after`` over a short window after the end.

    Raises
    ------
    DataError
        If the prices or the options cannot be used.
    WindowError
        If the windows cannot, or do not fit the data.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
    >>> list(rc.find_episodes(prices).columns[:3])
    ['start', 'reference', 'midpoint']
    >>> chart = {"short_window": "90D", "long_window": "365D", "reference": "overlapping"}
    >>> len(rc.find_episodes(prices, **chart)) > 0
    True
    """
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    windows = resolve(pair.dates, short_window, long_window, horizon)
    rule = rule_of(windows, reference, elevated, threshold, start, merge, refractory)
    return episodes_of(pair, basis, windows, rule)


def rule_of(
    windows: Windows,
    reference: Reference,
    elevated: float | None,
    threshold: float,
    start: Start,
    merge: int | None,
    refractory: int,
) -> DivergenceRule:
    """Rule of the options of `find_episodes`; what is None depends on reference and windows."""
    return DivergenceRule(
        reference=reference,
        elevated=default_elevated(reference) if elevated is None else elevated,
        threshold=threshold,
        start=start,
        merge=half_short_window(windows) if merge is None else merge,
        refractory=refractory,
    )


def default_elevated(reference: Reference) -> float:
    """What a reference must reach to count as an established relationship."""
    return WEAK_REFERENCE if reference == "before" else CHART_ELEVATED


def half_short_window(windows: Windows) -> int:
    """Half the rows of the first full short window, which later data cannot change."""
    check_readable(windows, "overlapping")
    first = int(np.argmax(windows.short >= 0))
    return int(first - windows.short[first] + 1) // 2


def check_readable(windows: Windows, reference: Reference) -> None:
    """Raise `WindowError` unless some row has a full reference."""
    last = windows.long[windows.before[-1]] if reference == "before" else windows.long[-1]
    if windows.before[-1] < 0 or last < 0:
        both = " and ".join(str(w) for w in (windows.short_window, windows.long_window))
        raise WindowError(
            f"The windows of {both} do not fit {len(windows)} returns; use shorter windows or a "
            "longer sample."
        )


def episodes_of(
    pair: AlignedPair, basis: Basis, windows: Windows, rule: DivergenceRule
) -> pd.DataFrame:
    """Find the episodes of a pair that is already aligned; see `find_episodes`."""
    check_readable(windows, rule.reference)
    values = series_on_basis(pair, basis)
    history = state_history(*legs(values), windows, rule)
    entries = entry_rows((history["state"] == "divergent").to_numpy())
    path = np.log(pair.prices.to_numpy())[1:]
    rows = []
    for found in divergences(values, windows, rule):
        first, stop = int(found[column.FIRST]), int(found[column.STOP])
        mine = [e for e in entries if first <= e < stop]
        rows.append(
            _known(pair, path, found, windows)
            | {"entry": pair.prices.index[mine[0] + 1] if mine else pd.NaT}
            | _course(pair, history, found, rule.merge)
            # An entry is scored on its own row, with the reference of that row.
            | _outcome(values, history, mine[0] if mine else first, windows)
            | _pathway(path, first, windows)
            | _moves(path, first, stop, windows)
        )
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


_DTYPES: dict[str, Any] = {
    "start": "datetime64[ns]",
    **dict.fromkeys(("reference", "midpoint", "r_short", "r_long", "gap_z"), float),
    **dict.fromkeys(("asset_before", "benchmark_before"), float),
    "truncated": bool,
    **dict.fromkeys(("entry", "end"), "datetime64[ns]"),
    **dict.fromkeys(("rows", "days"), int),
    "depth": float,
    **dict.fromkeys(("censored", "provisional"), bool),
    "rows_back": float,
    "resolved_into": object,
    "fresh": float,
    **dict.fromkeys(("outcome", "pathway", "direction"), object),
    **dict.fromkeys(("asset_share", "asset_move", "benchmark_move"), float),
    **dict.fromkeys(("asset_during", "benchmark_during"), float),
    **dict.fromkeys(("asset_after", "benchmark_after"), float),
}


def _known(pair: AlignedPair, path: Array, found: Array, windows: Windows) -> dict[str, Any]:
    """What is known on the day on which the episode begins."""
    first = int(found[column.FIRST])
    before = path[first] - path[windows.short[first]]
    return {
        "start": pair.prices.index[first + 1],
        "reference": found[column.REFERENCE],
        "midpoint": found[column.MIDPOINT],
        "r_short": found[column.SHORT],
        "r_long": found[column.LONG],
        "asset_before": before[0],
        "benchmark_before": before[1],
        "truncated": bool(found[column.TRUNCATED]),
    }


def _course(pair: AlignedPair, history: pd.DataFrame, found: Array, merge: int) -> dict[str, Any]:
    """How long the episode lasted, how deep it went and what it became."""
    first, stop, back = (int(found[c]) for c in (column.FIRST, column.STOP, column.BACK))
    n = len(history)
    dates = pair.dates
    censored = stop == n
    sign = -1 if found[column.REFERENCE] < 0 else 1
    oriented = sign * history["r_short"].to_numpy()[first:stop]
    return {
        "end": pd.NaT if censored else dates[stop],
        "rows": stop - first,
        "days": (dates[min(stop, n - 1)] - dates[first]).days,
        "depth": float(sign * oriented.min()),
        "censored": censored,
        # A spell that ended less than a merge ago may still go on.
        "provisional": n - stop < max(merge, 1),
        "rows_back": np.nan if back == n else back - first,
        "resolved_into": "" if censored else str(history["state"].iloc[stop]),
    }


def _outcome(values: Array, history: pd.DataFrame, at: int, windows: Windows) -> dict[str, Any]:
    begin, end = windows.fresh[at], windows.end[at] + 1
    if windows.end[at] < 0:
        return {"fresh": np.nan, "outcome": "open"}
    fresh = float(pearson(*legs(values[begin:end])))
    if not np.isfinite(fresh):
        return {"fresh": np.nan, "outcome": "unreadable"}
    then = history.iloc[at]
    structural = is_structural(fresh, -1 if then["reference"] < 0 else 1, then["midpoint"])
    return {"fresh": fresh, "outcome": "structural" if structural else "transient"}


def _pathway(path: Array, first: int, windows: Windows) -> dict[str, Any]:
    gap = read_gap(path[: first + 1], first - max(int(windows.long[first]), 0) + 1)
    last = windows.end[first] if windows.end[first] >= 0 else len(path) - 1
    ahead = np.diff(path[first : last + 1], axis=0)
    nothing = dict.fromkeys(("asset_share", "asset_move", "benchmark_move"), np.nan)
    if gap.closed or len(ahead) == 0:
        pathway = "no gap" if gap.closed else "open"
        return {"gap_z": gap.z, "pathway": pathway, "direction": "", **nothing}
    closing = gap_pathways(gap, ahead[None]).iloc[0]
    return {"gap_z": gap.z, **{k: closing[k] for k in ("pathway", "direction", *nothing)}}


def _moves(path: Array, first: int, stop: int, windows: Windows) -> dict[str, Any]:
    """Log moves from the start to the end, and over a short window after the end."""
    last = min(stop, len(path) - 1)
    during = path[last] - path[first]
    # The first row whose short window begins after the end.
    later = int(np.searchsorted(windows.short, stop, side="right"))
    after = path[later] - path[stop] if later < len(path) else np.full(2, np.nan)
    return {
        "asset_during": during[0],
        "benchmark_during": during[1],
        "asset_after": after[0],
        "benchmark_after": after[1],
    }


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
