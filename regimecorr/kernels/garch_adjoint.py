"""Standardized residuals of constant-mean GARCH(1,1) legs, and the way back to their parameters.

Both kernels take returns (n, k) of k legs, ``theta`` (4, k) with rows ``mu, omega, alpha, beta``,
and ``backcast`` (k,), which stands for the square and the variance before the first row, as in
`regimecorr.kernels.garch.garch_variance`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Variances are held above this part of the backcast: a sampler's stray step may ask for zero.
_FLOOR = 1e-12
_TINY = 1e-300


@njit(cache=True, nogil=True)
def garch_residuals(returns, theta, backcast):
    """Return the residuals (n, k) and the sum of the log volatilities over rows and legs."""
    n, k = returns.shape
    z = np.empty((n, k))
    total = 0.0
    for i in range(k):
        mu, omega, alpha, beta = theta[0, i], theta[1, i], theta[2, i], theta[3, i]
        floor = max(_FLOOR * backcast[i], _TINY)
        h = omega + (alpha + beta) * backcast[i]
        for t in range(n):
            if h < floor:
                h = floor
            e = returns[t, i] - mu
            z[t, i] = e / math.sqrt(h)
            total += math.log(h)
            h = omega + alpha * e * e + beta * h
    return z, 0.5 * total


@njit(cache=True, nogil=True)
def garch_adjoint(returns, theta, backcast, d_z, d_log):
    """Derivatives (4, k) of a function by ``theta``.

    ``d_z`` (n, k) are its derivatives by the residuals, ``d_log`` by the sum of the log
    volatilities. What a variance does to later ones is summed from the last row to the first.
    """
    n, k = returns.shape
    out = np.zeros((4, k))
    variance = np.empty(n)
    for i in range(k):
        mu, omega, alpha, beta = theta[0, i], theta[1, i], theta[2, i], theta[3, i]
        floor = max(_FLOOR * backcast[i], _TINY)
        h = omega + (alpha + beta) * backcast[i]
        for t in range(n):
            if h < floor:
                h = floor
            variance[t] = h
            e = returns[t, i] - mu
            h = omega + alpha * e * e + beta * h
        d_mu = 0.0
        d_omega = 0.0
        d_alpha = 0.0
        d_beta = 0.0
        later = 0.0  # derivative by the next row's variance
        for t in range(n - 1, -1, -1):
            h = variance[t]
            e = returns[t, i] - mu
            by_z = d_z[t, i] / math.sqrt(h)
            d_mu -= by_z + 2.0 * alpha * e * later
            d_alpha += e * e * later
            d_beta += h * later
            later = beta * later + 0.5 * (d_log - by_z * e) / h
            if h <= floor:  # held, so nothing before it matters
                later = 0.0
            d_omega += later
        out[0, i] = d_mu
        out[1, i] = d_omega
        out[2, i] = d_alpha + backcast[i] * later
        out[3, i] = d_beta + backcast[i] * later
    return out
