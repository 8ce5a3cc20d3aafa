"""Can a statistic tell two worlds apart: rank of the observed value, power, likelihood ratio."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.models.base import Array

#: Fewer histories with an episode say nothing about a share.
FEWEST_HISTORIES = 50


def rank_pvalue(observed: float, simulated: Array) -> float:
    """Two-sided p-value of an observed statistic among simulated ones; NaN without either."""
    known = simulated[np.isfinite(simulated)]
    if known.size == 0 or not np.isfinite(observed):
        return float("nan")
    low = 1.0 + np.sum(known <= observed)
    high = 1.0 + np.sum(known >= observed)
    return float(min(1.0, 2.0 * min(low, high) / (known.size + 1.0)))


def record_pvalue(observed: Array, simulated: Array) -> float:
    """P-value of a record of several statistics (m,) among simulated records (n, m).

    The smallest of its two-sided p-values, held against the smallest of every simulated record
    (Tippett's combination, so that looking at several figures is paid for). A figure that is NaN
    in the observed record is left out; one that is NaN in a simulated record does not speak
    against it.
    """
    known = np.isfinite(observed)
    if not known.any() or len(simulated) == 0:
        return float("nan")
    least = np.ones(len(simulated))
    mine = 1.0
    for value, column in zip(observed[known], simulated[:, known].T, strict=True):
        there = np.isfinite(column)
        values = np.sort(column[there])
        if values.size == 0:
            continue
        low = np.searchsorted(values, column[there], side="right")
        high = values.size - np.searchsorted(values, column[there], side="left")
        least[there] = np.minimum(least[there], 2.0 * np.minimum(low, high) / values.size)
        mine = min(mine, rank_pvalue(value, column))
    return float((1.0 + np.sum(least <= mine)) / (len(least) + 1.0))


def share_beyond(null: Array, truth: Array, level: float = 0.05) -> float:
    """Share of ``truth`` (n,) that a test of ``null`` rejects, large values counting.

    It rejects where the null world itself falls with probability ``level`` at most; if even its
    most extreme value is likelier than that, it never rejects. What is not finite is no rejection.
    """
    beyond = null.size - np.searchsorted(np.sort(null), truth, side="left")  # of the null, >= each
    return float(np.mean((beyond <= level * null.size) & np.isfinite(truth)))


def rejection_power(null: Array, truth: Array, level: float = 0.05) -> float:
    """Chance that a test of the null world rejects when the other world is true.

    The test is that of `share_beyond`, towards the side on which the other world's mean lies.
    Histories without the statistic (NaN) do not count; with too few of them the answer is NaN.
    """
    a, b = null[np.isfinite(null)], truth[np.isfinite(truth)]
    if min(a.size, b.size) < FEWEST_HISTORIES:
        return float("nan")
    if b.mean() < a.mean():
        a, b = -a, -b
    return share_beyond(a, b, level)


def power_table(statistics: dict[str, Array], level: float = 0.05) -> pd.DataFrame:
    """Power of rejecting the world of a row when that of the column is true."""
    names = list(statistics)
    table = pd.DataFrame(np.nan, index=pd.Index(names, name="rejected"), columns=names)
    table.columns.name = "truth"
    for null in names:
        for truth in names:
            if null != truth:
                table.loc[null, truth] = rejection_power(statistics[null], statistics[truth], level)
    return table


def likelihood_ratios(
    successes: int, trials: int, resolved: pd.Series, matured: pd.Series
) -> pd.DataFrame:
    """Likelihood of ``successes`` of ``trials`` in the world of a row over that of the column.

    Each world's chance that an episode resolves is its share among simulated ones, with half an
    episode added on either side, so that no world is ruled out by simulation alone. Worlds without
    simulated episodes are NaN.
    """
    share = ((resolved + 0.5) / (matured + 1.0)).where(matured > 0)
    log = successes * np.log(share) + (trials - successes) * np.log1p(-share)
    table = np.exp(log.to_numpy()[:, None] - log.to_numpy()[None, :])
    out = pd.DataFrame(table, index=log.index, columns=log.index)
    return out.rename_axis(index="world", columns="against")
