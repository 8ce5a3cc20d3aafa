"""Univariate GARCH(1,1) and GJR recursions."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def garch_variance(resid, omega, alpha, gamma, beta, backcast):
    """Conditional variances ``h[0 .. n]``, the last one tomorrow's.

    ``h[t]`` uses residuals to ``t - 1``.

    ``h_t = omega + alpha e_{t-1}^2 + gamma e_{t-1}^2 1(e_{t-1} < 0) + beta h_{t-1}``. The first
    variance takes ``backcast`` for the missing square and variance (and half of it for the
    asymmetric term), as arch does.
    """
    n = resid.shape[0]
    h = np.empty(n + 1)
    h[0] = omega + (alpha + 0.5 * gamma + beta) * backcast
    for t in range(n):
        square = resid[t] * resid[t]
        h[t + 1] = omega + alpha * square + beta * h[t]
        if resid[t] < 0.0:
            h[t + 1] += gamma * square
    return h


@njit(cache=True, nogil=True)
def garch_path(z, mu, omega, alpha, gamma, beta, variance, out):
    """Write to ``out`` the returns from shocks ``z`` (n,).

    The recursion starts at conditional variance ``variance``. The squared residual is ``h z^2``,
    which keeps the square root off the recursion's critical path.
    """
    h = variance
    for t in range(z.shape[0]):
        shock = z[t]
        out[t] = mu + np.sqrt(h) * shock
        news = alpha + gamma if shock < 0.0 else alpha
        h = omega + h * (beta + news * shock * shock)


@njit(cache=True, nogil=True)
def garch_paths(z, draw, mu, omega, alpha, gamma, beta, variance):
    """Both legs' returns for every path.

    ``z`` is (n_paths, horizon, 2), ``draw`` (n_paths,) the row of the parameter arrays that each
    path uses; the parameter arrays and ``variance`` are (n_draws, 2).
    """
    out = np.empty(z.shape)
    for p in range(z.shape[0]):
        d = draw[p]
        for leg in range(2):
            garch_path(
                z[p, :, leg],
                mu[d, leg],
                omega[d, leg],
                alpha[d, leg],
                gamma[d, leg],
                beta[d, leg],
                variance[d, leg],
                out[p, :, leg],
            )
    return out
