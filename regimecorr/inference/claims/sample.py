"""What the tests of claims look at: the pair to the date, what came later, and its histories."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.events import Array, Basis, series_on_basis
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.inference.claims.table import Event
from regimecorr.inference.nulls import NULLS, World, make_worlds
from regimecorr.inference.trial import over_histories
from regimecorr.models.base import IntArray
from regimecorr.models.margins import GARCH, MarginsResult


@dataclass(frozen=True, eq=False)
class ClaimSample:
    """The data of a trial of many claims.

    Attributes
    ----------
    pair : AlignedPair
        Asset and benchmark up to the date of the trial.
    whole : AlignedPair
        The same with all later rows: for out-of-sample outcomes only.
    others : DataFrame
        Prices of other assets by date (their own days), to the last row of ``whole``.
    peer, market : str or None
        Columns of ``others``: another asset of the asset's kind (BTC), the market (S&P 500).
    macro : DataFrame or None
        Macro series by date of observation; a test lags what it uses by its publication delay.
    events : tuple of Event
    n_boot : int
        Bootstrap samples and histories of every world.
    seed : int
        Every random number of the trial follows from it.
    n_jobs : int
        Threads that make histories.
    """

    pair: AlignedPair
    whole: AlignedPair
    others: pd.DataFrame
    peer: str | None
    market: str | None
    macro: pd.DataFrame | None
    events: tuple[Event, ...]
    n_boot: int
    seed: int
    n_jobs: int = 1
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Dates of the returns."""
        return self.pair.dates

    @cached_property
    def returns(self) -> Array:
        """Log returns (n_rows, 2) of asset and benchmark up to the date of the trial."""
        return np.ascontiguousarray(self.pair.returns.to_numpy())

    @property
    def has_later(self) -> bool:
        """Whether there are rows after the date of the trial."""
        return len(self.whole.prices) > len(self.pair.prices)

    def series(self, basis: Basis) -> Array:
        """Series (n_rows, 2) whose correlation is read."""
        return series_on_basis(self.pair, basis)

    @cached_property
    def rows(self) -> IntArray:
        """Common bootstrap rows (n_boot, n_rows): stationary, blocks as the cross-product asks."""
        product = np.prod(self.returns - self.returns.mean(axis=0), axis=1)
        block, n = block_length(product), len(product)
        streams = self.generator("rows").spawn(self.n_boot)
        return np.stack([resampled_rows(n, block, stream) for stream in streams])

    @cached_property
    def margins(self) -> MarginsResult:
        """GARCH margins of the pair up to the date of the trial."""
        return GARCH().fit(self.pair.returns)

    @cached_property
    def worlds(self) -> dict[str, World]:
        """The null worlds by name, fitted to the pair."""
        return make_worlds(NULLS, self.pair.returns, self.margins)

    def histories(self, world: str) -> Array:
        """Log returns (n_boot, n_rows, 2) of histories of a world; made once."""
        if world not in self._cache:
            paths = over_histories(
                self.worlds[world], np.asarray, self.n_boot, self.generator(world), self.n_jobs
            )
            self._cache[world] = np.stack(paths)
        return np.asarray(self._cache[world])

    def generator(self, purpose: str) -> np.random.Generator:
        """Random numbers for a purpose, the same whatever else is tested."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def column(self, name: str, *, later: bool = False) -> pd.Series:
        """Prices of another asset on the pair's days (NaN where it has none), to the date."""
        days = (self.whole if later else self.pair).prices.index
        return self.others[name].reindex(days)
