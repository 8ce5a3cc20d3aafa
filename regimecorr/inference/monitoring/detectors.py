r"""Detectors of a change: sums of scores, or correlations, against those of the history.

In the form of Wied and Galeano (2013) the detector after k monitored rows is

.. math::

    V_k = \frac{k}{\sqrt m} \frac{r_{m+1}^{m+k} - r_1^m}{D},

m the rows of history and D the long-run standard deviation of their influence function. By default
the correlations give way to sums of the score of the bivariate t distribution,

.. math::

    s_t = \frac{\nu + 2}{\nu - 2 + q_t} \left(u_t v_t - \tfrac{r}{2} (u_t^2 + v_t^2)\right),
    \qquad V_k = \frac{1}{\sqrt m\, D} \sum_{t=m+1}^{m+k} (s_t - \bar s_1^m),

u and v standardised by the history, q their squared Mahalanobis length, r and :math:`\nu` fitted
to the history. A large row counts for little, so D is estimated well where fourth moments hardly
exist. Under elliptical residuals a change of either variance moves the mean of the score in second
order only. With normal tails it is the influence function, and both forms agree in the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regimecorr.inference.constancy.fluctuation import (
    long_run_sd,
    prefix_correlations,
    psi_values,
)
from regimecorr.models.base import Array
from regimecorr.models.grid import fit_constant


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums of the monitored rows, on the scale of the limit.

    Attributes
    ----------
    path : ndarray of shape (n_monitored,)
        V after every row; row k uses the history and the rows to k.
    scores : ndarray of shape (n_obs,)
        What is summed, or None where correlations are compared.
    sd : float
        Long-run standard deviation D of the history.
    nu : float
        Tail parameter of the score; infinite where correlations are compared.
    """

    path: Array
    scores: Array | None
    sd: float
    nu: float


def score_sums(z: Array, m: int) -> Sums:
    """Sums of the scores of residuals (n_obs, 2), the first m of which are the history."""
    history = z[:m]
    u, v = ((z - history.mean(axis=0)) / history.std(axis=0)).T
    fit = fit_constant(np.ascontiguousarray(np.column_stack([u, v])[:m]), "t")
    r, nu = float(np.tanh(fit.fisher)), fit.nu
    squares = u * u + v * v
    q = (squares - 2.0 * r * u * v) / (1.0 - r * r)
    scores = (nu + 2.0) / (nu - 2.0 + q) * (u * v - 0.5 * r * squares)
    sd = float(long_run_sd(scores[:m]))
    path = np.cumsum(scores[m:] - scores[:m].mean()) / (np.sqrt(m) * sd)
    return Sums(path, scores, sd, nu)


def correlation_sums(z: Array, m: int) -> Sums:
    """Wied and Galeano's path; zero in the first row, which has no correlation."""
    history = z[:m]
    sd = float(long_run_sd(psi_values(history)))
    level = float(prefix_correlations(history)[-1])
    k = np.arange(1, len(z) - m + 1)
    path = k * (prefix_correlations(z[m:]) - level) / (np.sqrt(m) * sd)
    return Sums(np.where(np.isnan(path), 0.0, path), None, sd, np.inf)


def page(path: Array) -> Array:
    """Largest distance (n,) of a path from its own earlier values and zero."""
    low = np.minimum(np.minimum.accumulate(path), 0.0)
    high = np.maximum(np.maximum.accumulate(path), 0.0)
    return np.maximum(path - low, high - path)


def change_row(sums: Sums, z: Array, m: int, alarm: int) -> int:
    r"""First monitored row of the new state (0, 1, ...), estimated at the alarm.

    Scores: the split of the history and the rows to the alarm with the largest
    :math:`n_1 n_2 / (n_1 + n_2)` times the squared difference of the means. Correlations: the
    largest :math:`j |r_{m+1}^{m+j} - r_{m+1}^{m+\tau-1}|` (after Wied and Galeano 2013).
    """
    if sums.scores is None:
        rows = z[m : m + max(alarm, 2)]
        r = prefix_correlations(rows)
        distance = np.arange(1, len(rows) + 1) * np.abs(r - r[-1])
        return int(np.nanargmax(distance[:-1])) + 1 if len(rows) > 2 else 0
    scores = sums.scores[: m + alarm + 1]
    before = m + np.arange(alarm + 1)
    after = len(scores) - before
    total = np.cumsum(scores)
    first = total[before - 1] / before
    second = (total[-1] - total[before - 1]) / after
    return int(np.argmax(before * after * (first - second) ** 2))
