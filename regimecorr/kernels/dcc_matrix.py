"""Dynamic conditional correlation of N assets: full likelihood, scores, adjoint and paths.

The recursion and its notation are those of `regimecorr.kernels.dcc`, with matrices written out. A
factorisation costs ``N^3 / 3`` a row; inverses come from the Cholesky factor, one row at a time.
Inner loops run along rows and never reorder a sum, so results do not depend on memory layout.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def cholesky_upper(A, U):
    """Write to ``U`` the upper factor of ``A = U'U``; return False unless ``A`` is positive."""
    size = A.shape[0]
    for i in range(size):
        for j in range(i, size):
            U[i, j] = A[i, j]
    for k in range(size):
        pivot = U[k, k]
        if not pivot > 0.0:
            return False
        root = math.sqrt(pivot)
        U[k, k] = root
        inverse = 1.0 / root
        for j in range(k + 1, size):
            U[k, j] *= inverse
        for i in range(k + 1, size):
            factor = U[k, i]
            for j in range(i, size):
                U[i, j] -= factor * U[k, j]
    return True


@njit(cache=True, nogil=True)
def inverse_from_cholesky(U, V, out):
    """Write to ``out`` the inverse of ``U'U``; ``V`` is a work array, left with ``U'^{-1}``."""
    size = U.shape[0]
    for i in range(size):
        for j in range(i):
            V[i, j] = 0.0
        V[i, i] = 1.0
        for k in range(i):
            factor = U[k, i]
            for j in range(k + 1):
                V[i, j] -= factor * V[k, j]
        inverse = 1.0 / U[i, i]
        for j in range(i + 1):
            V[i, j] *= inverse
    for i in range(size):
        for j in range(i + 1):
            out[i, j] = 0.0
    for k in range(size):
        for i in range(k + 1):
            factor = V[k, i]
            for j in range(i + 1):
                out[i, j] += factor * V[k, j]
    for i in range(size):
        for j in range(i):
            out[j, i] = out[i, j]


@njit(cache=True, nogil=True)
def solve_cholesky(U, rhs, out):
    """Write to ``out`` the solution of ``U'U x = rhs``."""
    size = U.shape[0]
    for i in range(size):
        out[i] = rhs[i]
    for i in range(size):
        out[i] /= U[i, i]
        for j in range(i + 1, size):
            out[j] -= U[i, j] * out[i]
    for i in range(size - 1, -1, -1):
        total = out[i]
        for j in range(i + 1, size):
            total -= U[i, j] * out[j]
        out[i] = total / U[i, i]


@njit(cache=True, nogil=True)
def next_q(t, e, neg, a, b, g, asymmetric, C, Q0, E0, N0, Q):
    """Write ``Q[t]`` from rows before t; ``Q`` is (n + 1, N, N)."""
    size = C.shape[0]
    for i in range(size):
        for j in range(size):
            Q[t, i, j] = C[i, j]
    for lag in range(a.shape[0]):
        s = t - 1 - lag
        for i in range(size):
            if s >= 0:
                factor = a[lag] * e[s, i]
                for j in range(size):
                    Q[t, i, j] += factor * e[s, j]
            else:
                for j in range(size):
                    Q[t, i, j] += a[lag] * E0[i, j]
    for lag in range(b.shape[0]):
        s = t - 1 - lag
        for i in range(size):
            for j in range(size):
                Q[t, i, j] += b[lag] * (Q[s, i, j] if s >= 0 else Q0[i, j])
    if asymmetric:
        for i in range(size):
            for j in range(size):
                Q[t, i, j] += g * (neg[t - 1, i] * neg[t - 1, j] if t > 0 else N0[i, j])


@njit(cache=True, nogil=True)
def recursion(e, neg, a, b, g, asymmetric, C, Q0, E0, N0):
    """``Q`` (n + 1, N, N); ``Q[t]`` uses innovations to ``t - 1``, the last one is tomorrow's."""
    n = e.shape[0]
    Q = np.empty((n + 1, C.shape[0], C.shape[0]))
    for t in range(n + 1):
        next_q(t, e, neg, a, b, g, asymmetric, C, Q0, E0, N0, Q)
    return Q


