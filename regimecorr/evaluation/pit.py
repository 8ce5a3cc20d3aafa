"""Probability integral transform of the fresh correlation: the check of a whole forecast law."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.blocks import FEWEST_BLOCKS, too_few_blocks
from regimecorr.models.base import Array, RandomState, check_count

_GRID = 99  # points of (0, 1) where the distribution function is compared


@dataclass(frozen=True, slots=True, eq=False)
class Uniformity:
    """Whether transforms are uniform.

    Attributes
    ----------
    statistic : float
        Cramer and von Mises' distance from the uniform law, n times the mean of
        (F_n(u) - u)^2 over a grid of u.
    pvalue : float
        From calendar blocks; NaN with a reason when there are fewer than three.
    mean, variance : float
        Of the transforms: 1/2 and 1/12 if uniform. A larger variance: the forecasts were too
        narrow; a mean above 1/2: outcomes came above them.
    histogram : DataFrame
        See `pit_histogram`.
    n_obs, n_blocks : int
        Transforms and calendar blocks.
    reason : str
        Why there is no p-value; empty otherwise.
    """

    statistic: float
    pvalue: float
    mean: float
    variance: float
    histogram: pd.DataFrame = field(repr=False)
    n_obs: int
    n_blocks: int
    reason: str = ""


def pit_from_draws(draws: npt.ArrayLike, outcome: npt.ArrayLike, *, rng: RandomState = 0) -> Array:
    """Randomised transform of outcomes within the draws of their forecasts.

    Parameters
    ----------
    draws : array_like of shape (n, n_draws)
        Draws from each forecast, such as fresh correlations of simulated paths.
    outcome : array_like of shape (n,)
        What came; NaN (not matured) gives NaN.
    rng : int, Generator or None, default 0
        Seed or generator: where an outcome stands between its neighbours among the draws.

    Returns
    -------
    ndarray of shape (n,)
        Exactly uniform if outcome and draws come from one law, however few the draws.
    """
    law, came = np.asarray(draws, dtype=float), np.asarray(outcome, dtype=float)
    if law.ndim != 2 or came.shape != law.shape[:1] or law.shape[1] == 0:
        raise ModelError(
            f"Draws of shape {law.shape} need one row per outcome (shape {came.shape})."
        )
    if not np.isfinite(law).all():
        raise ModelError("Some draws are missing or infinite.")
    generator = np.random.default_rng(rng)
    below = (law < came[:, None]).sum(axis=1)
    equal = (law == came[:, None]).sum(axis=1)
    place = (below + generator.random(came.size) * (equal + 1)) / (law.shape[1] + 1)
    return np.where(np.isfinite(came), place, np.nan)


def pit_histogram(u: npt.ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Counts of transforms in bins of equal width.

    Parameters
    ----------
    u : array_like of shape (n,)
        Transforms in [0, 1]; NaN is left out.
    bins : int, default 10
        Bins of [0, 1].

    Returns
    -------
    DataFrame
        ``left``, ``right``, ``count`` and ``density`` (1 if uniform).
    """
    check_count("bins", bins)
    values = _checked(u)
    edges = np.arange(bins + 1) / bins
    place = np.minimum(np.searchsorted(edges, values, side="right") - 1, bins - 1)
    count = np.bincount(place, minlength=bins)
    density = count * bins / values.size
    return pd.DataFrame(
        {"left": edges[:-1], "right": edges[1:], "count": count, "density": density}
    )


def pit_uniformity(
    u: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    bins: int = 10,
    n_boot: int = 2000,
    rng: RandomState = 0,
) -> Uniformity:
    r"""Test that transforms are uniform, by calendar blocks.

    Forecasts of one year share its shocks and overlap, so the usual tables do not hold. The
    deviations :math:`\sum_{i \in g} (1\{u_i \le u\} - u)` of whole blocks keep or change their
    sign together, with the uniform law imposed; the p-value is (1 + #) / (B + 1).

    Parameters
    ----------
    u : array_like of shape (n,)
        Transforms in [0, 1]; NaN is left out with its block.
    blocks : array_like of shape (n,)
        Calendar blocks (`calendar_blocks`, years by default).
    bins : int, default 10
        Bins of the histogram; the test does not use them.
    n_boot : int, default 2000
        Draws of signs, at least 99.
    rng : int, Generator or None, default 0
        Seed or generator.

    Returns
    -------
    Uniformity

    Raises
    ------
    ModelError
        If a transform lies outside [0, 1], or none is known.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.evaluation.pit import pit_uniformity
    >>> years = np.repeat(np.arange(2000, 2020), 10)
    >>> narrow = np.random.default_rng(1).beta(0.3, 0.3, 200)
    >>> pit_uniformity(narrow, years).pvalue < 0.05
    True
    """
    check_count("n_boot", n_boot, 99)
    labels, all_u = np.asarray(blocks), np.asarray(u, dtype=float)
    if labels.shape != all_u.shape:
        raise ModelError(f"{labels.size} blocks for {all_u.size} transforms; give one for each.")
    values, labels = _checked(all_u), labels[~np.isnan(all_u)]
    names, codes = np.unique(labels, return_inverse=True)
    grid = np.arange(1, _GRID + 1) / (_GRID + 1.0)
    deviations = np.zeros((names.size, _GRID))
    np.add.at(deviations, codes, (values[:, None] <= grid) - grid)
    statistic = float(_distance(deviations.sum(axis=0)[None, :], values.size)[0])
    reason, pvalue = "", float("nan")
    if names.size < FEWEST_BLOCKS:
        reason = too_few_blocks(names.size)
    else:
        signs = np.random.default_rng(rng).choice([-1.0, 1.0], (n_boot, names.size))
        drawn = _distance(signs @ deviations, values.size)
        pvalue = (1 + int(np.sum(drawn >= statistic * (1.0 - 1e-12)))) / (n_boot + 1)
    return Uniformity(
        statistic,
        pvalue,
        mean=float(values.mean()),
        variance=float(values.var()),
        histogram=pit_histogram(values, bins),
        n_obs=values.size,
        n_blocks=names.size,
        reason=reason,
    )


def _distance(total: Array, n: int) -> Array:
    """Cramer and von Mises' statistic (m,) from sums of deviations (m, n_grid)."""
    return np.asarray(np.mean(total**2, axis=1) / n)


def _checked(u: npt.ArrayLike) -> Array:
    values = np.asarray(u, dtype=float)
    known = values[~np.isnan(values)]
    if values.ndim != 1 or known.size == 0:
        raise ModelError(f"No transform is known in an array of shape {values.shape}.")
    if known.min() < 0.0 or known.max() > 1.0:
        raise ModelError(
            f"Transforms lie in [{known.min():.4g}, {known.max():.4g}]; they must be in [0, 1]."
        )
    return np.asarray(known, dtype=float)
