"""One pair at several frequencies, and with leads and lags added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import stdtrit

from regimecorr.data.windows import FEWEST_ROWS, resolve
from regimecorr.events import legs, states_of
from regimecorr.indicators.asynchronous import (
    LeadLagEstimate,
    dimson,
    lead_lag_correlation,
    overlapping_weights,
)
from regimecorr.indicators.frequency import aggregate, week_ends
from regimecorr.indicators.lead_lag import resampled_means
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.kernels.rolling import pearson, rolling_pearson
from regimecorr.models.base import Array

Kind: TypeAlias = Literal["sums", "weeks", "scholes_williams", "dimson"]
#: Windows that are read at once.
_STACK = 256
_WEEK = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """How the correlation of a pair is read.

    Attributes
    ----------
    name : str
    kind : {"sums", "weeks", "scholes_williams", "dimson"}
    rows : int
        Rows in an observation ("sums"), or leads and lags (the corrections).
    """

    name: str
    kind: Kind
    rows: int

    @property
    def step(self) -> int:
        """Rows between observations."""
        return _WEEK if self.kind == "weeks" else 1

    def series(self, values: Array, dates: pd.DatetimeIndex) -> tuple[Array, pd.DatetimeIndex]:
        """Observations (n_obs, 2) made of daily returns, and the dates of their ends."""
        if self.kind == "weeks":
            ends = week_ends(dates)
            return np.diff(np.cumsum(values, axis=0)[ends], axis=0), dates[ends[1:]]
        if self.kind == "sums" and self.rows > 1:
            return aggregate(values, self.rows, 1), dates[self.rows - 1 :]
        return values, dates

    def estimate(self, values: Array) -> LeadLagEstimate:
        """Estimate on (..., n_rows, 2) daily returns, or weekly ones where they are weeks."""
        x, y = values[..., 0], values[..., 1]
        if self.kind == "dimson":
            return dimson(x, y, self.rows)
        weights = {
            "sums": overlapping_weights(self.rows),
            "weeks": np.ones(1),
            "scholes_williams": np.ones(self.rows + 1),
        }
        return lead_lag_correlation(x, y, weights[self.kind])

    def rolling(self, series: Array, window: int) -> Array:
        """Correlation (n_obs,) over the window that ends at each observation."""
        if self.kind in ("sums", "weeks"):
            return np.asarray(rolling_pearson(*legs(series), window))
        out = np.full(len(series), np.nan)
        stacked = sliding_window_view(series, window, axis=0).swapaxes(1, 2)
        for first in range(0, len(stacked), _STACK):
            part = stacked[first : first + _STACK]
            out[window - 1 + first : window - 1 + first + len(part)] = self.estimate(
                part
            ).correlation
        return out


class Figures(NamedTuple):
    """A correlation and a beta of one window with errors and an interval."""

    correlation: float
    error: float
    lower: float
    upper: float
    beta: float
    beta_error: float


def readings(lags: int) -> tuple[Reading, ...]:
    """Daily, sums over 2 and 3 rows, weeks, and the corrections with so many leads and lags."""
    return (
        Reading("daily", "sums", 1),
        Reading("2-day", "sums", 2),
        Reading("3-day", "sums", 3),
        Reading("weekly", "weeks", 1),
        Reading("scholes_williams", "scholes_williams", lags),
        Reading("dimson", "dimson", lags),
    )


def states(
    reading: Reading, values: Array, dates: pd.DatetimeIndex, short: int, long: int
) -> pd.DataFrame:
    """Rolling correlations and state by date of the daily rows, as known on each.

    Empty state and NaN where there is none yet; a week's reading holds until the next week ends.
    """
    series, ends = reading.series(values, dates)
    rows = short // reading.step, long // reading.step
    if rows[0] < FEWEST_ROWS or sum(rows) > len(series):
        empty = pd.DataFrame(index=dates, columns=["r_short", "r_long", "reference", "midpoint"])
        return empty.astype(float).assign(state="")
    windows = resolve(len(series), *rows, horizon=max(40, rows[1]))
    r_short, r_long = (reading.rolling(series, size) for size in rows)
    frame = states_of(r_short, r_long, windows).set_index(ends)
    return frame.reindex(dates, method="ffill").fillna({"state": ""})


def influence_block(values: Array) -> float:
    """Mean block for the influence of daily rows (n_rows, 2) on their correlation."""
    return block_length(lead_lag_correlation(values[:, 0], values[:, 1], [1.0]).influence[:, 0])


def figures(
    reading: Reading,
    values: Array,
    dates: pd.DatetimeIndex,
    window: int,
    *,
    block: float,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> Figures:
    """Correlation and beta of the last window, with block-bootstrap errors.

    The errors are those of the influence of daily rows, or of weeks; for sums that overlap the
    weights of leads and lags stand for them. Intervals use Student's t, on Fisher's scale where
    the estimate is bounded.
    """
    series, _ = reading.series(values, dates)
    size = window // reading.step
    if size < FEWEST_ROWS or size > len(series):
        return Figures(*[np.nan] * 6)
    weeks = reading.kind == "weeks"
    behind = reading.rows - 1 if reading.kind == "sums" else 0
    sample = series[-size:] if weeks else values[-size - behind :]
    found = reading.estimate(sample)
    n = len(sample)
    length = max(1.0, min(block / reading.step, np.sqrt(n)))
    rows = np.stack([resampled_rows(n, length, rng) for _ in range(n_boot)])
    moves = resampled_means(found.influence - found.influence.mean(axis=0), rows)
    error, beta_error = moves.std(axis=0, ddof=1)
    r, beta = float(found.correlation), float(found.beta)
    bounded = reading.kind in ("sums", "weeks")
    if bounded:
        x, y = legs(series[-size:])
        r, beta = float(pearson(x, y)), float(np.cov(x, y)[0, 1] / y.var(ddof=1))
    t = float(stdtrit(max(2.0, 1.5 * n / length - 2.0), 0.5 + 0.5 * ci_prob))
    if bounded and abs(r) < 1.0:
        half = t * error / (1.0 - r * r)
        lower, upper = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
    else:
        lower, upper = r - t * error, r + t * error
    return Figures(r, float(error), float(lower), float(upper), beta, float(beta_error))
