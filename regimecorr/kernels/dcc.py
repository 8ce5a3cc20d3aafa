"""Dynamic conditional correlation of pairs: recursion, composite likelihood, scores, paths.

One recursion carries every variant::

    Q_t = C + sum_l a_l x_{t-l} + g n_{t-1} n_{t-1}' + sum_l b_l Q_{t-l},   x_t = e_t e_t'

with innovations ``e`` (``z``, or ``z diag(Q)^{1/2}`` for cDCC), ``n = min(z, 0)``, and ``q0, e0,
n0`` in the place of ``Q, x, n n'`` before the sample. Matrices of a pair are rows ``(11, 22, 12)``.
Derivatives are taken in K directions: first ``a_1 .. a_p``, ``b_1 .. b_q`` and, if ``asymmetric``,
``g``; any further ones (the target) act through the constants alone. ``dc, dq0, de0`` (K, 3) are
the constants' derivatives, ``dx`` (K', n, 3) those of the innovations' products, empty when the
innovations do not depend on the parameters.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def pair_products(e, i, j):
    """Products (n, 3) of two columns: ``e_i^2, e_j^2, e_i e_j``."""
    out = np.empty((e.shape[0], 3))
    for t in range(e.shape[0]):
        x = e[t, i]
        y = e[t, j]
        out[t, 0] = x * x
        out[t, 1] = y * y
        out[t, 2] = x * y
    return out


@njit(cache=True, nogil=True)
def pair_product_derivatives(e, de, i, j):
    """Derivatives (K, n, 3) of `pair_products`, given those of the columns ``de`` (K, n, N)."""
    out = np.empty((de.shape[0], e.shape[0], 3))
    for k in range(de.shape[0]):
        for t in range(e.shape[0]):
            out[k, t, 0] = 2.0 * e[t, i] * de[k, t, i]
            out[k, t, 1] = 2.0 * e[t, j] * de[k, t, j]
            out[k, t, 2] = e[t, i] * de[k, t, j] + de[k, t, i] * e[t, j]
    return out


@njit(cache=True, nogil=True)
def add_lagged(out, values, weight, rows, before):
    """Add ``weight`` times the values of ``rows`` rows ago, ``before`` where there are none."""
    first = min(rows, out.shape[0])
    for t in range(first):
        out[t] += weight * before
    for t in range(first, out.shape[0]):
        out[t] += weight * values[t - rows]


@njit(cache=True, nogil=True)
def autoregress(u, b, before):
    """Turn ``u`` into ``y_t = u_t + sum_l b_l y_{t-l}`` in place; ``y`` is ``before`` at first."""
    lags = b.shape[0]
    if lags == 1:
        factor = b[0]
        last = before
        for t in range(u.shape[0]):
            last = u[t] + factor * last
            u[t] = last
        return
    for t in range(u.shape[0]):
        for lag in range(lags):
            s = t - 1 - lag
            u[t] += b[lag] * (u[s] if s >= 0 else before)


@njit(cache=True, nogil=True)
def pair_recursion(x, dx, neg, a, b, g, asymmetric, c, dc, q0, dq0, e0, de0, n0):
    """``Q`` (n + 1, 3), the last row tomorrow's, and its derivatives (n + 1, K, 3).

    ``Q[t]`` uses innovations to ``t - 1``. Entry by entry the recursion is an autoregression of
    what enters from outside, which runs along memory.
    """
    n = x.shape[0]
    p = a.shape[0]
    lags = b.shape[0]
    k_all = dc.shape[0]
    Q = np.empty((3, n + 1))
    dQ = np.empty((k_all, 3, n + 1))
    for m in range(3):
        Q[m] = c[m]
        for lag in range(p):
            add_lagged(Q[m], x[:, m], a[lag], lag + 1, e0[m])
        if asymmetric:
            add_lagged(Q[m], neg[:, m], g, 1, n0[m])
        autoregress(Q[m], b, q0[m])
        for k in range(k_all):
            out = dQ[k, m]
            out[:] = dc[k, m]
            if k < p:
                add_lagged(out, x[:, m], 1.0, k + 1, e0[m])
            elif k < p + lags:
                add_lagged(out, Q[m], 1.0, k - p + 1, q0[m])
            elif asymmetric and k == p + lags:
                add_lagged(out, neg[:, m], 1.0, 1, n0[m])
            for lag in range(p):
                if k < dx.shape[0]:
                    add_lagged(out, dx[k, :, m], a[lag], lag + 1, de0[k, m])
                else:
                    for t in range(min(lag + 1, n + 1)):
                        out[t] += a[lag] * de0[k, m]
            autoregress(out, b, dq0[k, m])
    return Q.T, dQ.transpose(2, 0, 1)


@njit(cache=True, nogil=True)
def pair_correlation(Q, dQ):
    """Correlations (n,) of the recursion and their derivatives (n, K)."""
    n = Q.shape[0]
    rho = np.empty(n)
    drho = np.empty((n, dQ.shape[1]))
    for t in range(n):
        first = 1.0 / Q[t, 0]
        second = 1.0 / Q[t, 1]
        scale = math.sqrt(first * second)
        r = Q[t, 2] * scale
        rho[t] = r
        for k in range(dQ.shape[1]):
            relative = dQ[t, k, 0] * first + dQ[t, k, 1] * second
            drho[t, k] = dQ[t, k, 2] * scale - 0.5 * r * relative
    return rho, drho


@njit(cache=True, nogil=True)
def add_pair_scores(x, rho, drho, nu, rows, score):
    """Add to ``rows`` (n,) the log density of a pair, to ``score`` (n, K + 1) its derivatives.

    ``x`` are the products of the standardized residuals; the last column is the derivative by
    ``nu``, 0 for normal errors. ``rho`` and ``drho`` may be longer than the sample.
    """
    normal = np.isinf(nu)
    k_all = drho.shape[1]
    log_const = -math.log(2.0 * math.pi)
    if not normal:
        log_const = math.log(0.5 * nu) - math.log(math.pi * (nu - 2.0))
    for t in range(x.shape[0]):
        r = rho[t]
        one = 1.0 - r * r
        form = x[t, 0] + x[t, 1] - 2.0 * r * x[t, 2]
        inverse = 1.0 / one
        q = form * inverse
        if normal:
            weight = 1.0
            rows[t] += log_const - 0.5 * (math.log(one) + q)
        else:
            log_tail = math.log1p(q / (nu - 2.0))
            weight = (nu + 2.0) / (nu - 2.0 + q)
            rows[t] += log_const - 0.5 * (math.log(one) + (nu + 2.0) * log_tail)
            score[t, k_all] += (
                1.0 / nu - 1.0 / (nu - 2.0) - 0.5 * log_tail + 0.5 * weight * q / (nu - 2.0)
            )
        dr = inverse * (r + weight * (x[t, 2] - r * q))
        for k in range(k_all):
            score[t, k] += dr * drho[t, k]


@njit(cache=True, nogil=True)
def matrix_entries(M, i, j):
    """Entries ``(ii, jj, ij)`` of a matrix."""
    return np.array([M[i, i], M[j, j], M[i, j]])


@njit(cache=True, nogil=True)
def stacked_entries(M, i, j):
    """Entries ``(ii, jj, ij)`` of every matrix of a stack (K, N, N)."""
    out = np.empty((M.shape[0], 3))
    for k in range(M.shape[0]):
        out[k] = matrix_entries(M[k], i, j)
    return out


@njit(cache=True, nogil=True)
def composite_scores(z, e, de, neg, pairs, a, b, g, asymmetric, C, dC, Q0, dQ0, E0, dE0, N0, nu):
    """Sum over pairs of the log density of each row (n,), and its derivatives (n, K + 1).

    With one pair this is the full likelihood of two assets. ``z``, ``e``, ``neg`` are (n, N),
    ``pairs`` (n_pairs, 2); ``C, Q0, E0, N0`` are (N, N) and ``dC, dQ0, dE0`` (K, N, N).
    """
    n = z.shape[0]
    rows = np.zeros(n)
    score = np.zeros((n, dC.shape[0] + 1))
    for pair in range(pairs.shape[0]):
        i = pairs[pair, 0]
        j = pairs[pair, 1]
        x = pair_products(e, i, j)
        Q, dQ = pair_recursion(
            x,
            pair_product_derivatives(e, de, i, j),
            pair_products(neg, i, j),
            a,
            b,
            g,
            asymmetric,
            matrix_entries(C, i, j),
            stacked_entries(dC, i, j),
            matrix_entries(Q0, i, j),
            stacked_entries(dQ0, i, j),
            matrix_entries(E0, i, j),
            stacked_entries(dE0, i, j),
            matrix_entries(N0, i, j),
        )
        rho, drho = pair_correlation(Q, dQ)
        add_pair_scores(pair_products(z, i, j), rho, drho, nu, rows, score)
    return rows, score
