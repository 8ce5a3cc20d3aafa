r"""Influence of every row on the moment behind the target, through the model's own memory.

The products :math:`x_t = e_t e_t'` are autocorrelated over months, which no short lag window sees.
The recursion tells how: let :math:`v_t = x_t - E_{t-1} x_t` be what a row adds, :math:`E_{t-1} x_t`
being :math:`Q_t` for cDCC and :math:`R_t` otherwise. A row's news stays in the correlations of the
rows after it, with the impulse response :math:`a(L) / (1 - a(L) - b(L))`; summed over the rows that
are left, that is the weight :math:`A_t`, and a row moves the mean of the products by :math:`(1 +
A_t) v_t / T` (cDCC) or :math:`(v_t + A_t P v_t) / T`, where :math:`P` takes from the news the part
that only rescales the variances: :math:`R_t` has a unit diagonal, so theirs does not last. The
:math:`v_t` are not autocorrelated, and the weights are bounded by the sample: an integrated
correlation gives a target with a large standard error, not an infinite one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from regimecorr.models.base import Array
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.dcc.target import TargetRule


@dataclass(frozen=True, eq=False)
class MomentNews:
    """News ``v`` (n_obs, N, N) of every row, and how much of it stays, ``memory`` (n_obs,)."""

    news: Array
    memory: Array
    target: Array
    corrected: bool

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Array) -> MomentNews:
        """News and memory of a model at its parameters."""
        x = dynamics.rule.centred(dynamics.innovations(theta)[0])
        expected = dynamics.q_path(theta) if dynamics.corrected else dynamics.correlations(theta)
        news = x[:, :, None] * x[:, None, :] - expected[:-1]
        news -= news.mean(axis=0)
        return cls(news, memory(dynamics, theta), dynamics.target(theta), dynamics.corrected)

    def rows(self, slope: Array) -> Array:
        """Influence (n_obs,) of every row on ``<slope, M>``, M the second moment."""
        at_once = np.tensordot(self.news, slope, axes=2)
        if self.corrected:
            return np.asarray((1.0 + self.memory) * at_once)
        lasting = TargetRule().pull(self.target, slope)
        return np.asarray(at_once + self.memory * np.tensordot(self.news, lasting, axes=2))

    def changes(self, weights: Array) -> Array:
        """Changes (n_draws, N, N) of the moment when rows get extra weights (n_draws, n_obs)."""
        n = len(self.news)
        if self.corrected:
            return np.tensordot(weights * (1.0 + self.memory), self.news, axes=1) / n
        out = np.tensordot(weights, self.news, axes=1) / n
        lasting = np.tensordot(weights * self.memory, self.news, axes=1) / n
        return out + np.stack([TargetRule().push(self.target, change) for change in lasting])


def memory(dynamics: Dynamics, theta: Array) -> Array:
    """Response of the later rows' products to a row's news, summed to the end of the sample."""
    layout = dynamics.layout
    a, b, g, _ = layout.split(theta)
    lags = max(layout.p, layout.q, 1)
    shock, feedback = np.zeros(lags + 1), np.zeros(lags + 1)
    shock[1 : layout.p + 1] = a
    feedback[1 : layout.p + 1] += a
    feedback[1 : layout.q + 1] += b
    if layout.asymmetric:
        # Joint falls follow the correlation with their share of the variance.
        target = dynamics.target(theta)
        feedback[1] += g * float(np.trace(dynamics.asymmetry) / np.trace(target))
    impulse = np.zeros(dynamics.n_obs)
    impulse[0] = 1.0
    response = lfilter(shock, np.r_[1.0, -feedback[1:]], impulse)
    return np.cumsum(response)[::-1].copy()
