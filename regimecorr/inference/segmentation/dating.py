r"""The interval of a date: which rows are nearly as good as the best one.

A date maximises a curve G over the rows k before the break. As the segments grow and the break
shrinks, :math:`G(k) - G(k_0)` around the true :math:`k_0` is a Brownian motion with drift on
either side (Bai 1997), and its largest value on a side is exponential. With rates :math:`a` before
and :math:`b` after the break,

.. math::

    P(\max_{k \le k_0} G \text{ and } \max_{k \ge k_0} G \text{ differ by more than } x)
        = \frac{b e^{-a x} + a e^{-b x}}{a + b}.

The rows from the first to the last with :math:`G \ge \max G - x` hold :math:`k_0` unless that
happens, so x where it has probability ``1 - ci_prob`` gives an interval. It rests on the
inversion of the likelihood ratio of Eo and Morley (2015), made for an interval in place of a set:
rows in between that are worse belong to it, so x can be smaller.

References
----------
Bai, J. (1997). Estimation of a change point in multiple regression models. Review of Economics and
Statistics 79, 551-563.
Eo, Y. and Morley, J. (2015). Likelihood-ratio-based confidence sets for the timing of structural
breaks. Quantitative Economics 6, 463-497.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from regimecorr.inference.constancy.fluctuation import long_run_sd
from regimecorr.models.base import Array


def fall(before: float, after: float, ci_prob: float) -> float:
    """How far below its maximum a curve may lie within the interval.

    Parameters
    ----------
    before, after : float
        Rates of the largest rise of the curve on either side of the break.
    ci_prob : float
        Mass of the interval, in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.segmentation.dating import fall
    >>> bool(np.isclose(fall(0.5, 0.5, 0.9), -2.0 * np.log(0.1)))
    True
    """
    total, outside = before + after, 1.0 - ci_prob

    def excess(x: float) -> float:
        missed = after * np.exp(-before * x) + before * np.exp(-after * x)
        return float(missed / total - outside)

    # With equal rates the bound is the solution itself; rounding must not put it inside.
    bound = -(1.0 + 1e-9) * np.log(outside) / min(before, after)
    return float(brentq(excess, 0.0, bound, xtol=1e-12))


def interval(
    curve: Array, first: int, values: Array, squared: bool, ci_prob: float
) -> tuple[int, int]:
    """First and last row of the interval of a date, as rows before the break.

    Parameters
    ----------
    curve : ndarray of shape (n_dates,)
        What the date maximises: absolute sums of the values, or their weighted squares
        (``squared``), by the rows before the break.
    first : int
        Rows before the first date of the curve.
    values : ndarray of shape (n,)
        Influence of the rows, mean zero.
    squared : bool
    ci_prob : float

    Returns
    -------
    low, high : int
        Within the dates of the curve.
    """
    split = first + int(curve.argmax())
    parts = np.split(values, [split])
    before, after = (max(float(long_run_sd(part)) ** 2, 1e-12) for part in parts)
    if squared:
        rates = 0.5 / before, 0.5 / after
    else:
        # Sums of n values rise by the share of the other side in the step.
        step, share = abs(float(parts[1].mean() - parts[0].mean())), split / len(values)
        rates = 2.0 * (1.0 - share) * step / before, 2.0 * share * step / after
    inside = np.flatnonzero(curve >= curve.max() - fall(*rates, ci_prob))
    return first + int(inside[0]), first + int(inside[-1])
