"""DCC(1,1) recursion for two assets (Engle 2002), its likelihood, scores and simulation.

``Q_t = (1 - a - b) Qbar + a z_{t-1} z_{t-1}' + b Q_{t-1}``, ``Q_1 = Qbar`` with unit diagonal and
off-diagonal ``target``; ``rho_t = q12 / sqrt(q11 q22)`` uses standardized residuals to ``t - 1``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import log_density


@njit(cache=True, nogil=True)
def dcc_correlation(z, target, a, b):
    """Conditional correlations (n_obs + 1,) and tomorrow's ``q11, q22, q12``.

    The last correlation is for tomorrow.
    """
    n = z.shape[0]
    rho = np.empty(n + 1)
    q11 = 1.0
    q22 = 1.0
    q12 = target
    rest = 1.0 - a - b
    for t in range(n):
        rho[t] = q12 / math.sqrt(q11 * q22)
        q11 = rest + a * z[t, 0] * z[t, 0] + b * q11
        q22 = rest + a * z[t, 1] * z[t, 1] + b * q22
        q12 = rest * target + a * z[t, 0] * z[t, 1] + b * q12
    rho[n] = q12 / math.sqrt(q11 * q22)
    return rho, np.array([q11, q22, q12])


@njit(cache=True, nogil=True)
def dcc_loglikelihood(z, rho, nu):
    """Log density of each row (n_obs,) at conditional correlations ``rho``."""
    n = z.shape[0]
    out = np.empty(n)
    for t in range(n):
        out[t] = log_density(z[t, 0], z[t, 1], rho[t], nu)
    return out


@njit(cache=True, nogil=True)
def dcc_scores(z, target, a, b, nu):
    """Log density of each row and its derivatives with respect to ``(target, a, b, nu)``.

    Returns (n_obs,) and (n_obs, 4); the last column is 0 for normal errors. Derivatives of ``Q_t``
    run alongside the recursion: ``dQ_t/da = z z' - Qbar + b dQ/da``, ``dQ_t/db = Q - Qbar + b
    dQ/db``, ``dq12/dtarget = (1 - a - b) + b dq12/dtarget``.
    """
    n = z.shape[0]
    loglik = np.empty(n)
    score = np.zeros((n, 4))
    rest = 1.0 - a - b
    q11 = 1.0
    q22 = 1.0
    q12 = target
    a11 = a22 = a12 = 0.0
    b11 = b22 = b12 = 0.0
    t12 = 1.0
    normal = np.isinf(nu)
    for t in range(n):
        x = z[t, 0]
        y = z[t, 1]
        scale = math.sqrt(q11 * q22)
        r = q12 / scale
        one = 1.0 - r * r
        form = x * x + y * y - 2.0 * r * x * y
        q = form / one
        loglik[t] = log_density(x, y, r, nu)
        weight = 1.0 if normal else (nu + 2.0) / (nu - 2.0 + q)
        dr = r / one + weight * (x * y / one - r * form / (one * one))
        score[t, 0] = dr * t12 / scale
        score[t, 1] = dr * (a12 / scale - 0.5 * r * (a11 / q11 + a22 / q22))
        score[t, 2] = dr * (b12 / scale - 0.5 * r * (b11 / q11 + b22 / q22))
        if not normal:
            score[t, 3] = (
                1.0 / nu
                - 1.0 / (nu - 2.0)
                - 0.5 * math.log1p(q / (nu - 2.0))
                + 0.5 * (nu + 2.0) * q / ((nu - 2.0) * (nu - 2.0 + q))
            )
        t12 = rest + b * t12
        a11 = x * x - 1.0 + b * a11
        a22 = y * y - 1.0 + b * a22
        a12 = x * y - target + b * a12
        b11 = q11 - 1.0 + b * b11
        b22 = q22 - 1.0 + b * b22
        b12 = q12 - target + b * b12
        q11 = rest + a * x * x + b * q11
        q22 = rest + a * y * y + b * q22
        q12 = rest * target + a * x * y + b * q12
    return loglik, score


@njit(cache=True, nogil=True)
def dcc_paths(shocks, draw, target, a, b, q):
    """Simulate forward from tomorrow's ``q`` (n_draws, 3).

    ``shocks`` (n_paths, horizon, 2) are uncorrelated and standardized. Returns the conditional
    correlations (n_paths, horizon) and the correlated shocks (n_paths, horizon, 2).
    """
    n_paths, horizon, _ = shocks.shape
    rho = np.empty((n_paths, horizon))
    z = np.empty((n_paths, horizon, 2))
    for p in range(n_paths):
        d = draw[p]
        q11 = q[d, 0]
        q22 = q[d, 1]
        q12 = q[d, 2]
        rest = 1.0 - a[d] - b[d]
        for t in range(horizon):
            r = q12 / math.sqrt(q11 * q22)
            rho[p, t] = r
            x = shocks[p, t, 0]
            y = r * x + math.sqrt(1.0 - r * r) * shocks[p, t, 1]
            z[p, t, 0] = x
            z[p, t, 1] = y
            q11 = rest + a[d] * x * x + b[d] * q11
            q22 = rest + a[d] * y * y + b[d] * q22
            q12 = rest * target[d] + a[d] * x * y + b[d] * q12
    return rho, z
