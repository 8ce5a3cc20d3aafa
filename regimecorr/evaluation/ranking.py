"""Area under the ROC curve: whether forecasts rank what came above what did not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from regimecorr.evaluation.blocks import (
    FEWEST_BLOCKS,
    BlockBootstrap,
    Estimate,
    too_few_blocks,
)
from regimecorr.evaluation.checks import check_ci_prob, checked_forecasts
from regimecorr.models.base import Array, RandomState

_CHUNK = 4_000_000  # numbers held at once over resamples


def auc(p: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Chance that a case with outcome 1 was forecast above one with outcome 0; ties count half.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.

    Returns
    -------
    float
        NaN if only one class occurred.

    Examples
    --------
    >>> from regimecorr.evaluation.ranking import auc
    >>> auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    forecast, outcome = checked_forecasts(p, y)
    return _area(forecast, outcome)


def auc_estimate(
    p: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    blocks: npt.ArrayLike | None = None,
    n_boot: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> Estimate:
    """AUC with its error: DeLong's for independent cases, or resampled calendar blocks.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    blocks : array_like of shape (n,), optional
        Calendar blocks. None: DeLong, DeLong and Clarke-Pearson's error, with the interval formed
        on the logit scale, where it stays within (0, 1).
    n_boot, rng, ci_prob
        As in `BlockBootstrap`; the interval is described in its `estimate`.

    Returns
    -------
    Estimate
        NaN with a reason if only one class occurred; the error is NaN with a reason if the ranking
        is perfect, all forecasts are equal or there are fewer than three blocks.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under two or
    more correlated receiver operating characteristic curves. Biometrics 44, 837-845.

    Examples
    --------
    >>> from regimecorr.evaluation.ranking import auc_estimate
    >>> area = auc_estimate([0.1, 0.4, 0.4, 0.8, 0.2, 0.7], [0, 0, 1, 1, 1, 0])
    >>> round(area.value, 3), round(area.error, 3)
    (0.611, 0.283)
    """
    check_ci_prob(ci_prob)
    forecast, outcome = checked_forecasts(p, y)
    value = _area(forecast, outcome)
    if not np.isfinite(value):
        return Estimate(value, reason=f"only outcomes {outcome[0]:.0f}: nothing to rank")
    if np.ptp(forecast) == 0.0:
        return Estimate(value, reason="all forecasts are equal: nothing is ranked")
    if value in (0.0, 1.0):
        return Estimate(value, reason="the ranking is perfect: no error can be estimated")
    if blocks is None:
        return _delong(forecast, outcome, value, ci_prob)
    n_blocks = np.unique(np.asarray(blocks)).size
    if n_blocks < FEWEST_BLOCKS:
        return Estimate(value, reason=too_few_blocks(n_blocks))
    boot = BlockBootstrap(blocks, n_boot, rng)
    return boot.estimate(value, _resampled(forecast, outcome, boot), ci_prob, (0.0, 1.0))


def _area(forecast: Array, outcome: Array) -> float:
    ones = int(outcome.sum())
    zeros = outcome.size - ones
    if not ones or not zeros:
        return float("nan")
    ranks = stats.rankdata(forecast)
    return float((ranks[outcome == 1.0].sum() - ones * (ones + 1) / 2.0) / (ones * zeros))


def _delong(forecast: Array, outcome: Array, value: float, ci_prob: float) -> Estimate:
    """Error from the placements of each class among the other."""
    above, below = forecast[outcome == 1.0], forecast[outcome == 0.0]
    if min(above.size, below.size) < 2:
        return Estimate(value, reason="one case of a class alone: no error can be estimated")
    rank = stats.rankdata(np.concatenate([above, below]))
    placed = (rank[: above.size] - stats.rankdata(above)) / below.size
    others = 1.0 - (rank[above.size :] - stats.rankdata(below)) / above.size
    variance = placed.var(ddof=1) / above.size + others.var(ddof=1) / below.size
    error = float(np.sqrt(variance))
    half = float(stats.norm.ppf(0.5 + 0.5 * ci_prob)) * error / (value * (1.0 - value))
    middle = float(special.logit(value))
    lower, upper = special.expit([middle - half, middle + half])
    return Estimate(value, error, float(lower), float(upper))


def _resampled(forecast: Array, outcome: Array, boot: BlockBootstrap) -> Array:
    """AUC of every resample; NaN where it holds one class only."""
    order = np.argsort(forecast, kind="stable")
    first = np.flatnonzero(np.diff(forecast[order], prepend=-1.0))
    codes, labels = boot.codes[order], outcome[order]
    out = np.empty(len(boot.counts))
    size = max(_CHUNK // forecast.size, 1)
    for start in range(0, out.size, size):
        weights = boot.counts[start : start + size][:, codes]
        ones = np.add.reduceat(weights * labels, first, axis=1)
        zeros = np.add.reduceat(weights * (1.0 - labels), first, axis=1)
        below = np.cumsum(zeros, axis=1) - 0.5 * zeros
        pairs = ones.sum(axis=1) * zeros.sum(axis=1)
        some = pairs > 0.0
        share = (ones * below).sum(axis=1) / np.where(some, pairs, 1.0)
        out[start : start + size] = np.where(some, share, np.nan)
    return out
