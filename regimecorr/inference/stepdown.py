"""Many claims at once: Romano and Wolf's stepdown p-values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regimecorr.errors import ModelError
from regimecorr.models.base import Array


def romano_wolf(statistics: npt.ArrayLike, replicates: npt.ArrayLike) -> Array:
    r"""Stepdown p-values that control the probability of any false rejection in a family.

    The statistics are ordered, :math:`t_{(1)} \ge t_{(2)} \ge \dots`; every one is compared with
    the largest replicate among itself and those below,

    .. math::

        p_{(s)} = \max\Big(p_{(s-1)},\;
            \frac{1 + \#\{b : \max_{j \ge s} t^*_{b,(j)} \ge t_{(s)}\}}{B + 1}\Big).

    The replicates of one row belong together (same resampled dates for all claims), so their
    dependence is used: under strong dependence the price of many claims is small, where
    Bonferroni's is not. Control is of the familywise error, in the strong sense, as far as the
    replicates have the statistics' distribution under the null.

    Parameters
    ----------
    statistics : array_like of shape (S,)
        Studentised statistics, larger meaning more evidence against their null (absolute values
        for two-sided tests). NaN: not testable; it stays NaN and leaves the family.
    replicates : array_like of shape (B, S)
        The statistics of B resamples under the null: studentised in the same way, and centred
        where they were resampled from data (:math:`(\hat\theta^* - \hat\theta) / s^*`). ``-inf``
        where a resample has no statistic and would not have rejected. Columns of statistics that
        are NaN are not read.

    Returns
    -------
    ndarray of shape (S,)
        Adjusted p-values, in the order of the statistics; at least 1 / (B + 1).

    Raises
    ------
    ModelError
        If the shapes do not fit, a statistic is infinite, or a replicate is NaN or ``inf``.

    References
    ----------
    Romano, J. P. and Wolf, M. (2005). Exact and approximate stepdown methods for multiple
    hypothesis testing. Journal of the American Statistical Association 100, 94-108. Romano, J. P.
    and Wolf, M. (2016). Efficient computation of adjusted p-values for resampling-based stepdown
    multiple testing. Statistics and Probability Letters 113, 38-40.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.stepdown import romano_wolf
    >>> replicates = np.random.default_rng(0).standard_normal((999, 3))
    >>> romano_wolf([4.0, np.nan, 0.5], replicates).round(2)
    array([0.  ,  nan, 0.32])
    """
    observed = np.asarray(statistics, dtype=float)
    simulated = np.asarray(replicates, dtype=float)
    tested = _check_family(observed, simulated)
    order = tested[np.argsort(-observed[tested], kind="stable")]
    # max over j >= s: running maxima from the smallest statistic upwards
    largest = np.maximum.accumulate(simulated[:, order[::-1]], axis=1)[:, ::-1]
    exceed = (largest >= observed[order]).sum(axis=0)
    adjusted = np.full(observed.size, np.nan)
    adjusted[order] = np.maximum.accumulate((1.0 + exceed) / (simulated.shape[0] + 1.0))
    return adjusted


def _check_family(observed: Array, simulated: Array) -> npt.NDArray[np.intp]:
    """Positions of the statistics that can be tested."""
    if observed.ndim != 1:
        raise ModelError(f"statistics have {observed.ndim} dimensions; pass one value per claim.")
    if simulated.ndim != 2 or simulated.shape[1] != observed.size or simulated.shape[0] < 1:
        raise ModelError(
            f"replicates of shape {simulated.shape} do not fit {observed.size} statistics; pass "
            f"shape (B, {observed.size}), one row per resample."
        )
    if np.isinf(observed).any():
        where = int(np.argmax(np.isinf(observed)))
        raise ModelError(
            f"statistic {where} is {observed[where]}; studentise it with a positive standard "
            "error, or set it to NaN if it cannot be tested."
        )
    tested = np.flatnonzero(~np.isnan(observed))
    bad = np.isnan(simulated[:, tested]) | np.isposinf(simulated[:, tested])
    if bad.any():
        worst = int(np.argmax(bad.sum(axis=0)))
        raise ModelError(
            f"{int(bad[:, worst].sum())} of {simulated.shape[0]} replicates of statistic "
            f"{tested[worst]} are NaN or inf; drop these resamples for all statistics, or write "
            "-inf where a resample would not have rejected."
        )
    return tested
