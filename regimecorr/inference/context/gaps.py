"""The log-price gap by date, and what became of the gaps that opened before."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.events import GAP_CLOSED, Array, Gap, gap_pathways
from regimecorr.inference.nulls import IndependentLegs
from regimecorr.inference.trial import over_histories
from regimecorr.models.base import IntArray

_YEAR = 252.0
_FIGURES = ("matured", "per_year", "closed", "asset_led", "median_rows")
_GAPS: dict[str, Any] = {
    "start": "datetime64[us]",
    "z": float,
    "end": "datetime64[us]",
    "rows": float,
    "matured": bool,
    "pathway": object,
    "direction": object,
    "asset_share": float,
    "asset_move": float,
    "benchmark_move": float,
}


class GapPath(NamedTuple):
    """The gap and its rolling moments, (n_rows,) each; NaN before the first full window."""

    level: Array
    mean: Array
    sd: Array
    z: Array


def gap_path(log_prices: Array, long_window: int) -> GapPath:
    """Gap of (n_rows, 2) log prices with the moments of the ``long_window`` rows to each row."""
    level = log_prices[:, 0] - log_prices[:, 1]
    # Sums of deviations from one centre; the gap's own level would cancel.
    centre = float(level.mean())
    sums = np.cumsum(np.r_[0.0, level - centre])
    squares = np.cumsum(np.r_[0.0, (level - centre) ** 2])
    first = (sums[long_window:] - sums[:-long_window]) / long_window
    second = (squares[long_window:] - squares[:-long_window]) / long_window
    variance = (second - first**2) * long_window / (long_window - 1.0)
    # What is left of a constant gap is rounding, of the prices and of the sums.
    rounding = max((1e-12 * np.abs(log_prices).max()) ** 2, 1e-14 * squares[-1] / level.size)
    variance = np.where(variance > rounding, variance, np.nan)
    before = np.full(long_window - 1, np.nan)
    mean, sd = np.r_[before, first + centre], np.r_[before, np.sqrt(variance)]
    return GapPath(level, mean, sd, (level - mean) / sd)


def openings(path: GapPath, opens: float, horizon: int) -> IntArray:
    """Openings of gaps, one row each: first row, row of closing (-1: none in time).

    A gap opens where ``|z|`` reaches ``opens``; its moments are frozen there. It closes on the
    first row with ``|z| <= 0.5`` or a change of sign, within the horizon. The next one can open
    after it has closed, or after its horizon.
    """
    wide = np.flatnonzero(np.abs(path.z) >= opens)
    found: list[tuple[int, int]] = []
    begin = 0
    while True:
        place = int(np.searchsorted(wide, begin))
        if place == wide.size:
            return np.array(found, dtype=np.int64).reshape(-1, 2)
        first = int(wide[place])
        ahead = (path.level[first + 1 : first + 1 + horizon] - path.mean[first]) / path.sd[first]
        hit = (np.abs(ahead) <= GAP_CLOSED) | (np.sign(ahead) != np.sign(path.z[first]))
        closed = bool(hit.any())
        last = first + 1 + int(hit.argmax()) if closed else -1
        found.append((first, last))
        begin = last + 1 if closed else first + horizon + 1


def gap_frame(pair: AlignedPair, long_window: int) -> pd.DataFrame:
    """``level``, ``mean``, ``sd`` and ``z`` of the gap by date; values at t use prices to t."""
    path = gap_path(np.log(pair.prices.to_numpy()), long_window)
    return pd.DataFrame(path._asdict(), index=pair.prices.index)


def past_gaps(pair: AlignedPair, long_window: int, opens: float, horizon: int) -> pd.DataFrame:
    """The gaps of a pair, one row each, read by `events.gap_pathways`.

    ``start`` and the z-score ``z`` there; ``end`` (NaT where it did not close in time) and ``rows``
    until then (NaN); ``matured``: whether its horizon has passed; ``pathway``, ``direction``,
    ``asset_share``, ``asset_move`` and ``benchmark_move`` of the closing.
    """
    logs = np.log(pair.prices.to_numpy())
    path = gap_path(logs, long_window)
    dates = pair.prices.index
    rows = []
    for first, last in openings(path, opens, horizon):
        row = {
            "start": dates[first],
            "z": path.z[first],
            "end": pd.NaT if last < 0 else dates[last],
            "rows": np.nan if last < 0 else float(last - first),
            "matured": first + horizon < len(logs),
        }
        moves = np.diff(logs[first : first + horizon + 1], axis=0)
        if len(moves):
            gap = Gap(*(float(v[first]) for v in (path.level, path.z, path.mean, path.sd)))
            read = gap_pathways(gap, moves[None]).iloc[0]
            row |= {name: read[name] for name in list(_GAPS)[5:]}
        else:
            row |= {"pathway": "open", "direction": ""}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(_GAPS)).astype(_GAPS)


def gap_record(
    pair: AlignedPair,
    long_window: int,
    opens: float,
    horizon: int,
    n_boot: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """What became of the pair's gaps, beside those of legs that nothing ties together.

    Rows ``observed``, ``independent`` (mean over histories in which each leg's returns are
    block-bootstrapped on their own) and ``independent_5``, ``independent_95`` (quantiles over
    histories). Columns: ``matured``, gaps whose horizon has passed; ``per_year``, gaps that
    opened in 252 rows with a z-score; of the matured ones the share ``closed`` in time; of those
    the share ``asset_led`` and the median of ``rows`` until closing.
    """
    read = partial(_figures, long_window=long_window, opens=opens, horizon=horizon)
    returns = pair.returns.to_numpy()
    found = over_histories(IndependentLegs.of(returns), read, n_boot, rng)
    drawn = pd.DataFrame(found, columns=list(_FIGURES))
    rows = {
        "observed": pd.Series(read(returns), index=list(_FIGURES)),
        "independent": drawn.mean(),
        "independent_5": drawn.quantile(0.05),
        "independent_95": drawn.quantile(0.95),
    }
    return pd.DataFrame(rows).T.rename_axis("world")


def _figures(returns: Array, long_window: int, opens: float, horizon: int) -> tuple[float, ...]:
    """Figures of one history of log returns (n, 2), in the order of the columns."""
    logs = np.cumsum(np.vstack([np.zeros(2), returns]), axis=0)
    path = gap_path(logs, long_window)
    found = openings(path, opens, horizon)
    per_year = len(found) * _YEAR / (len(logs) - long_window + 1)
    first, last = found[found[:, 0] + horizon < len(logs)].T
    closed = last >= 0
    first, last = first[closed], last[closed]
    if not first.size:
        share = 0.0 if closed.size else np.nan
        return float(closed.size), per_year, share, np.nan, np.nan
    move = (logs[last] - logs[first]) * -np.sign(path.z[first])[:, None]
    led = float(np.mean(move[:, 0] >= -move[:, 1]))
    return float(closed.size), per_year, float(closed.mean()), led, float(np.median(last - first))
