"""Read the events of a verdict off simulated futures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.errors import DataError
from regimecorr.evaluation.pool import Pool
from regimecorr.events import (
    Array,
    Basis,
    Situation,
    fresh_correlation,
    fresh_slice,
    is_structural,
    series_on_basis,
    situation,
)
from regimecorr.indicators.frequency import aggregate
from regimecorr.kernels.rolling import first_passage_above, path_correlation
from regimecorr.models.base import Futures

MIN_ROWS = 10  # fewer do not make a correlation


class Events:
    """The events of one pair at one date, readable off any futures."""

    def __init__(
        self, pair: AlignedPair, basis: Basis, here: Situation, short_window: int, horizon: int
    ) -> None:
        self.here = here
        self.horizon = horizon
        self._basis = basis
        self._last = pair.prices.to_numpy()[-1]
        self.short_window = short_window
        self._history = series_on_basis(pair, basis)[-short_window:]

    def paths(self, futures: Futures) -> Array:
        """Future paths of what is correlated: returns, or prices rebuilt from them."""
        if self._basis == "returns":
            return futures.returns
        logs = np.log(self._last) + np.cumsum(futures.returns, axis=1)
        return np.asarray(np.exp(logs) if self._basis == "levels" else logs, dtype=float)

    def fresh(self, futures: Futures) -> Array:
        """Correlation of each path's fresh window."""
        return fresh_correlation(self.paths(futures), self.horizon)

    def structural(self, futures: Futures) -> Array:
        """Whether each path ends nearer to the diverged level."""
        return np.asarray(is_structural(self.fresh(futures), self.here.sign, self.here.midpoint))

    def chance(self, futures: Futures) -> Array:
        """Each path's chance of being structural given its latent correlation.

        The sampling error of the fresh correlation, in Fisher z, is taken from all paths
        together: the average is `structural`'s (for DCC, whose latent path feeds on the shocks,
        nearly so) and the scatter between paths is smaller. On level bases it is `structural`
        itself.
        """
        if self._basis != "returns":
            return self.structural(futures).astype(float)
        sign = self.here.sign
        begin, end = fresh_slice(self.horizon)
        latent = _fisher(sign * futures.correlation[:, begin:end].mean(axis=1))
        error = np.sort(_fisher(sign * self.fresh(futures)) - latent)
        needed = _fisher(np.array(sign * self.here.midpoint)) - latent
        return np.asarray(np.searchsorted(error, needed) / error.size, dtype=float)

    def unchanged(self, futures: Futures) -> Array:
        """Whether each path is transient and its relationship never changed.

        That is, its latent correlation never left the reference's side.
        """
        if self._basis != "returns":
            return np.full(len(futures.recent), np.nan)
        kept = self.here.sign * futures.recent >= self.here.sign * self.here.midpoint
        return np.asarray(
            np.logical_and(np.logical_not(self.structural(futures)), kept), dtype=float
        )

    def chart_resolved(self, futures: Futures) -> Array:
        """Share of paths that have resolved on the chart by each row.

        A path has resolved once its rolling short correlation has been on the reference's side of
        zero.
        """
        flip = np.array([float(self.here.sign), 1.0])
        first = first_passage_above(
            self._history * flip,
            np.ascontiguousarray(self.paths(futures) * flip),
            self.short_window,
            0.0,
        )
        counts = np.bincount(first, minlength=self.horizon + 1)[1:]
        return np.asarray(np.cumsum(counts) / len(first), dtype=float)


def _fisher(r: Array) -> Array:
    return np.asarray(np.arctanh(np.clip(r, -0.999999, 0.999999)), dtype=float)


def sensitivity_table(
    pair: AlignedPair, basis: Basis, pool: Pool, short_window: int, long_window: int, horizon: int
) -> pd.DataFrame:
    """State and raw probability for other windows, and for 3-day (overlapping) and weekly returns.

    All are read off the same futures. Weekly windows have a fifth of the rows; on level bases
    there is nothing to aggregate.
    """
    values = series_on_basis(pair, basis)
    rows: dict[str, dict[str, object]] = {}
    for window in sorted({63, 90, 126, short_window}):
        rows[f"{window} rows"] = _variant(pair, basis, pool, values, window, long_window, horizon)
    if basis == "returns":
        for name, length, step in (("3-day returns", 3, 1), ("weekly returns", 5, 5)):
            rows[name] = _variant(
                pair, basis, pool, values, short_window, long_window, horizon, length, step
            )
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "variant"
    return frame


def _variant(
    pair: AlignedPair,
    basis: Basis,
    pool: Pool,
    values: Array,
    short_window: int,
    long_window: int,
    horizon: int,
    length: int = 1,
    step: int = 1,
) -> dict[str, object]:
    series = values if length == 1 else aggregate(values, length, step)
    short, long = short_window // step, long_window // step
    nothing = {"r_short": np.nan, "reference": np.nan, "state": "unknown", "p_raw": np.nan}
    fresh_rows = (horizon - horizon // 2 - length + step) // step
    if min(short, fresh_rows) < MIN_ROWS or short + long > len(series):
        return nothing
    try:
        here = situation(series, short, long)
    except DataError:
        return nothing
    p = np.nan
    if here.state != "weak":
        events = Events(pair, basis, here, short, horizon)

        def share(futures: Futures) -> Array:
            paths = events.paths(futures)
            begin, end = fresh_slice(horizon)
            if length > 1:
                # Sums that lie inside the fresh window only.
                fresh = aggregate(paths[:, begin:end], length, step)
                begin, end = 0, fresh.shape[1]
            else:
                fresh = paths
            later = path_correlation(np.ascontiguousarray(fresh), begin, end)
            return np.asarray(is_structural(later, here.sign, here.midpoint).mean())

        p = float(pool.average(share))
    return {"r_short": here.r_short, "reference": here.reference, "state": here.state, "p_raw": p}
