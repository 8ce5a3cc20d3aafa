"""The state of a panel: how concentrated its correlations are, and which assets go astray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.divergences import pair_states
from regimecorr.evaluation.features import FeatureWindows, fisher
from regimecorr.evaluation.panel import LEAST_ROWS, Names, Panel
from regimecorr.events import Array, IntArray

#: The state is read on this day of the week (Wednesday) and holds until the next reading.
_DAY = 2
#: A correlation whose last row is older says nothing of the day.
_OLDEST_DAYS = 14
_FEWEST_ASSETS = 4


@dataclass(frozen=True, slots=True, eq=False)
class PanelState:
    """State of a panel by week; that of a day uses prices to that day only.

    Attributes
    ----------
    days : DatetimeIndex of length n_days
        Days on which it is read.
    concentration : ndarray of shape (n_days,)
        Share of the largest eigenvalue in the matrix of long correlations; NaN below four assets.
    shortfall : ndarray of shape (n_days, n_pairs)
        By pair, Fisher z of the reference less that of the short correlation, both times the sign
        of the reference; NaN where there is none.
    pairs : tuple of (str, str)
        The pairs.
    """

    days: pd.DatetimeIndex
    concentration: Array
    shortfall: Array
    pairs: tuple[Names, ...]

    def at(self, names: Sequence[Names], pair: IntArray, date: pd.DatetimeIndex) -> Array:
        """Read the state for rows of pairs.

        Parameters
        ----------
        names : sequence of (str, str)
            Pairs, in either order.
        pair : ndarray of shape (n,)
            Which of them each row belongs to.
        date : DatetimeIndex of length n
            Days of the rows.

        Returns
        -------
        ndarray of shape (n, 2)
            The last ``concentration`` known that day, and the pair's ``decoupling``: the mean
            shortfall of the other pairs of each leg, averaged over both legs. NaN if the last
            reading is more than 14 days old, or a leg has no other pair.
        """
        place = np.asarray(self.days.searchsorted(date, side="right"), dtype=np.int64) - 1
        known = place >= 0
        known[known] = (date[known] - self.days[place[known]]).days <= _OLDEST_DAYS
        out = np.full((len(pair), 2), np.nan)
        out[known, 0] = self.concentration[place[known]]
        for number in np.unique(pair):
            mine = known & (pair == number)
            one, two = names[number]
            apart = (self._leg(one, two, place[mine]) + self._leg(two, one, place[mine])) / 2.0
            out[mine, 1] = apart
        return out

    def _leg(self, leg: str, other: str, place: IntArray) -> Array:
        """Mean shortfall of the pairs of a leg but for the one with the other leg."""
        mine = [k for k, names in enumerate(self.pairs) if leg in names and other not in names]
        values = self.shortfall[place][:, mine]
        known = np.isfinite(values)
        count = known.sum(axis=1)
        total = np.where(known, values, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def panel_state(panel: Panel, windows: FeatureWindows | None = None) -> PanelState:
    """Read the state of a panel by week.

    Parameters
    ----------
    panel : Panel
        See `read_panel`.
    windows : FeatureWindows, optional
        Windows in rows.

    Returns
    -------
    PanelState

    Raises
    ------
    ModelError
        If the panel has fewer than four assets.
    """
    w = FeatureWindows() if windows is None else windows
    names = sorted({name for pair in panel.pairs for name in pair.names})
    if len(names) < _FEWEST_ASSETS:
        raise ModelError(
            f"The panel has {len(names)} assets with usable pairs; its state needs at least "
            f"{_FEWEST_ASSETS}."
        )
    days = pd.DatetimeIndex(panel.table.index)
    days = days[np.asarray(days.day_of_week == _DAY)]
    long = np.full((len(days), len(panel.pairs)), np.nan)
    shortfall = long.copy()
    for k, pair in enumerate(panel.pairs):
        state = pair_states(pair.returns, w)
        row = np.asarray(pair.dates.searchsorted(days, side="right"), dtype=np.int64) - 1
        # A pair counts from the row on which it could have been used.
        known = row >= LEAST_ROWS - 2
        known[known] = (days[known] - pair.dates[row[known]]).days <= _OLDEST_DAYS
        row = row[known]
        long[known, k] = state.r_long[row]
        shortfall[known, k] = state.sign[row] * (
            fisher(state.reference[row]) - fisher(state.r_short[row])
        )
    number = {name: i for i, name in enumerate(names)}
    legs = np.array([[number[a], number[b]] for a, b in (pair.names for pair in panel.pairs)])
    concentration = np.array([_concentration(row, legs, len(names)) for row in long])
    return PanelState(days, concentration, shortfall, tuple(pair.names for pair in panel.pairs))


def _concentration(long: Array, legs: IntArray, n_assets: int) -> float:
    """Share of the largest eigenvalue among the assets that have all their correlations."""
    matrix = np.full((n_assets, n_assets), np.nan)
    np.fill_diagonal(matrix, 1.0)
    matrix[legs[:, 0], legs[:, 1]] = matrix[legs[:, 1], legs[:, 0]] = long
    kept = np.arange(n_assets)
    while len(kept) >= _FEWEST_ASSETS:
        holes = np.isnan(matrix[np.ix_(kept, kept)]).sum(axis=1)
        if not holes.any():
            return float(np.linalg.eigvalsh(matrix[np.ix_(kept, kept)])[-1] / len(kept))
        kept = np.delete(kept, int(holes.argmax()))
    return float("nan")
