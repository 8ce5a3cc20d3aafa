"""Rows of a panel as a regression sees them: features, outcomes, dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.episodes.detect import ENTRY_HISTORY
from regimecorr.errors import ModelError
from regimecorr.evaluation.divergences import fresh_by_row, matured
from regimecorr.evaluation.features import (
    MEAN_FEATURES,
    STATE_FEATURES,
    BoolArray,
    FeatureWindows,
    PairFeatures,
    fisher,
    pair_features,
)
from regimecorr.evaluation.panel import Names, Panel, PanelPair
from regimecorr.evaluation.panel_state import panel_state
from regimecorr.events import WEAK_REFERENCE, Array, IntArray, legs


@dataclass(frozen=True, slots=True, eq=False)
class PanelRows:
    """Rows of several pairs, each with what was known then and what came.

    Attributes
    ----------
    names : tuple of (str, str)
        The pairs.
    pair, row : ndarray of shape (n,)
        Which pair, and which of its returns.
    date, matured : DatetimeIndex of length n
        Day of the row, and the last day of its horizon (NaT while it has not passed).
    mean, spread : ndarray of shape (n, 13) and (n, 6)
        Features at the row, see `PairFeatures`; the last two columns of ``mean`` are the
        `STATE_FEATURES`, NaN unless they were asked for.
    middle : ndarray of shape (n,)
        Fisher z of the midpoint, times the sign of the reference.
    target : ndarray of shape (n,)
        Fisher z of the fresh correlation, times that sign; NaN while the horizon has not passed.
    """

    names: tuple[Names, ...]
    pair: IntArray
    row: IntArray
    date: pd.DatetimeIndex
    matured: pd.DatetimeIndex
    mean: Array
    spread: Array
    middle: Array
    target: Array

    def __len__(self) -> int:
        return len(self.row)

    def take(self, keep: BoolArray | IntArray) -> PanelRows:
        """Return the rows of a mask, or those of these numbers."""
        cut = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "names"}
        return replace(self, **cut)

    def usable(self, state: bool) -> BoolArray:
        """Whether a row has its outcome and all features, those of the state if asked for."""
        mean = self.mean if state else self.mean[:, : -len(STATE_FEATURES)]
        known = np.isfinite(mean).all(axis=1) & np.isfinite(self.spread).all(axis=1)
        return np.asarray(known & np.isfinite(self.target), dtype=bool)

    def states(self) -> npt.NDArray[np.str_]:
        """State of the pair at every row (n,), as in `situation`."""
        short, reference = (self.mean[:, MEAN_FEATURES.index(n)] for n in ("short", "reference"))
        weak = np.abs(np.tanh(reference)) < WEAK_REFERENCE
        kinds = ["weak", "divergent", "strained"]
        return np.select([weak, short <= 0.0, short < self.middle], kinds, "aligned")

    def with_state(self, panel: Panel, windows: FeatureWindows) -> PanelRows:
        """Return the rows with the features of the panel's state."""
        mean = self.mean.copy()
        state = panel_state(panel, windows)
        mean[:, -len(STATE_FEATURES) :] = state.at(self.names, self.pair, self.date)
        return replace(self, mean=mean)


def training_rows(
    panel: Panel, windows: FeatureWindows, every: int, *, state: bool = False
) -> PanelRows:
    """Rows to learn from: all pairs, every so many rows, whose horizon has passed.

    The first of a pair has as much history as an entry, 750 returns. ``state`` adds the features
    of the panel's state.
    """
    least = max(ENTRY_HISTORY, windows.needed - 1)
    parts = [
        _rows(
            number,
            pair,
            pair_features(pair.returns, windows),
            np.arange(least, max(len(pair.returns) - windows.horizon, least), every),
            windows,
        )
        for number, pair in enumerate(panel.pairs)
    ]
    rows = _joined(panel, parts)
    rows = rows.with_state(panel, windows) if state else rows
    return rows.take(rows.usable(state))