@njit(cache=True, nogil=True)
def rescale(Q):
    """Correlation matrices of a stack (n, N, N)."""
    out = np.empty(Q.shape)
    size = Q.shape[1]
    inverse = np.empty(size)
    for t in range(Q.shape[0]):
        for i in range(size):
            inverse[i] = 1.0 / math.sqrt(Q[t, i, i])
        for i in range(size):
            for j in range(size):
                out[t, i, j] = Q[t, i, j] * inverse[i] * inverse[j]
            out[t, i, i] = 1.0
    return out


@njit(cache=True, nogil=True)
def row_density(z, Q, nu, const, dconst, U, u, x):
    """Log density of a row given ``Q``, its derivative by ``nu``, and the weight of its distance.

    Fills the Cholesky factor ``U``, ``u = diag(Q)^{1/2} z`` and ``x = Q^{-1} u``. The density is
    NaN when ``Q`` is not positive definite. ``const`` and ``dconst`` are the logarithm of the
    normalising constant and its derivative by ``nu``.
    """
    size = Q.shape[0]
    if not cholesky_upper(Q, U):
        return np.nan, np.nan, np.nan
    log_det = 0.0
    for i in range(size):
        log_det += 2.0 * math.log(U[i, i]) - math.log(Q[i, i])
        u[i] = z[i] * math.sqrt(Q[i, i])
    solve_cholesky(U, u, x)
    square = 0.0
    for i in range(size):
        square += u[i] * x[i]
    if np.isinf(nu):
        return const - 0.5 * (log_det + square), 0.0, 1.0
    log_tail = math.log1p(square / (nu - 2.0))
    weight = (nu + size) / (nu - 2.0 + square)
    value = const - 0.5 * (log_det + (nu + size) * log_tail)
    return value, dconst - 0.5 * log_tail + 0.5 * weight * square / (nu - 2.0), weight


@njit(cache=True, nogil=True)
def slope_by_q(z, Q, weight, U, u, x, V, out):
    """Write to ``out`` the derivative of the row's log density by ``Q`` (symmetric)."""
    size = Q.shape[0]
    inverse_from_cholesky(U, V, out)
    for i in range(size):
        for j in range(size):
            out[i, j] = 0.5 * (weight * x[i] * x[j] - out[i, j])
        out[i, i] += 0.5 / Q[i, i] * (1.0 - weight * x[i] * u[i])


@njit(cache=True, nogil=True)
def full_rows(z, Q, nu, const):
    """Log density of every row (n,) given ``Q``; NaN where it is not positive definite."""
    size = Q.shape[1]
    U = np.zeros((size, size))
    u = np.empty(size)
    x = np.empty(size)
    rows = np.empty(z.shape[0])
    for t in range(z.shape[0]):
        rows[t] = row_density(z[t], Q[t], nu, const, 0.0, U, u, x)[0]
    return rows


@njit(cache=True, nogil=True)
def full_scores(z, e, de, neg, a, b, g, asymmetric, C, dC, Q0, dQ0, E0, dE0, N0, nu, const, dconst):
    """Log density of every row (n,) and its derivatives (n, K + 1), the last one by ``nu``."""
    n = z.shape[0]
    size = C.shape[0]
    k_all = dC.shape[0]
    p = a.shape[0]
    lags = b.shape[0]
    rows = np.empty(n)
    score = np.zeros((n, k_all + 1))
    Q = recursion(e, neg, a, b, g, asymmetric, C, Q0, E0, N0)
    ring = lags + 1
    dQ = np.empty((ring, k_all, size, size))
    U = np.zeros((size, size))
    V = np.empty((size, size))
    slope = np.empty((size, size))
    u = np.empty(size)
    x = np.empty(size)
    for t in range(n):
        now = t % ring
        for k in range(k_all):
            for i in range(size):
                for j in range(size):
                    dQ[now, k, i, j] = dC[k, i, j]
            for lag in range(p):
                s = t - 1 - lag
                own = k == lag
                for i in range(size):
                    for j in range(size):
                        if s < 0:
                            if own:
                                dQ[now, k, i, j] += E0[i, j]
                            dQ[now, k, i, j] += a[lag] * dE0[k, i, j]
                        else:
                            if own:
                                dQ[now, k, i, j] += e[s, i] * e[s, j]
                            if k < de.shape[0]:
                                dQ[now, k, i, j] += a[lag] * (
                                    e[s, i] * de[k, s, j] + de[k, s, i] * e[s, j]
                                )
            for lag in range(lags):
                s = t - 1 - lag
                before = s % ring
                own = k == p + lag
                for i in range(size):
                    for j in range(size):
                        if s < 0:
                            dQ[now, k, i, j] += b[lag] * dQ0[k, i, j]
                            if own:
                                dQ[now, k, i, j] += Q0[i, j]
                        else:
                            dQ[now, k, i, j] += b[lag] * dQ[before, k, i, j]
                            if own:
                                dQ[now, k, i, j] += Q[s, i, j]
            if asymmetric and k == p + lags:
                for i in range(size):
                    for j in range(size):
                        if t > 0:
                            dQ[now, k, i, j] += neg[t - 1, i] * neg[t - 1, j]
                        else:
                            dQ[now, k, i, j] += N0[i, j]
        rows[t], score[t, k_all], weight = row_density(z[t], Q[t], nu, const, dconst, U, u, x)
        if np.isnan(rows[t]):
            rows[t:] = np.nan
            score[t:] = np.nan
            break
        slope_by_q(z[t], Q[t], weight, U, u, x, V, slope)
        for k in range(k_all):
            total = 0.0
            for i in range(size):
                for j in range(size):
                    total += slope[i, j] * dQ[now, k, i, j]
            score[t, k] = total
    return rows, score


