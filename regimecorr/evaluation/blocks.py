"""Calendar blocks, drawn with replacement: forecasts of one year share its shocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.models.base import Array, IntArray, RandomState, check_count

#: Fewer blocks say nothing about how blocks differ.
FEWEST_BLOCKS = 3
#: Share of resamples that may lack a statistic (one class only, for example).
_MAX_MISSING = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error and interval.

    Attributes
    ----------
    value : float
        The figure in the sample; NaN with a reason if there is none.
    error : float
        Standard error; NaN with a reason if it cannot be known.
    lower, upper : float
        Limits of the interval, NaN like the error.
    reason : str
        Why something is NaN; empty otherwise.
    """

    value: float
    error: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    reason: str = ""


def calendar_blocks(dates: pd.DatetimeIndex | pd.Series, years: int = 1) -> IntArray:
    """Label of the calendar block of every date.

    Parameters
    ----------
    dates : DatetimeIndex or Series of shape (n,)
        Dates of forecast. With outcomes a year ahead, forecasts of neighbouring years share part of
        their outcomes; ``years=2`` shows how much that matters.
    years : int, default 1
        Length of a block. Blocks begin in years divisible by it.

    Returns
    -------
    ndarray of shape (n,)
        First year of the block.

    Raises
    ------
    ModelError
        If a date is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.evaluation.blocks import calendar_blocks
    >>> calendar_blocks(pd.to_datetime(["2008-09-15", "2020-03-16", "2021-01-04"]), 2).tolist()
    [2008, 2020, 2020]
    """
    check_count("years", years)
    index = pd.DatetimeIndex(dates)
    if index.hasnans:
        raise ModelError(
            f"{int(np.sum(index.isna()))} of {len(index)} dates are missing; a forecast without a "
            f"date has no calendar block. Drop them."
        )
    return np.asarray(index.year, dtype=np.int64) // years * years


class BlockBootstrap:
    """Resamples of whole blocks: how often each block was drawn.

    Parameters
    ----------
    blocks : array_like of shape (n,)
        Label of every row's block.
    n_boot : int, default 2000
        Resamples, at least 99. Each draws as many blocks as there are.
    rng : int, Generator or None, default 0
        Seed or generator.

    Attributes
    ----------
    codes : ndarray of shape (n,)
        Block of every row, counted from 0.
    counts : ndarray of shape (n_boot, n_blocks)
        How often each resample contains each block.

    Raises
    ------
    ModelError
        If there are fewer than three blocks.
    """

    def __init__(self, blocks: npt.ArrayLike, n_boot: int = 2000, rng: RandomState = 0) -> None:
        check_count("n_boot", n_boot, 99)
        _, codes = np.unique(np.asarray(blocks), return_inverse=True)
        self.codes: IntArray = codes.astype(np.int64)
        n_blocks = int(self.codes.max(initial=-1)) + 1
        if n_blocks < FEWEST_BLOCKS:
            raise ModelError(too_few_blocks(n_blocks))
        drawn = np.random.default_rng(rng).multinomial(
            n_blocks, np.full(n_blocks, 1.0 / n_blocks), size=n_boot
        )
        self.counts: Array = drawn.astype(float)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.counts.shape[1])

    def totals(self, columns: Array) -> Array:
        """Sums (n_blocks, k) by block of columns (n, k)."""
        out = np.zeros((self.n_blocks, columns.shape[1]))
        np.add.at(out, self.codes, columns)
        return out

    def sums(self, columns: Array) -> Array:
        """Sums (n_boot, k) over every resample of columns (n, k)."""
        return np.asarray(self.counts @ self.totals(columns))

    def weights(self) -> Array:
        """How often each resample contains each row: (n_boot, n)."""
        return self.counts[:, self.codes]

    def estimate(
        self,
        value: float,
        replicates: Array,
        ci_prob: float = 0.95,
        limits: tuple[float, float] = (-np.inf, np.inf),
    ) -> Estimate:
        """Standard error of the replicates, and the t interval of as many blocks around the value.

        Quantiles of t with ``n_blocks - 1`` degrees of freedom, because the error rests on few
        blocks: with about 20 of them percentiles of the replicates are too narrow.

        Parameters
        ----------
        value : float
            The figure in the sample.
        replicates : ndarray of shape (n_boot,)
            The figure in the resamples; NaN where a resample has none.
        ci_prob : float, default 0.95
            Mass of the interval.
        limits : tuple of float
            Where the figure can lie at all; the interval is cut there.

        Returns
        -------
        Estimate
        """
        known = replicates[np.isfinite(replicates)]
        if not np.isfinite(value) or known.size < (1.0 - _MAX_MISSING) * replicates.size:
            missing = replicates.size - known.size
            reason = f"undefined in {missing} of {replicates.size} resamples of blocks"
            return Estimate(value, reason=reason)
        error = float(known.std(ddof=1))
        half = float(stats.t.ppf(0.5 + 0.5 * ci_prob, self.n_blocks - 1)) * error
        return Estimate(value, error, max(value - half, limits[0]), min(value + half, limits[1]))


def too_few_blocks(n_blocks: int) -> str:
    """Say why there is no block bootstrap."""
    return (
        f"{n_blocks} calendar block{'' if n_blocks == 1 else 's'}; a block bootstrap needs at "
        f"least {FEWEST_BLOCKS}. Take shorter blocks or more years."
    )


def block_estimate(
    statistic: Callable[[Array], Array],
    columns: Array,
    blocks: npt.ArrayLike,
    *,
    n_boot: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> Estimate:
    """Estimate of a function of sums, with the error that resampled blocks give it.

    Parameters
    ----------
    statistic : callable
        Takes sums (m, k) of the columns and gives m figures.
    columns : ndarray of shape (n, k)
        What is summed over rows.
    blocks : array_like of shape (n,)
        Label of every row's block. With fewer than three blocks the error is NaN, with the reason.
    n_boot, rng, ci_prob
        As in `BlockBootstrap` and its `estimate`.

    Returns
    -------
    Estimate
    """
    value = float(statistic(columns.sum(axis=0, keepdims=True))[0])
    n_blocks = np.unique(np.asarray(blocks)).size
    if n_blocks < FEWEST_BLOCKS:
        return Estimate(value, reason=too_few_blocks(n_blocks))
    if not np.isfinite(value):
        return Estimate(value, reason="undefined in this sample")
    boot = BlockBootstrap(blocks, n_boot, rng)
    return boot.estimate(value, statistic(boot.sums(columns)), ci_prob)