def rows_of(
    panel: Panel, found: pd.DataFrame, windows: FeatureWindows, *, state: bool = False
) -> PanelRows:
    """Rows of a frame of `divergences`, in its order."""
    numbers = {pair.names: i for i, pair in enumerate(panel.pairs)}
    names = list(zip(found["asset"], found["benchmark"], strict=True))
    unknown = set(names) - set(numbers)
    if unknown:
        raise ModelError(f"The panel has no pair {sorted(unknown)[0]}; read both from one table.")
    pair = np.array([numbers[n] for n in names], dtype=np.int64)
    row = found["row"].to_numpy(dtype=np.int64)
    parts, places = [], []
    for number in np.unique(pair):
        mine = np.flatnonzero(pair == number)
        one = panel.pairs[number]
        features = pair_features(one.returns, windows)
        parts.append(_rows(int(number), one, features, row[mine], windows))
        places.append(mine)
    rows = _joined(panel, parts)
    if not len(rows):
        return rows
    rows = rows.take(np.argsort(np.concatenate(places), kind="stable"))
    return rows.with_state(panel, windows) if state else rows


def _rows(
    number: int, pair: PanelPair, features: PairFeatures, at: IntArray, windows: FeatureWindows
) -> PanelRows:
    x, y = legs(pair.returns)
    sign = features.sign[at]
    return PanelRows(
        (),
        np.full(len(at), number, dtype=np.int64),
        at,
        pair.dates[at],
        matured(pair.dates, at, windows.horizon),
        with_room(features.mean[at]),
        features.spread[at],
        sign * fisher(features.midpoint[at]),
        sign * fisher(fresh_by_row(x, y, windows.horizon)[at]),
    )


def with_room(mean: Array) -> Array:
    """Features of pairs (n, 11) with columns for the state, NaN."""
    return np.column_stack([mean, np.full((len(mean), len(STATE_FEATURES)), np.nan)])


def _joined(panel: Panel, parts: list[PanelRows]) -> PanelRows:
    names = tuple(pair.names for pair in panel.pairs)
    if not parts:
        first = _rows(
            0,
            panel.pairs[0],
            pair_features(panel.pairs[0].returns),
            np.empty(0, dtype=np.int64),
            FeatureWindows(),
        )
        return replace(first, names=names)
    columns: dict[str, Any] = {}
    for f in fields(PanelRows):
        values = [getattr(part, f.name) for part in parts]
        if f.name in ("date", "matured"):
            columns[f.name] = pd.DatetimeIndex(np.concatenate([v.to_numpy() for v in values]))
        elif f.name != "names":
            columns[f.name] = np.concatenate(values)
    return PanelRows(names=names, **columns)


@dataclass(frozen=True, slots=True)
class Fold:
    """A calendar block that is forecast, and the days around it that are not learned from.

    Attributes
    ----------
    first, last : Timestamp
        First and last day of the block.
    embargo : Timedelta
        Left out on either side.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    embargo: pd.Timedelta

    def inside(self, date: pd.DatetimeIndex) -> BoolArray:
        """Whether days are in the block."""
        return np.asarray((date >= self.first) & (date <= self.last), dtype=bool)

    def outside(self, date: pd.DatetimeIndex, matured: pd.DatetimeIndex) -> BoolArray:
        """Whether rows may be learned from.

        They lie beyond the embargo, and earlier ones have their outcome before the block begins.
        """
        earlier = (date < self.first - self.embargo) & (matured < self.first)
        return np.asarray(earlier | (date > self.last + self.embargo), dtype=bool)


def calendar_folds(date: pd.DatetimeIndex, n_folds: int, embargo_days: int) -> Iterator[Fold]:
    """Contiguous calendar blocks with about the same number of rows.

    A day is never divided. A block without rows (few days, many folds) is left out.
    """
    days = np.sort(date.to_numpy())
    cuts = days[(np.arange(1, n_folds) * len(days)) // n_folds]
    label = np.searchsorted(np.unique(cuts), days, side="right")
    for k in np.unique(label):
        mine = days[label == k]
        yield Fold(
            pd.Timestamp(mine[0]), pd.Timestamp(mine[-1]), pd.Timedelta(days=int(embargo_days))
        )
