"""Simulated dynamic conditional correlation, forward from a known state.

The recursion is that of `regimecorr.kernels.dcc`. Parameters and states are rows of arrays, one
row per parameter draw; ``draw`` (n_paths,) tells which one a path uses. ``x``, ``q`` and ``neg``
hold what came before the first simulated row: ``x[d, l]`` and ``q[d, l]`` are those of ``l + 1``
rows ago. ``corrected`` feeds back ``z diag(Q)^{1/2}`` (cDCC).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.dcc_matrix import cholesky_upper


@njit(cache=True, nogil=True)
def pair_paths(shocks, draw, a, b, g, asymmetric, corrected, c, x, neg, q):
    """Two assets: correlations (n_paths, horizon) and correlated shocks (n_paths, horizon, 2).

    ``shocks`` (n_paths, horizon, 2) are uncorrelated and standardized; ``a`` is (n_draws, p), ``b``
    (n_draws, q), ``g`` (n_draws,), ``c`` and ``neg`` (n_draws, 3), ``x`` (n_draws, p, 3), ``q``
    (n_draws, q, 3) with entries ``(11, 22, 12)``.
    """
    n_paths, horizon, _ = shocks.shape
    p = a.shape[1]
    lags = b.shape[1]
    rho = np.empty((n_paths, horizon))
    z = np.empty((n_paths, horizon, 2))
    past_x = np.empty((max(p, 1), 3))
    past_q = np.empty((max(lags, 1), 3))
    past_n = np.empty(3)
    now = np.empty(3)
    for path in range(n_paths):
        d = draw[path]
        past_x[:p] = x[d]
        past_q[:lags] = q[d]
        past_n[:] = neg[d]
        for t in range(horizon):
            for m in range(3):
                value = c[d, m]
                for lag in range(p):
                    value += a[d, lag] * past_x[lag, m]
                for lag in range(lags):
                    value += b[d, lag] * past_q[lag, m]
                if asymmetric:
                    value += g[d] * past_n[m]
                now[m] = value
            r = now[2] / math.sqrt(now[0] * now[1])
            rho[path, t] = r
            first = shocks[path, t, 0]
            second = r * first + math.sqrt(1.0 - r * r) * shocks[path, t, 1]
            z[path, t, 0] = first
            z[path, t, 1] = second
            for m in range(3):
                for lag in range(lags - 1, 0, -1):
                    past_q[lag, m] = past_q[lag - 1, m]
                for lag in range(p - 1, 0, -1):
                    past_x[lag, m] = past_x[lag - 1, m]
                past_q[0, m] = now[m]
            if asymmetric:
                low = min(first, 0.0)
                low_second = min(second, 0.0)
                past_n[0] = low * low
                past_n[1] = low_second * low_second
                past_n[2] = low * low_second
            if corrected:
                first *= math.sqrt(now[0])
                second *= math.sqrt(now[1])
            past_x[0, 0] = first * first
            past_x[0, 1] = second * second
            past_x[0, 2] = first * second
    return rho, z


@njit(cache=True, nogil=True)
def matrix_paths(shocks, draw, a, b, g, asymmetric, corrected, c, x, neg, q, rho, total):
    """N assets: correlated shocks (n_paths, horizon, N).

    As `pair_paths` with matrices: ``c`` and ``neg`` (n_draws, N, N), ``x`` (n_draws, p, N, N),
    ``q`` (n_draws, q, N, N). The correlation matrices are written to ``rho``
    (n_paths, horizon, N, N) unless it has no rows, and added to ``total`` (horizon, N, N).
    """
    n_paths, horizon, size = shocks.shape
    p = a.shape[1]
    lags = b.shape[1]
    keep = rho.shape[0] > 0
    z = np.empty((n_paths, horizon, size))
    past_x = np.empty((max(p, 1), size, size))
    past_q = np.empty((max(lags, 1), size, size))
    past_n = np.empty((size, size))
    now = np.empty((size, size))
    R = np.empty((size, size))
    U = np.zeros((size, size))
    root = np.empty(size)
    e = np.empty(size)
    low = np.empty(size)
    for path in range(n_paths):
        d = draw[path]
        past_x[:p] = x[d]
        past_q[:lags] = q[d]
        past_n[:] = neg[d]
        for t in range(horizon):
            for i in range(size):
                for j in range(size):
                    value = c[d, i, j]
                    for lag in range(p):
                        value += a[d, lag] * past_x[lag, i, j]
                    for lag in range(lags):
                        value += b[d, lag] * past_q[lag, i, j]
                    if asymmetric:
                        value += g[d] * past_n[i, j]
                    now[i, j] = value
            for i in range(size):
                root[i] = math.sqrt(now[i, i])
            for i in range(size):
                for j in range(size):
                    R[i, j] = now[i, j] / (root[i] * root[j])
                R[i, i] = 1.0
            if not cholesky_upper(R, U):
                U[:] = np.nan
            for i in range(size):
                value = 0.0
                for k in range(i + 1):
                    value += U[k, i] * shocks[path, t, k]
                z[path, t, i] = value
                e[i] = value * root[i] if corrected else value
                low[i] = min(value, 0.0)
            for i in range(size):
                for j in range(size):
                    total[t, i, j] += R[i, j]
                    if keep:
                        rho[path, t, i, j] = R[i, j]
                    for lag in range(lags - 1, 0, -1):
                        past_q[lag, i, j] = past_q[lag - 1, i, j]
                    for lag in range(p - 1, 0, -1):
                        past_x[lag, i, j] = past_x[lag - 1, i, j]
                    past_q[0, i, j] = now[i, j]
                    past_x[0, i, j] = e[i] * e[j]
                    past_n[i, j] = low[i] * low[j]
    return z
