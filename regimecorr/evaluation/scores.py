"""Scores of probabilities against what came: Brier and its parts, log score, skill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from regimecorr.errors import ModelError
from regimecorr.evaluation.binned import ECE_BINS, bin_edges, bin_places
from regimecorr.evaluation.blocks import Estimate, block_estimate
from regimecorr.evaluation.checks import checked_forecasts
from regimecorr.models.base import Array, RandomState

LOG_CLIP = 0.01


@dataclass(frozen=True, slots=True)
class MurphyDecomposition:
    """Brier score = reliability - resolution + uncertainty + within (Murphy 1973).

    Attributes
    ----------
    brier : float
        Mean of (p - y)^2.
    reliability, resolution, uncertainty : float
        Mean squares, weighted by count: of a bin's mean forecast about its mean outcome; of its
        mean outcome about that of the sample; of the outcomes about their mean.
    within : float
        What different forecasts within one bin leave: their variance less twice their covariance
        with the outcomes (Stephenson, Coelho and Jolliffe 2008). Zero without binning.
    n_obs : int
        Forecasts.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    n_obs: int


@dataclass(frozen=True, slots=True)
class CorpDecomposition:
    """Brier score = miscalibration - discrimination + uncertainty, exactly.

    Attributes
    ----------
    brier : float
        Mean of (p - y)^2.
    miscalibration : float
        What the best monotone recalibration of the forecasts would gain (MCB), at least 0.
    discrimination : float
        What the recalibrated forecasts gain over the base rate (DSC), at least 0.
    uncertainty : float
        Brier score of the base rate of the sample (UNC).
    n_obs : int
        Forecasts.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    n_obs: int


def brier_score(p: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean of (p - y)^2: smaller is better, .25 for p = 1/2.

    Parameters
    ----------
    p : array_like of shape (n,)
        Probabilities of the outcome 1.
    y : array_like of shape (n,)
        Outcomes, 0 or 1.

    Returns
    -------
    float

    Raises
    ------
    ModelError
        If forecasts are missing or no probabilities, or outcomes are not 0 and 1. All scores of
        this module raise it for that.

    Examples
    --------
    >>> from regimecorr.evaluation.scores import brier_score
    >>> round(brier_score([0.2, 0.6], [0, 1]), 4)
    0.1
    """
    forecast, outcome = checked_forecasts(p, y)
    return float(np.mean((forecast - outcome) ** 2))


def log_score(p: npt.ArrayLike, y: npt.ArrayLike, clip: float = LOG_CLIP) -> float:
    """Mean of -ln of the probability given to what came: smaller is better, ln 2 for p = 1/2.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    clip : float, default 0.01
        Probabilities are moved into [clip, 1 - clip], so that one certain forecast that fails costs
        4.6 and not infinity.

    Returns
    -------
    float
    """
    if not 0.0 < clip < 0.5:
        raise ModelError(f"clip={clip} must lie between 0 and 0.5, for example 0.01.")
    forecast, outcome = checked_forecasts(p, y)
    forecast = np.clip(forecast, clip, 1.0 - clip)
    return float(-np.mean(np.where(outcome == 1.0, np.log(forecast), np.log1p(-forecast))))


def murphy_decomposition(
    p: npt.ArrayLike, y: npt.ArrayLike, bins: int | None = ECE_BINS
) -> MurphyDecomposition:
    """Reliability, resolution and uncertainty of binned forecasts.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    bins : int or None, default 10
        Bins of equal width; None: one bin for every different forecast, where the classical
        identity is exact. Few bins hide miscalibration; many make both terms large by chance.

    Returns
    -------
    MurphyDecomposition

    References
    ----------
    Murphy, A. H. (1973). A new vector partition of the probability score. Journal of Applied
    Meteorology 12, 595-600. Stephenson, D. B., Coelho, C. A. S. and Jolliffe, I. T. (2008). Two
    extra components in the Brier score decomposition. Weather and Forecasting 23, 752-757.

    Examples
    --------
    >>> from regimecorr.evaluation.scores import murphy_decomposition
    >>> parts = murphy_decomposition([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1])
    >>> parts.reliability, parts.resolution, parts.uncertainty, parts.within
    (0.0625, 0.0625, 0.1875, 0.0)
    """
    forecast, outcome = checked_forecasts(p, y)
    if bins is None:
        _, place = np.unique(forecast, return_inverse=True)
    else:
        place = bin_places(forecast, bin_edges(bins))
    count = np.bincount(place).astype(float)
    some = np.maximum(count, 1.0)
    mean_p = np.bincount(place, weights=forecast) / some
    mean_y = np.bincount(place, weights=outcome) / some
    share, base = count / count.sum(), float(outcome.mean())
    spread = forecast - mean_p[place]
    return MurphyDecomposition(
        brier=brier_score(forecast, outcome),
        reliability=float(share @ (mean_p - mean_y) ** 2),
        resolution=float(share @ (mean_y - base) ** 2),
        uncertainty=base * (1.0 - base),
        within=float(np.mean(spread**2 - 2.0 * spread * (outcome - mean_y[place]))),
        n_obs=forecast.size,
    )


