"""Forecasts by bins of equal width, and the expected calibration error with its bands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.blocks import FEWEST_BLOCKS
from regimecorr.evaluation.checks import check_ci_prob, checked_forecasts
from regimecorr.models.base import Array, RandomState, check_count

ECE_BINS = 10
_CHUNK = 4_000_000  # numbers held at once while outcomes are simulated


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Expected calibration error beside that of a perfect forecaster with the same probabilities.

    Attributes
    ----------
    value : float
        Mean over bins, weighted by count, of the gap between mean forecast and mean outcome.
    median, upper : float
        Median and upper ``ci_prob`` quantile of the error of a perfect forecaster: outcomes drawn
        independently with the probabilities that were forecast.
    pvalue : float
        Share of perfect forecasters with an error at least as large, (1 + #) / (n_sim + 1).
    block_upper : float
        As ``upper``, with outcomes as clustered by calendar block as the observed ones; NaN
        without blocks, or with fewer than three.
    bins : DataFrame
        See `bin_table`.
    ci_prob : float
        Mass below ``upper``.
    """

    value: float
    median: float
    upper: float
    pvalue: float
    block_upper: float
    bins: pd.DataFrame = field(repr=False)
    ci_prob: float = 0.95


def bin_edges(bins: int) -> Array:
    """Ends (bins + 1,) of bins of equal width of [0, 1]."""
    # Quotients, not multiples of a step: 3/10 is the number that a user writes as 0.3.
    check_count("bins", bins)
    return np.arange(bins + 1) / bins


def bin_places(forecast: Array, edges: Array) -> npt.NDArray[np.intp]:
    """Bin of every forecast; a bin contains its left end, the last one 1 as well."""
    place = np.searchsorted(edges, forecast, side="right") - 1
    return np.minimum(place, edges.size - 2)


def bin_table(p: npt.ArrayLike, y: npt.ArrayLike, bins: int = ECE_BINS) -> pd.DataFrame:
    """Counts, mean forecast and mean outcome in bins of equal width, empty ones included.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    bins : int, default 10
        Bins of [0, 1]; each contains its left end, the last one 1 as well.

    Returns
    -------
    DataFrame
        Columns ``left``, ``right``, ``count``, ``forecast`` and ``observed``, NaN if empty.
    """
    forecast, outcome = checked_forecasts(p, y)
    edges = bin_edges(bins)
    place = bin_places(forecast, edges)
    count = np.bincount(place, minlength=bins)
    some = np.where(count > 0, count, 1)
    table = {"left": edges[:-1], "right": edges[1:], "count": count}
    for name, values in (("forecast", forecast), ("observed", outcome)):
        mean = np.bincount(place, weights=values, minlength=bins) / some
        table[name] = np.where(count > 0, mean, np.nan)
    return pd.DataFrame(table)


def calibration_error(
    p: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    blocks: npt.ArrayLike | None = None,
    bins: int = ECE_BINS,
    n_sim: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> CalibrationError:
    """Expected calibration error, with the band of a perfect forecaster.

    The error is never zero: with 400 forecasts a perfect forecaster shows about .05. So it is read
    against what outcomes drawn with exactly these probabilities would give. They are drawn
    independently. Real outcomes of one year come in clusters, which widens the true band: with
    ``blocks`` a second one is made by letting the errors y - p of whole blocks keep or change their
    sign together.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    blocks : array_like of shape (n,), optional
        Calendar blocks (`calendar_blocks`), for ``block_upper``.
    bins : int, default 10
        Bins of equal width, weighted by count.
    n_sim : int, default 2000
        Simulated perfect forecasters, at least 99.
    rng : int, Generator or None, default 0
        Seed or generator.
    ci_prob : float, default 0.95
        Mass below the upper end of the band.

    Returns
    -------
    CalibrationError

    Examples
    --------
    >>> from regimecorr.evaluation.binned import calibration_error
    >>> error = calibration_error([0.2] * 50, [0] * 40 + [1] * 10)
    >>> round(error.value, 4), error.pvalue
    (0.0, 1.0)
    """
    check_count("n_sim", n_sim, 99)
    check_ci_prob(ci_prob)
    forecast, outcome = checked_forecasts(p, y)
    place = bin_places(forecast, bin_edges(bins))
    member = np.zeros((forecast.size, bins))
    member[np.arange(forecast.size), place] = 1.0
    value = float(_gaps(outcome[None, :] - forecast, member)[0])
    generator = np.random.default_rng(rng)
    rows = max(_CHUNK // forecast.size, 1)
    parts = []
    for start in range(0, n_sim, rows):
        size = min(rows, n_sim - start)
        drawn = generator.random((size, forecast.size)) < forecast
        parts.append(_gaps(drawn - forecast, member))
    perfect = np.concatenate(parts)
    clustered = float("nan")
    if blocks is not None:
        signed = _signed_errors((outcome - forecast)[:, None] * member, blocks, n_sim, generator)
        clustered = float(np.quantile(signed, ci_prob)) if signed.size else clustered
    at_least = 1 + int(np.sum(perfect >= value - 1e-12))
    return CalibrationError(
        value,
        median=float(np.median(perfect)),
        upper=float(np.quantile(perfect, ci_prob)),
        pvalue=at_least / (n_sim + 1),
        block_upper=clustered,
        bins=bin_table(forecast, outcome, bins),
        ci_prob=ci_prob,
    )


def _gaps(errors: Array, member: Array) -> Array:
    """Calibration error (m,) from y - p (m, n): absolute sums by bin over n."""
    return np.asarray(np.abs(errors @ member).sum(axis=1) / errors.shape[1])


def _signed_errors(
    errors: Array, blocks: npt.ArrayLike, n_sim: int, rng: np.random.Generator
) -> Array:
    """Calibration errors (n_sim,) with a random sign per block; empty with fewer than three."""
    labels = np.asarray(blocks)
    if labels.shape != errors.shape[:1]:
        raise ModelError(f"{labels.size} blocks for {len(errors)} forecasts; give one for each.")
    names, codes = np.unique(labels, return_inverse=True)
    if names.size < FEWEST_BLOCKS:
        return np.empty(0)
    total = np.zeros((names.size, errors.shape[1]))
    np.add.at(total, codes, errors)
    signs = rng.choice([-1.0, 1.0], (n_sim, names.size))
    return np.asarray(np.abs(signs @ total).sum(axis=1) / len(errors))
