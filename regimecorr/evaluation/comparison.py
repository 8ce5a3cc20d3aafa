"""Diebold and Mariano's test of two forecasters, by lags and by calendar blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.evaluation.blocks import FEWEST_BLOCKS, BlockBootstrap, too_few_blocks
from regimecorr.evaluation.checks import check_ci_prob
from regimecorr.models.base import Array, RandomState

Alternative: TypeAlias = Literal["two-sided", "less", "greater"]
Method: TypeAlias = Literal["hln", "blocks"]
_SLACK = 1e-12
_CONSTANT = "the difference of losses is constant"


@dataclass(frozen=True, slots=True)
class LossComparison:
    """Result of a test that two forecasters have the same expected loss.

    Attributes
    ----------
    mean_difference : float
        Mean loss of the first less that of the second: negative if the first is better.
    error, lower, upper : float
        Standard error and interval of the mean difference.
    statistic, pvalue : float
        Of the test; NaN with a reason if there is none.
    method : {"hln", "blocks"}
        Harvey, Leybourne and Newbold's t test, or the bootstrap of calendar blocks.
    alternative : {"two-sided", "less", "greater"}
        Of the p-value; "less": the first has the smaller loss.
    n_obs : int
        Pairs of losses.
    lag : int
        Autocovariances in the error ("hln"), 0 for "blocks".
    kernel : {"rectangular", "bartlett", ""}
        Their weights: Diebold and Mariano's, or falling ones where those gave no positive variance.
    n_blocks : int
        Calendar blocks ("blocks"), 0 for "hln".
    reason : str
        Why there is no test; empty otherwise.
    """

    mean_difference: float
    error: float
    lower: float
    upper: float
    statistic: float
    pvalue: float
    method: Method
    alternative: Alternative
    n_obs: int
    lag: int = 0
    kernel: str = ""
    n_blocks: int = 0
    reason: str = ""

    def summary(self) -> str:
        """Return one line."""
        if self.reason:
            return (
                f"difference {self.mean_difference:+.4f}, n = {self.n_obs}; no test: {self.reason}"
            )
        how = f"{self.n_blocks} blocks" if self.method == "blocks" else f"lag {self.lag}"
        return (
            f"difference {self.mean_difference:+.4f} [{self.lower:+.4f}, {self.upper:+.4f}], "
            f"t = {self.statistic:.2f}, p = {self.pvalue:.3g} ({self.alternative}), "
            f"n = {self.n_obs}, {how}"
        )


def overlap_lag(date: pd.DatetimeIndex | pd.Series, matured: pd.DatetimeIndex | pd.Series) -> int:
    """Most forecasts that were made while another's outcome was still open.

    Forecasts of which each outcome takes h steps have errors that are correlated up to lag h - 1
    even if they are perfect. For forecasts at irregular dates this counts, for every forecast, the
    later ones made before it matured, and takes the largest count.

    Parameters
    ----------
    date, matured : DatetimeIndex or Series of shape (n,)
        When each forecast was made; when its outcome became known.

    Returns
    -------
    int

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.evaluation.comparison import overlap_lag
    >>> made = pd.date_range("2001-01-31", periods=48, freq="ME")
    >>> overlap_lag(made, made + pd.DateOffset(months=12))
    11
    """
    made, known = pd.DatetimeIndex(date), pd.DatetimeIndex(matured)
    if len(made) != len(known) or made.hasnans or known.hasnans:
        raise ModelError("date and matured must be equally many and none missing.")
    made, known = made.as_unit("ns"), known.as_unit("ns")
    order = np.argsort(made.asi8, kind="stable")
    starts = made.asi8[order]
    later = np.searchsorted(starts, known.asi8[order], side="left") - 1 - np.arange(len(made))
    return int(max(later.max(initial=0), 0))


def hln_factor(n_obs: int, steps: int) -> float:
    """Harvey, Leybourne and Newbold's factor, sqrt((n + 1 - 2h + h(h - 1)/n) / n).

    Parameters
    ----------
    n_obs : int
        n, differences of loss.
    steps : int
        h: steps ahead of the forecasts, one more than the lags of their error.

    Returns
    -------
    float
    """
    inner = n_obs + 1 - 2 * steps + steps * (steps - 1) / n_obs
    return float(np.sqrt(max(inner, 0.0) / n_obs))


def diebold_mariano(
    loss_a: npt.ArrayLike,
    loss_b: npt.ArrayLike,
    *,
    lag: int = 0,
    blocks: npt.ArrayLike | None = None,
    alternative: Alternative = "two-sided",
    n_boot: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> LossComparison:
    r"""Test whether two forecasters have the same expected loss.

    Without ``blocks``: the mean difference over its standard error from autocovariances up to
    ``lag``, times Harvey, Leybourne and Newbold's factor, against t with n - 1 degrees of freedom.
    The losses must be in the order of time. It suits one series, not a panel whose forecasts of
    one year share its shocks.

    With ``blocks``: whole calendar blocks are drawn with replacement. The statistic is
    :math:`\bar d / s`, :math:`s^2 = \frac{G}{G - 1} \sum_g (\sum_{i \in g} (d_i - \bar d))^2 / n^2`
    over G blocks, and its law is that of
    :math:`(\bar d^* - \bar d) / s^*` in the resamples, so both the error and its uncertainty come
    from the blocks. P-values are :math:`(1 + \#) / (B + 1)`.

    Parameters
    ----------
    loss_a, loss_b : array_like of shape (n,)
        Losses of the first and second forecaster for the same cases, such as (p - y)^2. A case
        where either is NaN is left out.
    lag : int, default 0
        Autocovariances of the error without ``blocks``: `overlap_lag`.
    blocks : array_like of shape (n,), optional
        Calendar blocks (`calendar_blocks`).
    alternative : {"two-sided", "less", "greater"}, default "two-sided"
        "less": the first forecaster has the smaller loss.
    n_boot : int, default 2000
        Resamples of blocks; the smallest p-value is 1 / (n_boot + 1).
    rng : int, Generator or None, default 0
        Seed or generator.
    ci_prob : float, default 0.95
        Mass of the interval of the mean difference.

    Returns
    -------
    LossComparison
        NaN with a reason if the losses never differ, or there are fewer than three blocks.

    Raises
    ------
    ModelError
        If the losses are not vectors of one length or infinite, fewer than two are complete, or
        the lag is not below their number.

    References
    ----------
    Diebold, F. X. and Mariano, R. S. (1995). Comparing predictive accuracy. Journal of Business
    and Economic Statistics 13, 253-263. Harvey, D., Leybourne, S. and Newbold, P. (1997). Testing
    the equality of prediction mean squared errors. International Journal of Forecasting 13,
    281-291. Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements
    for inference with clustered errors. Review of Economics and Statistics 90, 414-427.

    Examples
    --------
    >>> from regimecorr.evaluation.comparison import diebold_mariano
    >>> first, second = [0.10, 0.20, 0.15, 0.05, 0.30], [0.20, 0.25, 0.30, 0.20, 0.25]
    >>> test = diebold_mariano(first, second)
    >>> round(test.mean_difference, 3), round(test.statistic, 2), round(test.pvalue, 3)
    (-0.08, -2.14, 0.099)
    """
    check_ci_prob(ci_prob)
    if alternative not in get_args(Alternative):
        raise ModelError(f"alternative={alternative!r} must be one of {get_args(Alternative)}.")
    difference, kept = _differences(loss_a, loss_b)
    if blocks is None:
        return _hln(difference, lag, alternative, ci_prob)
    labels = np.asarray(blocks)
    if labels.shape != kept.shape:
        raise ModelError(f"{labels.size} blocks for {kept.size} losses; give one per loss.")
    return _by_blocks(difference, labels[kept], alternative, n_boot, rng, ci_prob)


def _differences(
    loss_a: npt.ArrayLike, loss_b: npt.ArrayLike
) -> tuple[Array, npt.NDArray[np.bool_]]:
    first, second = np.asarray(loss_a, dtype=float), np.asarray(loss_b, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ModelError(
            f"Losses of shapes {first.shape} and {second.shape} must be vectors of one length."
        )
    difference = first - second
    kept = ~(np.isnan(first) | np.isnan(second))
    if not np.isfinite(difference[kept]).all():
        raise ModelError("A loss is infinite; clip the probabilities of a log score.")
    if kept.sum() < 2:
        raise ModelError(f"{int(kept.sum())} cases have both losses; a comparison needs 2.")
    return difference[kept], kept


def _hln(d: Array, lag: int, alternative: Alternative, ci_prob: float) -> LossComparison:
    n = d.size
    if isinstance(lag, bool) or not isinstance(lag, (int, np.integer)) or not 0 <= lag < n:
        raise ModelError(f"lag={lag!r} must be a whole number from 0 to {n - 1}.")
    mean = float(d.mean())
    if np.ptp(d) <= _SLACK:
        return _no_test(mean, "hln", alternative, n, _CONSTANT)
    centred, kernel = d - mean, "rectangular"
    covariance = np.array([centred[: n - k] @ centred[k:] / n for k in range(lag + 1)])
    weights = np.ones(lag + 1)
    weights[1:] = 2.0
    if weights @ covariance <= 0.0:
        kernel = "bartlett"
        weights[1:] = 2.0 * (1.0 - np.arange(1, lag + 1) / (lag + 1.0))
    factor = hln_factor(n, lag + 1)
    if factor == 0.0:
        return _no_test(mean, "hln", alternative, n, f"lag {lag} is too long for {n} losses")
    error = float(np.sqrt(weights @ covariance / n)) / factor
    law = stats.t(n - 1)
    statistic = mean / error
    half = float(law.ppf(0.5 + 0.5 * ci_prob)) * error
    one_sided = float(law.cdf(statistic if alternative == "less" else -statistic))
    pvalue = 2.0 * float(law.sf(abs(statistic))) if alternative == "two-sided" else one_sided
    return LossComparison(
        mean,
        error,
        mean - half,
        mean + half,
        statistic,
        pvalue,
        "hln",
        alternative,
        n,
        lag=int(lag),
        kernel=kernel,
    )


def _by_blocks(
    d: Array,
    labels: npt.NDArray[np.generic],
    alternative: Alternative,
    n_boot: int,
    rng: RandomState,
    ci_prob: float,
) -> LossComparison:
    """Studentised bootstrap of whole blocks, the blocks being unequal in size."""
    n, mean = d.size, float(d.mean())
    n_blocks = np.unique(labels).size
    if n_blocks < FEWEST_BLOCKS:
        return _no_test(mean, "blocks", alternative, n, too_few_blocks(n_blocks))
    if np.ptp(d) <= _SLACK:
        return _no_test(mean, "blocks", alternative, n, _CONSTANT)
    boot = BlockBootstrap(labels, n_boot, rng)
    total, size = boot.totals(np.column_stack([d, np.ones(n)])).T
    moments = np.column_stack([total, size, total**2, total * size, size**2])
    once = np.ones((1, n_blocks))
    error = float(_block_error(once @ moments, n_blocks)[0])
    if error <= _SLACK:
        return _no_test(mean, "blocks", alternative, n, "all blocks have the same mean difference")
    drawn = boot.counts @ moments
    gap, spread = drawn[:, 0] / drawn[:, 1] - mean, _block_error(drawn, n_blocks)
    # A resample of one block alone has no error; it counts as extreme.
    some = spread > _SLACK
    t = np.where(some, gap / np.where(some, spread, 1.0), np.copysign(np.inf, gap))
    statistic = mean / error
    if alternative == "two-sided":
        beyond = np.abs(t) >= abs(statistic)
    else:
        beyond = t <= statistic if alternative == "less" else t >= statistic
    half = float(np.quantile(np.abs(t), ci_prob, method="higher")) * error
    return LossComparison(
        mean,
        error,
        mean - half,
        mean + half,
        statistic,
        (1 + int(beyond.sum())) / (n_boot + 1),
        "blocks",
        alternative,
        n,
        n_blocks=n_blocks,
    )


def _block_error(moments: Array, n_blocks: int) -> Array:
    """Standard error (m,) of a mean from sums over blocks of D, n, D^2, Dn and n^2."""
    total, size, total2, cross, size2 = moments.T
    mean = total / size
    squares = np.maximum(total2 - 2.0 * mean * cross + mean**2 * size2, 0.0)
    return np.asarray(np.sqrt(n_blocks / (n_blocks - 1.0) * squares) / size)


def _no_test(
    mean: float, method: Method, alternative: Alternative, n_obs: int, reason: str
) -> LossComparison:
    nan = float("nan")
    return LossComparison(mean, nan, nan, nan, nan, nan, method, alternative, n_obs, reason=reason)