@njit(cache=True, nogil=True)
def adjoint(z, e, neg, a, b, g, asymmetric, C, Q0, E0, N0, nu, const):
    """Derivatives of the log-likelihood by its inputs, by one backward pass.

    Returns those by ``z`` (n, N) with everything else fixed, by ``e`` (n, N), by ``neg`` (n, N), by
    ``C``, ``Q0``, ``E0`` and ``N0`` (N, N). ``Q_t``'s adjoint is its own slope plus ``sum_l b_l``
    times the adjoint of ``Q_{t+l}``.
    """
    n = z.shape[0]
    size = C.shape[0]
    lags = b.shape[0]
    Q = recursion(e, neg, a, b, g, asymmetric, C, Q0, E0, N0)
    by_z = np.zeros((n, size))
    by_e = np.zeros((n, size))
    by_neg = np.zeros((n, size))
    by_C = np.zeros((size, size))
    by_Q0 = np.zeros((size, size))
    by_E0 = np.zeros((size, size))
    by_N0 = np.zeros((size, size))
    ring = lags + 1
    lam = np.zeros((ring, size, size))
    U = np.zeros((size, size))
    V = np.empty((size, size))
    u = np.empty(size)
    x = np.empty(size)
    for t in range(n - 1, -1, -1):
        now = t % ring
        weight = row_density(z[t], Q[t], nu, const, 0.0, U, u, x)[2]
        slope_by_q(z[t], Q[t], weight, U, u, x, V, lam[now])
        for i in range(size):
            by_z[t, i] = -weight * x[i] * math.sqrt(Q[t, i, i])
        for lag in range(lags):
            s = t + 1 + lag
            if s < n:
                for i in range(size):
                    for j in range(size):
                        lam[now, i, j] += b[lag] * lam[s % ring, i, j]
        # Q_t's inputs: the constant, and what came lag rows before
        for lag in range(a.shape[0]):
            s = t - 1 - lag
            for i in range(size):
                total = 0.0
                for j in range(size):
                    if s >= 0:
                        total += lam[now, i, j] * e[s, j]
                    else:
                        by_E0[i, j] += a[lag] * lam[now, i, j]
                if s >= 0:
                    by_e[s, i] += 2.0 * a[lag] * total
        for lag in range(lags):
            if t - 1 - lag < 0:
                for i in range(size):
                    for j in range(size):
                        by_Q0[i, j] += b[lag] * lam[now, i, j]
        if asymmetric:
            for i in range(size):
                total = 0.0
                for j in range(size):
                    if t > 0:
                        total += lam[now, i, j] * neg[t - 1, j]
                    else:
                        by_N0[i, j] += g * lam[now, i, j]
                if t > 0:
                    by_neg[t - 1, i] += 2.0 * g * total
        for i in range(size):
            for j in range(size):
                by_C[i, j] += lam[now, i, j]
    return by_z, by_e, by_neg, by_C, by_Q0, by_E0, by_N0