def recalibrated(p: npt.ArrayLike, y: npt.ArrayLike) -> Array:
    """Isotonic regression of outcomes on forecasts, (n,): the best monotone recalibration.

    Equal forecasts are pooled first and keep one value. It is fitted in sample, so it is a measure
    of calibration and no forecast.
    """
    forecast, outcome = checked_forecasts(p, y)
    _, place, count = np.unique(forecast, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=outcome) / count
    calibrated = isotonic(mean, count.astype(float))
    return np.asarray(calibrated[place])


def isotonic(means: Array, counts: Array) -> Array:
    """Weighted isotonic regression by pooling adjacent violators, values in [0, 1]."""
    fitted = optimize.isotonic_regression(means, weights=counts).x
    return np.asarray(np.clip(fitted, 0.0, 1.0), dtype=float)


def corp_decomposition(p: npt.ArrayLike, y: npt.ArrayLike) -> CorpDecomposition:
    """Miscalibration, discrimination and uncertainty without bins.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.

    Returns
    -------
    CorpDecomposition

    References
    ----------
    Dimitriadis, T., Gneiting, T. and Jordan, A. I. (2021). Stable reliability diagrams for
    probabilistic classifiers. Proceedings of the National Academy of Sciences 118, e2016191118.

    Examples
    --------
    >>> from regimecorr.evaluation.scores import corp_decomposition
    >>> parts = corp_decomposition([0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1])
    >>> round(parts.miscalibration, 4), parts.discrimination, parts.uncertainty
    (0.06, 0.125, 0.25)
    """
    forecast, outcome = checked_forecasts(p, y)
    brier, best = brier_score(forecast, outcome), recalibrated(forecast, outcome)
    base = float(outcome.mean())
    after = float(np.mean((best - outcome) ** 2))
    uncertainty = base * (1.0 - base)
    return CorpDecomposition(brier, brier - after, uncertainty - after, uncertainty, forecast.size)


def brier_skill(
    p: npt.ArrayLike,
    y: npt.ArrayLike,
    reference: npt.ArrayLike | None = None,
    *,
    blocks: npt.ArrayLike | None = None,
    n_boot: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> Estimate:
    """Share of a reference's Brier score that the forecasts save: 1 - BS / BS(reference).

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    reference : float, array_like of shape (n,) or None
        The reference's probabilities. None: the base rate of this very sample, which nobody could
        know; it is taken anew in every resample.
    blocks : array_like of shape (n,), optional
        Calendar blocks (`calendar_blocks`) for the error and the interval; None: no error.
    n_boot, rng, ci_prob
        As in `BlockBootstrap`.

    Returns
    -------
    Estimate
        NaN with a reason when the reference makes no error.

    Examples
    --------
    >>> from regimecorr.evaluation.scores import brier_skill
    >>> round(brier_skill([0.2, 0.4, 0.6, 0.8], [0, 0, 1, 1]).value, 3)
    0.6
    """
    forecast, outcome = checked_forecasts(p, y)
    columns = [np.ones(outcome.size), outcome, (forecast - outcome) ** 2]
    if reference is not None:
        given = np.broadcast_to(np.asarray(reference, dtype=float), outcome.shape)
        given, _ = checked_forecasts(given, outcome)
        columns.append((given - outcome) ** 2)
    table = np.column_stack(columns)
    value = float(_skill(table.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(value):
        return Estimate(value, reason="the reference makes no error")
    if blocks is None:
        return Estimate(value, reason="no blocks given")
    return block_estimate(_skill, table, blocks, n_boot=n_boot, rng=rng, ci_prob=ci_prob)


def _skill(sums: Array) -> Array:
    """Skill (m,) from sums (m, 3 or 4) of ones, outcomes, losses and the reference's losses."""
    n, ones, loss = sums[:, 0], sums[:, 1], sums[:, 2]
    against = sums[:, 3] if sums.shape[1] == 4 else ones * (1.0 - ones / n)
    possible = against > 1e-12
    return np.where(possible, 1.0 - loss / np.where(possible, against, 1.0), np.nan)
